//! One connection to the server, used from one thread that may block.
//!
//! Each has a runtime of its own, driven only while somebody waits: the answer is read by the thread that asked, without a
//! second one that would have to be woken. Statements are prepared once. Steps that are sent together are answered in the
//! order in which they were sent.
//!
//! What must hold: every wait has an end. After one that was too long the connection is of no use, which is for its user to
//! see to: what arrives late would answer another question.

use crate::address::Address;
use crate::names::{Names, quoted_literal};
use crate::{error, tls};
use futures_util::{SinkExt, TryStreamExt};
use ramekin::store::{ErrorKind, Place, StoreError};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::Cursor;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

/// A value that goes into a statement.
pub(crate) type Param<'a> = Box<dyn ToSql + Sync + 'a>;

/// Statements that are kept prepared.
const STATEMENTS_MAX: usize = 500;

/// One statement to be run.
pub(crate) struct Step<'a> {
    pub(crate) sql: String,
    pub(crate) params: Vec<Param<'a>>,
    /// What it is about, for errors.
    pub(crate) place: Option<Place>,
}

impl<'a> Step<'a> {
    /// A statement about no place in particular.
    pub(crate) fn new(sql: impl Into<String>, params: Vec<Param<'a>>) -> Self {
        Self { sql: sql.into(), params, place: None }
    }

    /// The same, about this place.
    pub(crate) fn at(self, place: &Place) -> Self {
        Self { place: Some(place.clone()), ..self }
    }
}

/// What a statement has answered.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// How many rows it has changed or returned.
    pub(crate) affected: u64,
}

/// A connection.
pub(crate) struct Session {
    client: Client,
    runtime: Runtime,
    statements: HashMap<String, Statement>,
    limit: Duration,
    /// Our tables' names.
    pub(crate) names: Names,
}

impl Session {
    /// Connects, and settles what holds for the connection.
    pub(crate) fn open(address: &Address) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .map_err(|error| StoreError::new(ErrorKind::Unavailable, format!("no runtime: {error}")))?;
        let tls = tls::connector(address)?;
        let limit = address.connect_limit();
        let opening = async {
            let (client, line) =
                address.config.connect(tls).await.map_err(|error| error::of_connect(&error))?;
            // Polled whenever the runtime is driven; ends with the client.
            tokio::spawn(line);
            client.batch_execute(&settings(address)).await.map_err(|error| error::of_connect(&error))?;
            let names = names(&client, address).await?;
            Ok((client, names))
        };
        let opened = runtime.block_on(async { tokio::time::timeout(limit, opening).await });
        let (client, names) = opened.unwrap_or_else(|_| Err(error::late(limit.as_secs())))?;
        Ok(Self { client, runtime, statements: HashMap::new(), limit: address.answer_limit(), names })
    }

    /// Runs steps one after the other, sent together. Each is run even if one before it has failed, so more than one belong
    /// into a transaction. The error is that of the first that failed.
    pub(crate) fn run(&mut self, steps: &[Step<'_>]) -> Result<Vec<Answer>, StoreError> {
        self.prepare(steps)?;
        let asked: Vec<_> =
            steps.iter().map(|step| ask(&self.client, &self.statements[&step.sql], &step.params)).collect();
        let answers = self.wait(in_order(asked))?;
        let outcome = answers
            .into_iter()
            .zip(steps)
            .map(|(answer, step)| answer.map_err(|error| error::of_statement(&error, step.place.as_ref())));
        let outcome = outcome.collect();
        self.forget_if_stale(&outcome);
        outcome
    }

    /// Runs one statement.
    pub(crate) fn one(&mut self, step: Step<'_>) -> Result<Answer, StoreError> {
        Ok(self.run(&[step])?.pop().unwrap_or_default())
    }

    /// Runs a COPY that reads these bytes. Returns how many rows it has added.
    pub(crate) fn copy(&mut self, step: Step<'_>, bytes: Vec<u8>) -> Result<u64, StoreError> {
        let steps = [step];
        self.prepare(&steps)?;
        let [Step { sql, place, .. }] = &steps;
        let copying = async {
            let mut sink = pin!(self.client.copy_in(&self.statements[sql]).await?);
            sink.send(Cursor::new(bytes)).await?;
            sink.finish().await
        };
        let outcome = self.wait(copying)?.map_err(|error| error::of_statement(&error, place.as_ref()));
        self.forget_if_stale(&outcome);
        outcome
    }

    /// Runs what may take long: the server does not give it up, and it is waited for.
    pub(crate) fn without_limit<T>(
        &mut self,
        limit: Duration,
        body: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.script("SET statement_timeout = 0", None)?;
        let usual = std::mem::replace(&mut self.limit, limit);
        let outcome = body(self);
        self.limit = usual;
        self.script("RESET statement_timeout", None)?;
        outcome
    }

    /// Runs a script without parameters.
    pub(crate) fn script(&mut self, sql: &str, place: Option<&Place>) -> Result<(), StoreError> {
        self.wait(self.client.batch_execute(sql))?.map_err(|error| error::of_statement(&error, place))
    }

    /// Opens a transaction with these steps, goes on with what they have answered, and commits; or takes all of it back.
    pub(crate) fn transaction<'a, T>(
        &mut self,
        steps: Vec<Step<'a>>,
        body: impl FnOnce(&mut Self, Vec<Answer>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut all = vec![Step::new("BEGIN", Vec::new())];
        all.extend(steps);
        let begun = self.run(&all).map(|mut answers| answers.split_off(1));
        match begun.and_then(|answers| body(self, answers)) {
            Ok(done) => self.commit().map(|()| done),
            Err(error) => {
                if error.kind != ErrorKind::Unavailable {
                    self.script("ROLLBACK", None)
                        .map_err(|worse| StoreError::new(ErrorKind::Unavailable, worse.text))?;
                } else {
                    // Of no use if the line is gone, and harmless.
                    let _ = self.script("ROLLBACK", None);
                }
                Err(error)
            }
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        match self.wait(self.client.batch_execute("COMMIT")) {
            Ok(answer) => answer.map_err(|error| error::of_commit(&error)),
            Err(late) => Err(StoreError::new(ErrorKind::InDoubt, format!("at commit: {}", late.text))),
        }
    }

    /// Waits, without asking anything.
    pub(crate) fn pause(&self, length: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(length).await });
    }

    fn prepare(&mut self, steps: &[Step<'_>]) -> Result<(), StoreError> {
        if self.statements.len() > STATEMENTS_MAX {
            self.statements.clear();
        }
        for step in steps {
            if !self.statements.contains_key(&step.sql) {
                let prepared = self.wait(self.client.prepare(&step.sql))?;
                let statement = prepared.map_err(|error| error::of_statement(&error, step.place.as_ref()))?;
                self.statements.insert(step.sql.clone(), statement);
            }
        }
        Ok(())
    }

    /// Tables change under prepared statements.
    fn forget_if_stale<T>(&mut self, outcome: &Result<T, StoreError>) {
        if matches!(outcome, Err(error) if !matches!(error.kind, ErrorKind::Busy | ErrorKind::Refused)) {
            self.statements.clear();
        }
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, StoreError> {
        let waited = self.runtime.block_on(async { tokio::time::timeout(self.limit, future).await });
        waited.map_err(|_| error::late(self.limit.as_secs()))
    }
}

async fn ask(client: &Client, statement: &Statement, params: &[Param<'_>]) -> Result<Answer, Error> {
    let stream =
        client.query_raw(statement, params.iter().map(|param| param.as_ref() as &(dyn ToSql + Sync))).await?;
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Answer { rows, affected: stream.rows_affected().unwrap_or(0) })
}

/// Polls futures in their order, each as long as it is not done: a request is sent when it is first polled.
async fn in_order<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// What holds for each connection; settings that a server does not have are left out.
fn settings(address: &Address) -> String {
    let statement_ms = address.statement_timeout.as_millis().to_string();
    let wanted = [
        ("statement_timeout", statement_ms.as_str()),
        ("lock_timeout", "10000"),
        ("idle_in_transaction_session_timeout", "60000"),
        // The server notices soon that we are gone, so that our locks do not linger.
        ("client_connection_check_interval", "2000"),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_read_only", "off"),
        // What is pending in an index of data is sorted in when there is enough of it, and in one go.
        ("work_mem", "64MB"),
        // All lookups are of keys, however little the planner knows of a table, or knew when a statement was prepared.
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("enable_seqscan", "off"),
    ];
    let values: Vec<String> = wanted.iter().map(|(name, value)| format!("('{name}', '{value}')")).collect();
    format!(
        "SELECT set_config(s.name, w.value, false) FROM (VALUES {}) AS w(name, value) JOIN pg_settings s USING (name);
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';",
        values.join(", ")
    )
}

async fn names(client: &Client, address: &Address) -> Result<Names, StoreError> {
    let question = match &address.schema {
        Some(schema) => format!(
            "SELECT {}, current_setting('server_encoding'), current_user::text",
            quoted_literal(schema)
        ),
        None => {
            "SELECT current_schema()::text, current_setting('server_encoding'), current_user::text".to_owned()
        }
    };
    let answer = client.simple_query(&question).await.map_err(|error| error::of_connect(&error))?;
    let row = answer.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let text = |column: usize| row.and_then(|row| row.get(column));
    let invalid = |text: &str| StoreError::new(ErrorKind::Invalid, text);
    if text(1) != Some("UTF8") {
        return Err(invalid("the database has another encoding than UTF8: create one with ENCODING 'UTF8'"));
    }
    let schema = text(0).ok_or_else(|| {
        invalid("no schema of the user's search_path exists: create one, or name one in the URL by schema=")
    })?;
    Names::new(schema, text(2).unwrap_or_default())
}
