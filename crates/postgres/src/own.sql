-- Ramekin's own tables, format 1. {s} is the schema. docs/design/store.md says what they mean.

-- One row: whose store this is.
CREATE TABLE {s}.ramekin_meta (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    format integer NOT NULL,
    store_id text NOT NULL,
    database_id text NOT NULL,
    epoch bigint NOT NULL,
    written bigint NOT NULL,
    version bigint NOT NULL,
    owned boolean NOT NULL,
    owner text NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now()
);

-- How far each lane has come. Small and always changing: old states of a row are pruned within its page.
CREATE TABLE {s}.ramekin_lanes (
    lane integer PRIMARY KEY,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    watermark bigint NOT NULL,
    version bigint NOT NULL,
    written bigint NOT NULL
) WITH (fillfactor = 10);

-- Tables of records that were defined here; `made` by us, or taken as they were.
CREATE TABLE {s}.ramekin_tables (
    name text COLLATE "C" PRIMARY KEY,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    key_column text NOT NULL,
    data_column text NOT NULL,
    made boolean NOT NULL
);

-- All keys that are not records. `key` stands in for a `whole_key` that is too long for an index.
CREATE TABLE {s}.ramekin_keys (
    db bigint NOT NULL,
    key bytea NOT NULL,
    whole_key bytea,
    kind smallint NOT NULL,
    value bytea,
    parts integer,
    ver bigint NOT NULL,
    stamp bigint NOT NULL DEFAULT 0,
    expires_ms bigint,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (db, key),
    CHECK ((value IS NULL) <> (parts IS NULL))
);
CREATE INDEX ramekin_keys_expiry ON {s}.ramekin_keys (db, expires_ms) WHERE expires_ms IS NOT NULL;

-- The parts of large values.
CREATE TABLE {s}.ramekin_parts (
    db bigint NOT NULL,
    key bytea NOT NULL,
    n integer NOT NULL,
    crc bigint NOT NULL,
    part bytea NOT NULL,
    PRIMARY KEY (db, key, n)
);

-- Changes that others have made. No key: all of the place.
CREATE TABLE {s}.ramekin_outside (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tab text,
    db bigint,
    key bytea,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE SEQUENCE {s}.ramekin_stamps;

-- Parts go with their row.
CREATE FUNCTION {s}.ramekin_trim() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $ramekin$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM {s}.ramekin_parts;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM {s}.ramekin_parts WHERE db = OLD.db AND key = OLD.key;
    ELSE
        DELETE FROM {s}.ramekin_parts WHERE db = OLD.db AND key = OLD.key AND n >= coalesce(NEW.parts, 0);
    END IF;
    RETURN NULL;
END $ramekin$;
CREATE TRIGGER ramekin_trim_updated AFTER UPDATE ON {s}.ramekin_keys FOR EACH ROW
WHEN (OLD.parts > coalesce(NEW.parts, 0)) EXECUTE FUNCTION {s}.ramekin_trim();
CREATE TRIGGER ramekin_trim_deleted AFTER DELETE ON {s}.ramekin_keys FOR EACH ROW
WHEN (OLD.parts > 0) EXECUTE FUNCTION {s}.ramekin_trim();
CREATE TRIGGER ramekin_trim_emptied AFTER TRUNCATE ON {s}.ramekin_keys FOR EACH STATEMENT
EXECUTE FUNCTION {s}.ramekin_trim();

-- Others' changes of keys.
CREATE FUNCTION {s}.ramekin_note_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $ramekin$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO {s}.ramekin_outside (db) SELECT DISTINCT db FROM {s}.ramekin_keys;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO {s}.ramekin_outside (db, key) VALUES (OLD.db, coalesce(OLD.whole_key, OLD.key));
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        NEW.ver := OLD.ver;
    ELSE
        NEW.ver := 0;
    END IF;
    NEW.stamp := nextval('{l}.ramekin_stamps');
    IF TG_OP = 'INSERT' OR OLD.key <> NEW.key OR OLD.db <> NEW.db THEN
        INSERT INTO {s}.ramekin_outside (db, key) VALUES (NEW.db, coalesce(NEW.whole_key, NEW.key));
    END IF;
    RETURN NEW;
END $ramekin$;

-- Others' changes of records. Arguments: the table's name here, and its column of keys.
CREATE FUNCTION {s}.ramekin_note_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $ramekin$
DECLARE
    question text := format('SELECT convert_to(($1).%I::text, ''UTF8'')', TG_ARGV[1]);
    was bytea;
    becomes bytea;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO {s}.ramekin_outside (tab) VALUES (TG_ARGV[0]);
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        EXECUTE question INTO was USING OLD;
        INSERT INTO {s}.ramekin_outside (tab, key) VALUES (TG_ARGV[0], was);
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        NEW.ver := OLD.ver;
    ELSE
        NEW.ver := 0;
    END IF;
    NEW.stamp := nextval('{l}.ramekin_stamps');
    EXECUTE question INTO becomes USING NEW;
    IF was IS DISTINCT FROM becomes THEN
        INSERT INTO {s}.ramekin_outside (tab, key) VALUES (TG_ARGV[0], becomes);
    END IF;
    RETURN NEW;
END $ramekin$;

INSERT INTO {s}.ramekin_meta (format, store_id, database_id, epoch, written, version, owned, owner)
VALUES (1, md5(random()::text || clock_timestamp()::text || pg_backend_pid()::text), '', 0, 0, 0, false, '');
DO $ramekin$
DECLARE
    id text := (SELECT store_id FROM {s}.ramekin_meta);
BEGIN
    EXECUTE format('CREATE TRIGGER ramekin_note BEFORE INSERT OR UPDATE OR DELETE ON %1$s.ramekin_keys FOR EACH ROW
        WHEN (current_setting(''ramekin.writer'', true) IS DISTINCT FROM %2$L)
        EXECUTE FUNCTION %1$s.ramekin_note_key()', '{l}', id);
    EXECUTE format('CREATE TRIGGER ramekin_note_emptied BEFORE TRUNCATE ON %1$s.ramekin_keys FOR EACH STATEMENT
        WHEN (current_setting(''ramekin.writer'', true) IS DISTINCT FROM %2$L)
        EXECUTE FUNCTION %1$s.ramekin_note_key()', '{l}', id);
END $ramekin$;
