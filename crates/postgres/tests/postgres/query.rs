//! Clauses mean here what they mean in PostgreSQL: each is judged by both, on the same records.
//!
//! A run begins with a seed of its own; `RAMEKIN_TEST_SEED` begins at another one, and `RAMEKIN_TEST_SEQUENCES` makes up as many
//! clauses.

use crate::clauses::Choices;
use crate::server::{Database, Other};
use ramekin::query::{Bind, Clause, Columns, Limits, Order, Projection, Rendered, Row};
use ramekin::value::json::Json;
use tokio_postgres::types::ToSql;

const CLAUSES: u64 = 1_500;
const RECORDS: usize = 120;
const COLUMNS: Columns<'_> =
    Columns { key: "key", data: "data", expires_at: "expires_at", is_indexed: false, is_bytewise: true };

/// What is judged in any case: the guards of what would fail, on records that would make it.
const ALWAYS: [&str; 8] = [
    "(data->>'n')::int / (data->>'n')::int = 1",
    "(data->>'n')::numeric / (data->'n')::numeric = 1",
    "(data->>'n')::int * 2147483647 > 2147483647 OR - (data->>'n')::int > 0",
    "(data->'n')::int = 2147483647 OR (data->'n')::bigint > 9007199254740993",
    "(data->>'n')::float > 1 OR (data->'n')::real > 1",
    "(data->>'n')::boolean OR (data->'n')::boolean OR (data->'n')::int::boolean",
    "(data->>'n')::date = date '2024-02-29' OR (data->>'n')::timestamptz < (data->>'n')::timestamp",
    "(data->'n')::numeric * (data->'n')::numeric > 5 AND data->'n' < '{}' AND data->>'n' LIKE '%\\%%'",
];

/// Values of `n` in the first records.
const EDGES: [&str; 14] = [
    "0",
    "0.0",
    "\"0\"",
    "2147483648",
    "-2147483648",
    "1e400",
    "1e2000",
    "1e-1500",
    "\"1e400\"",
    "\"1e-400\"",
    "true",
    "\"2024-02-29\"",
    "\"2025-02-29\"",
    "\"2024-02-29 24:00\"",
];

/// A record, beside its row.
struct Record {
    key: String,
    text: String,
    data: Json,
    expire_at_ms: Option<u64>,
}

impl Record {
    fn row(&self) -> Row<'_> {
        Row { key: self.key.as_bytes(), data: self.data.root(), expire_at_ms: self.expire_at_ms }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seeds() -> std::ops::Range<u64> {
    let first = number("RAMEKIN_TEST_SEED").unwrap_or(1) * 1_000_000;
    first..first + number("RAMEKIN_TEST_SEQUENCES").unwrap_or(CLAUSES).max(CLAUSES)
}

/// A database that orders by bytes, with a table of made up records, and the records.
fn prepared(name: &str) -> (Other, Vec<Record>) {
    let database = Database::new();
    database.other().run(&format!(
        "CREATE DATABASE {name}_{} TEMPLATE template0 LOCALE 'C' ENCODING 'UTF8'",
        std::process::id()
    ));
    let (front, _) = database.url.rsplit_once('/').expect("the URL names a database");
    let other = Other::at(&format!("{front}/{name}_{}", std::process::id()));
    other.run("SET TIME ZONE 'Asia/Kathmandu'; CREATE TABLE t (n bigint, key text COLLATE \"C\", data jsonb, expires_at timestamptz)");
    let mut choices = Choices::new(seeds().start + 1);
    let mut records = Vec::new();
    for n in 0..RECORDS {
        let text = match EDGES.get(n) {
            Some(value) => format!("{{\"n\": {value}}}"),
            None if n % 10 == 9 => choices.json(3),
            None => choices.record(),
        };
        let data = Json::parse(text.as_bytes()).expect("it is JSON");
        let expire_at_ms = (n % 3 == 0).then(|| 1_795_249_815_250 + choices.below(3) as u64);
        let key = ["", "x", "xy", "X", "É", "10", "a_b", "50%"][choices.below(8)].to_owned();
        let at = i64::try_from(n).expect("it is small");
        let ms = expire_at_ms.map(|ms| ms.to_string());
        other.ask(
            "INSERT INTO t VALUES ($1, $2, $3::text::jsonb, to_timestamp($4::text::numeric / 1000.0))",
            &[&at, &key, &text, &ms],
        );
        records.push(Record { key, text, data, expire_at_ms });
    }
    (other, records)
}

fn params(rendered: &Rendered) -> Vec<&(dyn ToSql + Sync)> {
    rendered.binds.iter().map(param).collect()
}

fn param(bind: &Bind) -> &(dyn ToSql + Sync) {
    match bind {
        Bind::Text(text) => text,
        Bind::Texts(texts) => texts,
    }
}

/// What PostgreSQL says of each record.
fn judged(
    other: &Other,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Option<bool>>, tokio_postgres::Error> {
    let rows = other.attempt(&format!("SELECT ({sql}) FROM t ORDER BY n"), params)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[test]
fn a_clause_is_judged_alike_here_and_there() {
    let (other, records) = prepared("judged");
    let (mut read, mut as_it_stands) = (0, 0);
    let always = ALWAYS.into_iter().map(|text| (0, text.to_owned(), true));
    let made_up = seeds().map(|seed| {
        let mut choices = Choices::new(seed);
        let casts = choices.below(3) > 0;
        (seed, choices.condition(3, casts), casts)
    });
    for (seed, text, casts) in always.chain(made_up) {
        let Ok(clause) = Clause::parse(&text, &Limits::default()) else { continue };
        read += 1;
        let here: Vec<_> = records.iter().map(|record| clause.matches(&record.row())).collect();
        let rendered = clause.render(&COLUMNS, 0).expect("it is not too long");
        let there = judged(&other, &rendered.sql, &params(&rendered));
        let there = there.unwrap_or_else(|error| {
            panic!("seed {seed}: {text}\n{}\n{:?}\n{error:?}", rendered.sql, rendered.binds)
        });
        differ(seed, &text, &records, &here, &there);
        match judged(&other, &text, &[]) {
            Ok(there) if !casts => {
                differ(seed, &text, &records, &here, &there);
                as_it_stands += 1;
            }
            Ok(_) => {}
            Err(error) => {
                let code = error.code().map_or("", |code| code.code());
                assert!(casts && code != "42601", "seed {seed}: PostgreSQL does not read {text}: {error:?}");
            }
        }
        let indexed = clause.render(&Columns { is_indexed: true, ..COLUMNS }, 0).expect("it is not too long");
        let found =
            judged(&other, &indexed.sql, &params(&indexed)).expect("what is indexed can be asked for");
        let selects = |judged: &[Option<bool>]| judged.iter().map(|is| *is == Some(true)).collect::<Vec<_>>();
        assert_eq!(selects(&here), selects(&found), "seed {seed}: {text}\n{}", indexed.sql);
    }
    let made = usize::try_from(seeds().end - seeds().start).expect("it is small");
    assert!(read > made * 3 / 5 && as_it_stands > made / 5, "{read} and {as_it_stands} of {made}");
}

fn differ(seed: u64, text: &str, records: &[Record], here: &[Option<bool>], there: &[Option<bool>]) {
    for ((record, here), there) in records.iter().zip(here).zip(there) {
        assert_eq!(
            here, there,
            "seed {seed}: here and there differ in\n{text}\nof {:?} {}",
            record.key, record.text
        );
    }
}

#[test]
fn records_are_in_the_same_order_here_and_there() {
    let (other, records) = prepared("ordered");
    let mut read = 0;
    for seed in seeds().take(usize::try_from(CLAUSES / 4).expect("it is small")) {
        let mut choices = Choices::new(seed);
        let text = (0..=choices.below(3)).map(|_| choices.order_key()).collect::<Vec<_>>().join(", ");
        let Ok(order) = Order::parse(&text, &Limits::default()) else { continue };
        read += 1;
        let mut here: Vec<usize> = (0..records.len()).collect();
        here.sort_by(|one, two| order.compare(&records[*one].row(), &records[*two].row()));
        let rendered = order.render(&COLUMNS, 0).expect("it is not too long");
        let sql = format!("SELECT n FROM t ORDER BY {}, n", rendered.sql);
        let rows = other.attempt(&sql, &params(&rendered)).unwrap_or_else(|error| panic!("{sql}\n{error:?}"));
        let there: Vec<usize> =
            rows.iter().map(|row| usize::try_from(row.get::<_, i64>(0)).expect("it is small")).collect();
        assert_eq!(here, there, "seed {seed}: {text}\n{sql}");
    }
    assert!(read > 200, "{read}");
}

#[test]
fn what_is_computed_has_the_same_digits_here_and_there() {
    const PAIRS: usize = 400;
    let database = Database::new();
    let mut choices = Choices::new(seeds().start + 2);
    let mut number = || choices.digits();
    let pairs: Vec<[String; 2]> = (0..PAIRS).map(|_| [number(), number()]).collect();
    let list = "((data->'a')::numeric + (data->'b')::numeric)::text, ((data->'a')::numeric - (data->'b')::numeric)::text,
        ((data->'a')::numeric * (data->'b')::numeric)::text, ((data->'a')::numeric / (data->'b')::numeric)::text,
        (data->'a')::bigint::text";
    let projection = Projection::parse(list, &Limits::default()).expect("it is a list");
    let sql = format!(
        "WITH pairs AS (SELECT n, jsonb_build_object('a', a::jsonb, 'b', b::jsonb) AS data
           FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (a, b, n))
         SELECT {} FROM pairs ORDER BY n",
        list.replace("/ (data->'b')::numeric", "/ NULLIF((data->'b')::numeric, 0)").replace(
            "(data->'a')::bigint",
            "(CASE WHEN abs((data->'a')::numeric) < 9e18 THEN (data->'a')::bigint END)"
        )
    );
    let side = |at: usize| pairs.iter().map(|pair| pair[at].clone()).collect::<Vec<_>>();
    let rows = database.other().ask(&sql, &[&side(0), &side(1)]);
    for (pair, row) in pairs.iter().zip(rows) {
        let [a, b] = pair;
        let data = Json::parse(format!("{{\"a\": {a}, \"b\": {b}}}").as_bytes()).expect("it is JSON");
        let record = Row { key: b"", data: data.root(), expire_at_ms: None };
        for (at, here) in projection.values(&record).enumerate() {
            let there =
                row.get::<_, Option<String>>(at).map_or("null".to_owned(), |text| format!("\"{text}\""));
            let here = String::from_utf8(here).expect("it is text");
            // Between 9e18 and the bound only we convert.
            assert!(
                here == there || at == 4 && there == "null",
                "column {at} of {a} and {b}: {here} here, {there} there"
            );
        }
    }
}
