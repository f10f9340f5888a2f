//! Tables of records: made, or taken as they are, and given up again.
//!
//! A table that others have made keeps its columns and its rows; what is missing is added beside them, without rewriting
//! anything: `ver`, `stamp`, `expires_at`, `updated_at`, and triggers that tell us what others do. Its columns of those names
//! are ours from then on. Two Ramekins never share a table: whose it is shows in its triggers.

use crate::claim::{fence, fenced};
use crate::names::{Relation, quoted, quoted_literal};
use crate::records::Shape;
use crate::schema::{by_others, store_id};
use crate::session::{Param, Session, Step};
use crate::tags;
use ramekin::store::{ErrorKind, Place, StoreError, Table};

/// The columns that we add, with their types as the server calls them.
const COLUMNS: [(&str, &str, &str); 4] = [
    ("ver", "bigint", "bigint NOT NULL DEFAULT 0"),
    ("stamp", "bigint", "bigint NOT NULL DEFAULT 0"),
    ("expires_at", "timestamp with time zone", "timestamptz"),
    ("updated_at", "", "timestamptz NOT NULL DEFAULT now()"),
];

/// A table as it is to be.
struct Plan {
    table: Table,
    relation: Relation,
    key: String,
    data: String,
    shape: Shape,
}

impl Plan {
    fn of(session: &Session, table: &Table) -> Result<Self, StoreError> {
        let relation = match &table.stored_as {
            Some(name) => Relation::parse(name, &session.names.schema)?,
            None => {
                quoted(&table.name)?;
                Relation { schema: session.names.schema.clone(), name: table.name.to_string() }
            }
        };
        if relation.name.starts_with("ramekin_") {
            let text = format!("table {}: names that begin with ramekin_ are the store's own", table.name);
            return Err(StoreError::new(ErrorKind::Invalid, text));
        }
        let key = table.key_column.clone().unwrap_or_else(|| "key".to_owned());
        let data = table.data_column.clone().unwrap_or_else(|| "data".to_owned());
        let shape = Shape::new(&table.name, &relation, &key, &data)?;
        Ok(Self { table: table.clone(), relation, key, data, shape })
    }

    fn refused(&self, text: &str) -> StoreError {
        let text = format!("table {} ({}): {text}", self.table.name, self.shape.relation);
        StoreError::new(ErrorKind::Table(self.shape.place.clone()), text)
    }

    /// A table that others had made is theirs to make again: it may have been renamed.
    fn gone(&self) -> StoreError {
        self.refused(
            "it was dropped or renamed: its rows wait until it is there again, or is given up by TABLE.DROP",
        )
    }
}

/// What the catalogue says of a table.
#[derive(Default)]
struct There {
    kind: String,
    columns: Vec<(String, String)>,
    has_unique_key: bool,
    /// Whether the index of the key has the order of bytes.
    is_ordered: bool,
    /// Whether what has expired is found by an index.
    has_expiries: bool,
    /// The schema whose triggers are on it.
    owner: Option<String>,
    triggers: i64,
}

/// See [`ramekin::store::Connection::define`].
pub(crate) fn define(session: &mut Session, table: &Table) -> Result<Shape, StoreError> {
    let plan = Plan::of(session, table)?;
    let id = store_id(session)?;
    let lock = Step::new("SELECT pg_advisory_xact_lock(hashtext('ramekin schema'))", Vec::new());
    let defined = session.transaction(vec![lock], |session, _| {
        let there = look(session, &plan)?;
        let is_made = there.is_none();
        let known = registered(session, &plan)?;
        match there {
            None if known == Some(false) => return Err(plan.gone()),
            None => make(session, &plan)?,
            Some(there) => adopt(session, &plan, &there, known.is_some())?,
        }
        let there = look(session, &plan)?.unwrap_or_default();
        if there.triggers < 2 {
            watch(session, &plan, &id)?;
            if known.is_some() {
                note_all(session, &plan)?;
            }
        }
        let is_made = register(session, &plan, is_made)?;
        Ok((there, is_made))
    });
    let (there, is_made) = defined.map_err(|error| without_rights(&plan, error))?;
    if !there.is_ordered {
        // Keys are paged in the order of bytes.
        index(session, &plan, "({k} COLLATE \"C\")");
    }
    if !there.has_expiries {
        index(session, &plan, "(expires_at) WHERE expires_at IS NOT NULL");
    }
    Ok(Shape { is_made, ..plan.shape })
}

fn look(session: &mut Session, plan: &Plan) -> Result<Option<There>, StoreError> {
    let relation = || -> Vec<Param<'_>> {
        vec![Box::new(plan.relation.schema.as_str()), Box::new(plan.relation.name.as_str())]
    };
    let sql = "SELECT c.relkind::text,
          EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $3::text
                  WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
                    AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
          EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $3::text
                  JOIN pg_collation l ON l.oid = i.indcollation[0]
                  JOIN pg_database d ON d.datname = current_database()
                  WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum
                    AND l.collname = 'C'),
          EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'expires_at'
                  WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum),
          (SELECT n.nspname::text FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE g.tgrelid = c.oid AND p.proname = 'ramekin_note_record' LIMIT 1),
          (SELECT count(*) FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE g.tgrelid = c.oid AND p.proname = 'ramekin_note_record' AND n.nspname = $4::text AND g.tgenabled <> 'D'
             AND g.tgargs = convert_to($5::text, 'UTF8') || '\\x00'::bytea || convert_to($3::text, 'UTF8') || '\\x00'::bytea)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::text AND c.relname = $2::text
          AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
    let mut params = relation();
    params.extend([
        Box::new(plan.key.as_str()) as Param<'_>,
        Box::new(session.names.schema.clone()),
        Box::new(&*plan.table.name),
    ]);
    let rows = session.one(Step::new(sql, params))?.rows;
    let Some(row) = rows.first() else { return Ok(None) };
    let columns = "SELECT a.attname::text, format_type(a.atttypid, NULL) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1::text AND c.relname = $2::text AND a.attnum > 0 AND NOT a.attisdropped";
    let columns = session.one(Step::new(columns, relation()))?.rows;
    Ok(Some(There {
        kind: row.get(0),
        columns: columns.iter().map(|row| (row.get(0), row.get(1))).collect(),
        has_unique_key: row.get(1),
        is_ordered: row.get(2),
        has_expiries: row.get(3),
        owner: row.get(4),
        triggers: row.get(5),
    }))
}

/// What is new waits to be sorted into the index of data until the server's autovacuum analyzes the table, which is to be soon; or
/// until it is so much that whoever writes does it.
fn make(session: &mut Session, plan: &Plan) -> Result<(), StoreError> {
    let sql = plan.shape.sql(
        "CREATE TABLE {t} ({k} text COLLATE \"C\" PRIMARY KEY, {d} jsonb NOT NULL, ver bigint NOT NULL DEFAULT 0,
           stamp bigint NOT NULL DEFAULT 0, expires_at timestamptz, updated_at timestamptz NOT NULL DEFAULT now())
           WITH (autovacuum_analyze_scale_factor = 0.02);
         CREATE INDEX ON {t} USING gin ({d} jsonb_path_ops) WITH (gin_pending_list_limit = 65536);
         CREATE INDEX ON {t} (expires_at) WHERE expires_at IS NOT NULL;",
    );
    session.script(&sql, Some(&plan.shape.place))
}

/// Takes a table that is there: its key and its data have to be what we need, and what is missing is added.
fn adopt(session: &mut Session, plan: &Plan, there: &There, is_known: bool) -> Result<(), StoreError> {
    if there.kind != "r" {
        return Err(
            plan.refused("only a plain table can hold records, not a view, a foreign or a partitioned table")
        );
    }
    if let Some(owner) = there.owner.as_ref().filter(|owner| **owner != session.names.schema) {
        let text = format!(
            "it belongs to another store, whose tables are in schema {owner}; if that one is gone, drop the triggers \
             ramekin_note and ramekin_note_emptied on it"
        );
        return Err(plan.refused(&text));
    }
    let type_of =
        |name: &str| there.columns.iter().find(|(column, _)| column == name).map(|(_, kind)| kind.as_str());
    match type_of(&plan.key) {
        Some("text" | "character varying") => {}
        Some(kind) => {
            return Err(
                plan.refused(&format!("its column of keys, {}, is of type {kind}, not text", plan.key))
            );
        }
        None => {
            return Err(plan.refused(&format!("it has no column {}: say which one has the keys", plan.key)));
        }
    }
    match type_of(&plan.data) {
        Some("jsonb" | "json") => {}
        Some(kind) => {
            return Err(
                plan.refused(&format!("its column of data, {}, is of type {kind}, not jsonb", plan.data))
            );
        }
        None => {
            return Err(plan.refused(&format!("it has no column {}: say which one has the data", plan.data)));
        }
    }
    if !there.has_unique_key {
        let text = plan.shape.sql("its keys are not unique: run `CREATE UNIQUE INDEX ON {t} ({k});`");
        return Err(plan.refused(&text));
    }
    let missing: Vec<&(&str, &str, &str)> =
        COLUMNS.iter().filter(|(name, ..)| type_of(name).is_none()).collect();
    for (name, kind, _) in COLUMNS.iter().filter(|(_, kind, _)| !kind.is_empty()) {
        if let Some(other) = type_of(name).filter(|other| other != kind) {
            return Err(
                plan.refused(&format!("its column {name} is of type {other}, and would have to be {kind}"))
            );
        }
    }
    if !missing.is_empty() {
        let added: Vec<String> = missing
            .iter()
            .map(|(name, _, definition)| format!("ADD COLUMN IF NOT EXISTS {name} {definition}"))
            .collect();
        session.script(
            &plan.shape.sql(&format!("ALTER TABLE {{t}} {}", added.join(", "))),
            Some(&plan.shape.place),
        )?;
    }
    let is_versioned = missing.iter().all(|(name, ..)| *name != "ver");
    if is_versioned && !is_known {
        // Versions of another store mean nothing here, and would stop ours.
        session.script(
            &plan.shape.sql("UPDATE {t} SET ver = 0, stamp = 0 WHERE ver <> 0 OR stamp <> 0"),
            Some(&plan.shape.place),
        )?;
    }
    Ok(())
}

/// Whether this table was defined before, and then whether it was made here.
fn registered(session: &mut Session, plan: &Plan) -> Result<Option<bool>, StoreError> {
    let sql = session.names.sql(
        "SELECT bool_or(made) FROM {s}.ramekin_tables WHERE schema_name = $1::text AND table_name = $2::text",
    );
    let params: Vec<Param<'_>> =
        vec![Box::new(plan.relation.schema.as_str()), Box::new(plan.relation.name.as_str())];
    Ok(session.one(Step::new(sql, params))?.rows.first().and_then(|row| row.get(0)))
}

/// It was dropped and made anew, or was not watched for a while: whatever was known of its rows is no longer.
fn note_all(session: &mut Session, plan: &Plan) -> Result<(), StoreError> {
    let sql = session.names.sql("INSERT INTO {s}.ramekin_outside (tab) VALUES ($1::text)");
    session.one(Step::new(sql, vec![Box::new(&*plan.table.name)])).map(drop)
}

/// Sets up the triggers that note what others do.
fn watch(session: &mut Session, plan: &Plan, id: &str) -> Result<(), StoreError> {
    let others = by_others(id);
    let function = session.names.sql("{s}.ramekin_note_record");
    let arguments = format!("{}, {}", quoted_literal(&plan.table.name), quoted_literal(&plan.key));
    let relation = &plan.shape.relation;
    let sql = format!(
        "DROP TRIGGER IF EXISTS ramekin_note ON {relation};
         DROP TRIGGER IF EXISTS ramekin_note_emptied ON {relation};
         CREATE TRIGGER ramekin_note BEFORE INSERT OR UPDATE OR DELETE ON {relation} FOR EACH ROW
           WHEN ({others}) EXECUTE FUNCTION {function}({arguments});
         CREATE TRIGGER ramekin_note_emptied BEFORE TRUNCATE ON {relation} FOR EACH STATEMENT
           WHEN ({others}) EXECUTE FUNCTION {function}({arguments});"
    );
    session.script(&sql, Some(&plan.shape.place))
}

/// Notes whose table it is. Returns whether it was made here, now or before.
fn register(session: &mut Session, plan: &Plan, is_made: bool) -> Result<bool, StoreError> {
    let sql = session.names.sql(
        "INSERT INTO {s}.ramekin_tables AS t (name, schema_name, table_name, key_column, data_column, made)
         VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::bool)
         ON CONFLICT (name) DO UPDATE SET schema_name = excluded.schema_name, table_name = excluded.table_name,
           key_column = excluded.key_column, data_column = excluded.data_column,
           made = excluded.made OR t.made AND t.schema_name = excluded.schema_name AND t.table_name = excluded.table_name
         RETURNING made",
    );
    let params: Vec<Param<'_>> = vec![
        Box::new(&*plan.table.name),
        Box::new(plan.relation.schema.as_str()),
        Box::new(plan.relation.name.as_str()),
        Box::new(plan.key.as_str()),
        Box::new(plan.data.as_str()),
        Box::new(is_made),
    ];
    let rows = session.one(Step::new(sql, params))?.rows;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Adds an index, others going on meanwhile. A table that is taken as it is works without it, slowly.
fn index(session: &mut Session, plan: &Plan, what: &str) {
    let sql = plan.shape.sql(&format!("CREATE INDEX CONCURRENTLY ON {{t}} {what}"));
    let _ = session.script(&sql, None);
}

fn without_rights(plan: &Plan, error: StoreError) -> StoreError {
    if !error.text.contains("SQLSTATE 42501") {
        return error;
    }
    let text = format!(
        "{}. Make it owned by this user, or let its owner do: `{}`",
        error.text,
        plan.shape.sql("CREATE TABLE IF NOT EXISTS {t} ({k} text COLLATE \"C\" PRIMARY KEY, {d} jsonb NOT NULL); ALTER TABLE {t} OWNER TO <user>;")
    );
    StoreError::new(ErrorKind::Table(plan.shape.place.clone()), text)
}

/// See [`ramekin::store::Connection::drop_table`].
pub(crate) fn drop_table(
    session: &mut Session,
    table: &Table,
    epoch: u64,
    has_tags: bool,
) -> Result<(), StoreError> {
    let plan = Plan::of(session, table)?;
    let lock = Step::new("SELECT pg_advisory_xact_lock(hashtext('ramekin schema'))", Vec::new());
    let steps = vec![lock, fence(session, epoch)];
    session.transaction(steps, |session, answers| {
        if answers.last().is_none_or(|fence| fence.rows.is_empty()) {
            return Err(fenced(epoch));
        }
        if has_tags {
            tags::drop_table(session, &table.name)?;
        }
        let sql = session.names.sql("DELETE FROM {s}.ramekin_tables WHERE name = $1::text RETURNING made");
        let rows = session.one(Step::new(sql, vec![Box::new(&*table.name)]))?.rows;
        let is_there = look(session, &plan)?.is_some_and(|there| there.owner.as_ref() == Some(&session.names.schema));
        let sql = match rows.first() {
            Some(row) if row.get(0) => plan.shape.sql("DROP TABLE IF EXISTS {t}"),
            Some(_) if is_there => plan.shape.sql(
                "DROP TRIGGER IF EXISTS ramekin_note ON {t}; DROP TRIGGER IF EXISTS ramekin_note_emptied ON {t};",
            ),
            _ => return Ok(()),
        };
        session.script(&sql, Some(&plan.shape.place))
    })
}

/// A table that was defined here before, by its name.
pub(crate) fn known(session: &mut Session, name: &str) -> Result<Shape, StoreError> {
    let sql = session
        .names
        .sql("SELECT schema_name, table_name, key_column, data_column, made FROM {s}.ramekin_tables WHERE name = $1::text");
    let rows = session.one(Step::new(sql, vec![Box::new(name)]))?.rows;
    let Some(row) = rows.first() else {
        let text = format!("table {name}: the store has no such table of records");
        return Err(StoreError::new(ErrorKind::Table(Place::Table(name.into())), text));
    };
    let relation = Relation { schema: row.get(0), name: row.get(1) };
    let shape = Shape::new(name, &relation, row.get(2), row.get(3))?;
    Ok(Shape { is_made: row.get(4), ..shape })
}

/// Tables of others in our schema that [`adopt`] would take, whose names begin so.
pub(crate) fn found(session: &mut Session, prefix: &str) -> Result<Vec<String>, StoreError> {
    let sql = session.names.sql(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute k ON k.attrelid = c.oid AND k.attname = 'key' AND NOT k.attisdropped
           AND k.atttypid IN ('text'::regtype, 'varchar'::regtype)
         JOIN pg_attribute d ON d.attrelid = c.oid AND d.attname = 'data' AND NOT d.attisdropped
           AND d.atttypid IN ('jsonb'::regtype, 'json'::regtype)
         WHERE n.nspname = $1::text AND c.relkind = 'r' AND starts_with(c.relname::text, $2::text)
           AND NOT starts_with(c.relname::text, 'ramekin_')
           AND EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                       AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = k.attnum)
           AND NOT EXISTS (SELECT 1 FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
                           WHERE g.tgrelid = c.oid AND p.proname = 'ramekin_note_record')
           AND NOT EXISTS (SELECT 1 FROM {s}.ramekin_tables t WHERE t.schema_name = n.nspname AND t.table_name = c.relname)
         ORDER BY c.relname COLLATE \"C\"",
    );
    let params: Vec<Param<'_>> = vec![Box::new(session.names.schema.clone()), Box::new(prefix)];
    let rows = session.one(Step::new(sql, params))?.rows;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// All tables that were defined here.
pub(crate) fn all(session: &mut Session) -> Result<Vec<Table>, StoreError> {
    let sql = session.names.sql(
        "SELECT name, schema_name, table_name, key_column, data_column FROM {s}.ramekin_tables ORDER BY name",
    );
    let rows = session.one(Step::new(sql, Vec::new()))?.rows;
    let table = |row: &tokio_postgres::Row| {
        let (schema, name): (String, String) = (row.get(1), row.get(2));
        Table {
            name: row.get::<_, String>(0).into(),
            stored_as: Some(format!("{schema}.{name}")),
            key_column: Some(row.get(3)),
            data_column: Some(row.get(4)),
        }
    };
    Ok(rows.iter().map(table).collect())
}
