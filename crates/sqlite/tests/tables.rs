//! Tables of records as people see them, and tables that people have made.

use crate::common::{Owner, change, record, table};
use ramekin::store::{Content, ErrorKind, Place, Table};
use rusqlite::Connection;

fn adopted() -> Table {
    Table {
        stored_as: Some("Staff".to_owned()),
        key_column: Some("login".to_owned()),
        data_column: Some("doc".to_owned()),
        ..table("people")
    }
}

#[test]
fn a_table_of_records_can_be_read_by_people_while_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut owner = Owner::of(&path, 0);
    owner.connection.define(&table("people")).unwrap();
    let place = Place::Table("people".into());
    let mut ada = record(&place, "ada", 3, r#"{"age":36}"#);
    ada.expire_at_ms = 4_102_444_800_000;
    owner.put(vec![ada]);
    let db = Connection::open(&path).unwrap();
    let sql = "SELECT key, data ->> 'age', ver, datetime(expires_at / 1000, 'unixepoch'),
                      abs(unixepoch() - updated_at / 1000) < 60 FROM people";
    let row: (String, i64, i64, String, bool) = db.query_row(sql, (), |row| row.try_into()).unwrap();
    assert_eq!(row, ("ada".to_owned(), 36, 3, "2100-01-01 00:00:00".to_owned(), true));
}

#[test]
fn a_table_of_others_is_taken_as_it_is_and_left_alone_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        r#"CREATE TABLE Staff (id INTEGER PRIMARY KEY, login TEXT UNIQUE, doc TEXT, ver TEXT DEFAULT 'theirs');
           INSERT INTO Staff (login, doc) VALUES ('ada', '{"old":1}'), ('eve', '{"old":2}');"#,
    )
    .unwrap();
    let mut owner = Owner::of(&path, 0);
    owner.connection.define(&adopted()).unwrap();
    owner.connection.define(&adopted()).unwrap();
    let place = Place::Table("people".into());
    assert_eq!(owner.content(&place, "ada"), Some(Content::Record(r#"{"old":1}"#.to_owned())));
    owner.put(vec![
        record(&place, "ada", 5, r#"{"new":1}"#),
        record(&place, "bob", 6, r#"{"new":2}"#),
        change(&place, "eve", 7, Content::Gone),
    ]);
    assert_eq!(
        owner.connection.page(&place, None, 9, 0).unwrap(),
        [(b"ada".to_vec(), 5), (b"bob".to_vec(), 6)]
    );
    let rows = |db: &Connection| {
        let sql = "SELECT group_concat(login || doc || ver, ' ' ORDER BY login) FROM Staff";
        db.query_row(sql, (), |row| row.get::<_, String>(0)).unwrap()
    };
    let wanted = r#"ada{"new":1}theirs bob{"new":2}theirs"#;
    assert_eq!(rows(&db), wanted);
    owner.connection.drop_table(&adopted(), owner.claimed.epoch).unwrap();
    assert_eq!(rows(&db), wanted);
    assert!(owner.connection.count(&place, 0).is_err());
}

#[test]
fn tables_whose_names_differ_in_case_alone_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut owner = Owner::of(&path, 0);
    // The name that the third would get is another's.
    let names = ["Users", "users_2", "users", "USERS"];
    let place = |name: &str| Place::Table(name.into());
    for (version, name) in (1..).zip(names) {
        owner.connection.define(&table(name)).unwrap();
        owner.put(vec![record(&place(name), "k", version, &format!(r#"{{"of":"{name}"}}"#))]);
    }
    let epoch = owner.claimed.epoch;
    drop(owner);
    let mut owner = Owner::of(&path, epoch);
    let known: Vec<_> = owner.connection.tables().unwrap();
    assert_eq!(known.len(), names.len());
    for name in names {
        owner.connection.define(&table(name)).unwrap();
        let record = Content::Record(format!(r#"{{"of":"{name}"}}"#));
        assert_eq!(owner.content(&place(name), "k"), Some(record));
    }
    let said = Table { stored_as: Some("USERS_2".to_owned()), ..table("other") };
    assert_eq!(owner.connection.define(&said).unwrap_err().kind, ErrorKind::Invalid);
}

#[test]
fn a_table_that_cannot_hold_records_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let db = Connection::open(&path).unwrap();
    let mut owner = Owner::of(&path, 0);
    let place = Place::Table("people".into());
    for columns in [
        "login TEXT UNIQUE",
        "login TEXT, doc TEXT",
        "login INTEGER UNIQUE, doc TEXT",
        "login TEXT COLLATE NOCASE UNIQUE, doc TEXT",
        "login TEXT, site TEXT, doc TEXT, UNIQUE (login, site)",
    ] {
        db.execute_batch(&format!("CREATE TABLE Staff ({columns})")).unwrap();
        let refused = owner.connection.define(&adopted()).map_err(|error| error.kind);
        assert_eq!(refused, Err(ErrorKind::Table(place.clone())), "{columns}");
        let count = "SELECT count(*) FROM pragma_table_info('Staff')";
        let count: usize = db.query_row(count, (), |row| row.get(0)).unwrap();
        assert!(count <= 3, "{columns}");
        db.execute_batch("DROP TABLE Staff").unwrap();
    }
}

#[test]
fn names_that_would_meet_in_one_table_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = Owner::of(&folder.path().join("store.db"), 0);
    owner.connection.define(&table("people")).unwrap();
    let other = Table { stored_as: Some("people".to_owned()), ..table("others") };
    for table in [other, table("ramekin_keys"), table("Ramekin_new"), table("sqlite_x"), table("")] {
        let refused = owner.connection.define(&table).map_err(|error| error.kind);
        assert_eq!(refused, Err(ErrorKind::Invalid), "{}", table.name);
    }
}

#[test]
fn only_parts_that_differ_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut owner = Owner::of(&path, 0);
    let part = |seed: u8| vec![seed; 100_000];
    let mut parts: Vec<Vec<u8>> = (0..50).map(part).collect();
    let keys = Place::Keys(0);
    owner.put(vec![change(&keys, "big", 1, Content::Parts(1, parts.clone()))]);
    let log = folder.path().join("store.db-wal");
    let before = std::fs::metadata(&log).unwrap().len();
    parts[20] = part(99);
    owner.put(vec![change(&keys, "big", 2, Content::Parts(1, parts.clone()))]);
    let grown = std::fs::metadata(&log).unwrap().len() - before;
    assert!(
        (100_000..200_000).contains(&grown),
        "one part of 100 kB of 5 MB has changed, and {grown} bytes were written"
    );
    assert_eq!(owner.content(&keys, "big"), Some(Content::Parts(1, parts)));
}
