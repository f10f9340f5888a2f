//! The server that tests use: that of `RAMEKIN_TEST_POSTGRES`, or one that `tests/harness/postgres.py` starts for this process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

/// A server, and what keeps it alive: it ends when its input does, with this process at the latest.
struct Server {
    url: String,
    _process: Option<Child>,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("RAMEKIN_TEST_POSTGRES") {
        Ok(url) => Server { url, _process: None },
        Err(_) => start(),
    })
}

fn start() -> Server {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let prepared = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../venv/bin/python");
    let python = if prepared.is_file() { prepared } else { PathBuf::from("python3") };
    let mut command = Command::new(&python);
    command
        .arg(root.join("tests/harness/postgres.py"))
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let hint = "these tests need a PostgreSQL: `make test-rust` prepares one; or pip install -r tests/requirements.txt; or set \
                RAMEKIN_TEST_POSTGRES to the URL of a server that may be written to";
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}. {hint}", python.display()));
    let mut line = String::new();
    let output = process.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("the output can be read");
    assert!(!line.is_empty(), "{} did not start a server (its message is above). {hint}", python.display());
    Server { url: line.trim().to_owned(), _process: Some(process) }
}

/// A database of its own, on the tests' server.
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let url = &server().url;
        Other::at(url).run(&format!("CREATE DATABASE {name}"));
        let (front, _) = url.rsplit_once('/').expect("the URL names a database");
        Self { url: format!("{front}/{name}") }
    }

    /// The same as another user.
    pub(crate) fn url_as(&self, user: &str) -> String {
        self.url.replace("//postgres@", &format!("//{user}@"))
    }

    /// Somebody else at the same database.
    pub(crate) fn other(&self) -> Other {
        Other::at(&self.url)
    }
}

/// Somebody who is not Ramekin.
pub(crate) struct Other {
    runtime: Runtime,
    client: Client,
}

impl Other {
    pub(crate) fn at(url: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, line) = runtime.block_on(tokio_postgres::connect(url, NoTls)).expect("a connection");
        runtime.spawn(line);
        Self { runtime, client }
    }

    /// Runs a script.
    pub(crate) fn run(&self, sql: &str) {
        self.runtime
            .block_on(self.client.batch_execute(sql))
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Runs a statement with parameters and returns its rows.
    pub(crate) fn ask(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        self.runtime
            .block_on(self.client.query(sql, params))
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// The same, or why the server refuses it.
    pub(crate) fn attempt(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.runtime.block_on(self.client.query(sql, params))
    }

    /// The only number that a question has for an answer.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.ask(sql, &[])[0].get(0)
    }

    /// Ends the connections of Ramekin that the condition picks. Returns how many those were.
    pub(crate) fn terminate(&self, condition: &str) -> i64 {
        self.number(&format!(
            "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'ramekin' AND datname = current_database() AND {condition}) ended"
        ))
    }
}
