-- Ramekin's own tables, from format 1 to format 2: the tags of keys. {s} is the schema.

-- `tab` is the name here of a record's table, and empty for all other keys; `key` and `whole_key` as in ramekin_keys.
CREATE TABLE {s}.ramekin_tags (
    tab text COLLATE "C" NOT NULL,
    db bigint NOT NULL,
    key bytea NOT NULL,
    whole_key bytea,
    tag bytea NOT NULL
);
-- A tag may be too long for an index beside a long key.
CREATE UNIQUE INDEX ramekin_tags_of_key ON {s}.ramekin_tags (tab, db, key, sha256(tag));
CREATE INDEX ramekin_tags_by_tag ON {s}.ramekin_tags (tab, db, sha256(tag), key);
UPDATE {s}.ramekin_meta SET format = 2;
