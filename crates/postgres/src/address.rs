//! Where a store is: `postgresql://user:password@host:port/database?parameter=value`.
//!
//! Parameters are libpq's, as far as the client knows them. Taken out before it sees them are `sslmode` and `sslrootcert`
//! (see [`crate::tls`]) and two of our own: `schema`, in which our tables lie, and `statement_timeout`, in seconds. What
//! the URL does not say is set here, so that no call can hang. `PGPASSWORD` is used where the URL has no password.
//!
//! What must hold: nothing that is made here to be shown has the password, not even of a URL that cannot be read.

use crate::tls::Trust;
use percent_encoding::percent_decode_str;
use ramekin::store::{ErrorKind, StoreError};
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long the server may work on one statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// A URL that has been read.
#[derive(Clone)]
pub(crate) struct Address {
    /// What the client connects by.
    pub(crate) config: Config,
    /// The schema of our tables; none: the first of the user's search path.
    pub(crate) schema: Option<String>,
    /// What the server's certificate has to be.
    pub(crate) trust: Trust,
    /// Whom certificates have to come from, in PEM; none: whom this system trusts.
    pub(crate) roots: Option<PathBuf>,
    /// How long the server may work on one statement.
    pub(crate) statement_timeout: Duration,
}

impl Address {
    /// Reads a URL; `password` is used if it has none.
    pub(crate) fn parse(url: &str, password: Option<String>) -> Result<Self, StoreError> {
        if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
            return Err(invalid(
                "the address of a PostgreSQL store begins with postgresql:// or postgres://",
            ));
        }
        let (front, query) = url.split_once('?').unwrap_or((url, ""));
        if query.contains('@') && !front.contains('@') {
            return Err(invalid(
                "write the characters ? @ / : # % of a password in the URL as %3F %40 %2F %3A %23 %25",
            ));
        }
        let mut found = Self {
            config: Config::new(),
            schema: None,
            trust: Trust::Anybody,
            roots: None,
            statement_timeout: STATEMENT_TIMEOUT,
        };
        let mut mode = SslMode::Prefer;
        let mut rest = Vec::new();
        for (name, value) in query.split('&').filter(|pair| !pair.is_empty()).map(pair) {
            let text = percent_decode_str(value).decode_utf8().map_err(|_| not_a_value(name))?;
            match name {
                "schema" => found.schema = Some(text.into_owned()),
                "sslmode" => (mode, found.trust) = ssl_mode(&text)?,
                "sslrootcert" if text == "system" => found.trust = Trust::Named,
                "sslrootcert" => found.roots = Some(PathBuf::from(text.as_ref())),
                "statement_timeout" => found.statement_timeout = seconds(name, &text)?,
                "keepalives_count" => rest.push(("keepalives_retries", value)),
                _ => rest.push((name, value)),
            }
        }
        // As libpq has it: who names an authority wants it asked.
        if found.roots.is_some() && mode == SslMode::Require && found.trust == Trust::Anybody {
            found.trust = Trust::Issued;
        }
        let query: Vec<String> = rest.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let plain = format!("{front}?{}", query.join("&"));
        let read = plain.parse::<Config>();
        found.config = read.map_err(|error| {
            invalid(format!("the URL of the store cannot be read: {}", plain_cause(&error)))
        })?;
        found.config.ssl_mode(mode);
        found.fill_in(&rest, password);
        Ok(found)
    }

    fn fill_in(&mut self, said: &[(&str, &str)], password: Option<String>) {
        let is_said = |name: &str| said.iter().any(|(said, _)| *said == name);
        let config = &mut self.config;
        if config.get_application_name().is_none() {
            config.application_name("ramekin");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(30));
        }
        if !is_said("keepalives_idle") {
            config.keepalives_idle(Duration::from_secs(10));
        }
        if !is_said("keepalives_interval") {
            config.keepalives_interval(Duration::from_secs(5));
        }
        if !is_said("keepalives_retries") {
            config.keepalives_retries(3);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if let (None, Some(password)) = (config.get_password(), password) {
            config.password(password);
        }
    }

    /// How long opening a connection may take as a whole: each of its hosts, then a few questions.
    pub(crate) fn connect_limit(&self) -> Duration {
        let hosts = self.config.get_hosts().len().max(self.config.get_hostaddrs().len()).max(1);
        let each = self.config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(5));
        each.saturating_mul(u32::try_from(hosts).unwrap_or(u32::MAX)) + Duration::from_secs(5)
    }

    /// How long the client waits for an answer: somewhat longer than the server may work.
    pub(crate) fn answer_limit(&self) -> Duration {
        self.statement_timeout + Duration::from_secs(5)
    }

    /// The store to be shown: without a password.
    pub(crate) fn describe(&self) -> String {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host).collect();
        let hosts = if hosts.is_empty() {
            self.config.get_hostaddrs().iter().map(ToString::to_string).collect()
        } else {
            hosts
        };
        let ports: Vec<String> = self.config.get_ports().iter().map(ToString::to_string).collect();
        let user = self.config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
        let port = if ports.is_empty() { String::new() } else { format!(":{}", ports.join(",")) };
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        let schema = self.schema.as_ref().map(|schema| format!("?schema={schema}")).unwrap_or_default();
        format!("postgresql://{user}{}{port}/{database}{schema}", hosts.join(","))
    }
}

fn pair(text: &str) -> (&str, &str) {
    text.split_once('=').unwrap_or((text, ""))
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

fn ssl_mode(text: &str) -> Result<(SslMode, Trust), StoreError> {
    Ok(match text {
        "disable" => (SslMode::Disable, Trust::Anybody),
        "allow" | "prefer" => (SslMode::Prefer, Trust::Anybody),
        "require" => (SslMode::Require, Trust::Anybody),
        "verify-ca" => (SslMode::Require, Trust::Issued),
        "verify-full" => (SslMode::Require, Trust::Named),
        _ => {
            return Err(invalid("sslmode is one of disable, allow, prefer, require, verify-ca, verify-full"));
        }
    })
}

fn seconds(name: &str, text: &str) -> Result<Duration, StoreError> {
    let seconds = text.parse::<u32>().ok().filter(|seconds| *seconds > 0).ok_or_else(|| not_a_value(name))?;
    Ok(Duration::from_secs(seconds.into()))
}

/// What is wrong with a URL. The name of a parameter is a word; anything else may be a part of a password.
fn plain_cause(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_ `".contains(letter);
    if cause.chars().all(is_plain) {
        cause
    } else {
        "it is not of the form postgresql://user@host:port/database".to_owned()
    }
}

fn not_a_value(name: &str) -> StoreError {
    invalid(format!("the parameter {name} of the store's URL has no such value"))
}

fn invalid(text: impl Into<String>) -> StoreError {
    StoreError::new(ErrorKind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, StoreError> {
        Address::parse(url, None)
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let address = parse("postgresql://ann:s3cret@db.example:5433/shop?schema=kept").unwrap();
        assert_eq!(address.describe(), "postgresql://ann@db.example:5433/shop?schema=kept");
        assert_eq!(address.config.get_password(), Some(b"s3cret".as_slice()));
    }

    #[test]
    fn no_error_of_reading_a_url_has_the_password() {
        for url in [
            "postgresql://ann:s3c?ret=x@host/shop",
            "postgresql://ann:s3cret@host:port/shop",
            "postgresql://ann:s3cret@host/shop?sslmode=sometimes",
            "postgresql://ann:x@host/shop?s3c/ret=1",
            "postgresql://ann:%zz%ffs3cret@host/shop?statement_timeout=no",
        ] {
            let error = parse(url).err().unwrap();
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(!error.text.contains("s3c") && !error.text.contains("ret="), "{}", error.text);
        }
    }

    #[test]
    fn modes_of_tls_are_those_of_libpq() {
        let mode = |query: &str| {
            let address = parse(&format!("postgres://host/shop?{query}")).unwrap();
            (address.config.get_ssl_mode(), address.trust)
        };
        assert_eq!(mode(""), (SslMode::Prefer, Trust::Anybody));
        assert_eq!(mode("sslmode=disable"), (SslMode::Disable, Trust::Anybody));
        assert_eq!(mode("sslmode=require"), (SslMode::Require, Trust::Anybody));
        assert_eq!(mode("sslmode=require&sslrootcert=ca.pem"), (SslMode::Require, Trust::Issued));
        assert_eq!(mode("sslmode=verify-ca"), (SslMode::Require, Trust::Issued));
        assert_eq!(mode("sslmode=verify-full"), (SslMode::Require, Trust::Named));
    }

    #[test]
    fn no_call_can_hang_unless_the_url_says_so() {
        let address = parse("postgres://host/shop").unwrap();
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(5)));
        assert_eq!(address.config.get_keepalives_idle(), Duration::from_secs(10));
        let address =
            parse("postgres://host/shop?connect_timeout=9&keepalives_idle=60&statement_timeout=3").unwrap();
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(9)));
        assert_eq!(address.config.get_keepalives_idle(), Duration::from_secs(60));
        assert_eq!(address.statement_timeout, Duration::from_secs(3));
    }

    #[test]
    fn a_password_of_the_environment_serves_where_the_url_has_none() {
        let of = |url: &str| {
            Address::parse(url, Some("env".into())).unwrap().config.get_password().map(<[u8]>::to_vec)
        };
        assert_eq!(of("postgres://ann@host/shop"), Some(b"env".to_vec()));
        assert_eq!(of("postgres://ann:url@host/shop"), Some(b"url".to_vec()));
    }
}
