//! Where a store is: `redis://user:password@host:port/database?parameter=value`.
//!
//! `rediss` is the same with TLS; `valkey` and `valkeys` are other names of the two; `unix:///path?db=N` is a socket of this
//! machine. Parameters are `db`, `cacert` (also `sslrootcert`), `wait`, `fsync`, `timeout` and `connect_timeout`. The password
//! is that of `REDISCLI_AUTH` where the URL has none.
//!
//! What must hold: nothing that is made here to be shown has the password, not even of a URL that cannot be read.

use percent_encoding::percent_decode_str;
use ramekin::store::{ErrorKind, StoreError};
use std::path::PathBuf;
use std::time::Duration;

const PORT: u16 = 6379;

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A host and a port.
    Tcp(String, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// A URL that has been read. It is not printed by `Debug`, since it has the password.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) target: Target,
    /// Whether the line is encrypted, which then has to lead to whom the URL names.
    pub(crate) is_encrypted: bool,
    /// Whom certificates have to come from, in PEM; none: whom this system trusts.
    pub(crate) roots: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// Which of the server's databases.
    pub(crate) db: u32,
    /// How many replicas have to have a batch before it counts as settled.
    pub(crate) wait: u32,
    /// Whether the server has to have synced a batch to its disk before it counts as settled.
    pub(crate) fsync: bool,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
}

impl Address {
    /// Reads a URL; `password` is used if it has none.
    pub(crate) fn parse(url: &str, password: Option<String>) -> Result<Self, StoreError> {
        let Some((scheme, rest)) = url.split_once("://") else { return Err(invalid(FORM)) };
        let (front, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') && !front.contains('@') {
            return Err(invalid(
                "write the characters ? @ / : # % of a password in the URL as %3F %40 %2F %3A %23 %25",
            ));
        }
        let (target, is_encrypted) = match scheme {
            "redis" | "valkey" => (Target::Tcp(String::new(), PORT), false),
            "rediss" | "valkeys" => (Target::Tcp(String::new(), PORT), true),
            "unix" | "redis+unix" => (Target::Unix(PathBuf::new()), false),
            _ => return Err(invalid(FORM)),
        };
        let mut found = Self {
            target,
            is_encrypted,
            roots: None,
            user: None,
            password: None,
            db: 0,
            wait: 0,
            fsync: false,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
        };
        found.take_front(front)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            found.take_parameter(name, &plain(value).ok_or_else(|| no_value(name))?)?;
        }
        found.password = found.password.or(password);
        Ok(found)
    }

    /// Takes what stands between the scheme and the parameters.
    fn take_front(&mut self, front: &str) -> Result<(), StoreError> {
        let (who, place) = front.rsplit_once('@').map_or((None, front), |(who, place)| (Some(who), place));
        if let Some(who) = who {
            let (user, password) = who.split_once(':').map_or((who, None), |(user, pass)| (user, Some(pass)));
            let text = |part: &str| plain(part).ok_or_else(|| invalid(FORM));
            self.user = Some(text(user)?).filter(|user| !user.is_empty());
            self.password = password.map(text).transpose()?;
        }
        if let Target::Unix(path) = &mut self.target {
            *path = plain(place).filter(|path| path.starts_with('/')).ok_or_else(|| invalid(FORM))?.into();
            return Ok(());
        }
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        if !path.is_empty() {
            self.db = path.parse().map_err(|_| invalid(FORM))?;
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(PORT), |port| port.parse().map_err(|_| invalid(FORM)))?;
        let host = if host.is_empty() { "localhost" } else { host };
        self.target = Target::Tcp(host.to_owned(), port);
        Ok(())
    }

    fn take_parameter(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        let number = || value.parse::<u32>().map_err(|_| no_value(name));
        let seconds = || match number()? {
            0 => Err(no_value(name)),
            seconds => Ok(Duration::from_secs(seconds.into())),
        };
        match name {
            "db" => self.db = number()?,
            "cacert" | "sslrootcert" => self.roots = Some(PathBuf::from(value)),
            "wait" => self.wait = number()?,
            "fsync" => {
                self.fsync = match value {
                    "yes" => true,
                    "no" => false,
                    _ => return Err(no_value(name)),
                }
            }
            "timeout" => self.timeout = seconds()?,
            "connect_timeout" => self.connect_timeout = seconds()?,
            _ => {
                return Err(invalid(
                    "the URL of a Redis store has the parameters db, cacert, wait, fsync, timeout and connect_timeout",
                ));
            }
        }
        Ok(())
    }

    /// The store to be shown: without a password.
    pub(crate) fn describe(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        match &self.target {
            Target::Unix(path) => format!("unix://{user}{}?db={}", path.display(), self.db),
            Target::Tcp(host, port) => {
                let scheme = if self.is_encrypted { "rediss" } else { "redis" };
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                format!("{scheme}://{user}{host}:{port}/{}", self.db)
            }
        }
    }
}

const FORM: &str = "the address of a Redis or Valkey store is of the form redis://user:password@host:port/database, \
     rediss:// with TLS, or unix:///path?db=0";

fn plain(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn no_value(name: &str) -> StoreError {
    let is_name = name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    let name = if is_name { name } else { "of that name" };
    invalid(&format!("the parameter {name} of the store's URL has no such value"))
}

fn invalid(text: &str) -> StoreError {
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
        let shown = |url| parse(url).unwrap().describe();
        assert_eq!(shown("redis://ann:s3cret@db.example:7000/3?wait=1"), "redis://ann@db.example:7000/3");
        assert_eq!(shown("rediss://:s3cret@db.example"), "rediss://db.example:6379/0");
        assert_eq!(shown("valkey://[::1]:7000?db=2"), "redis://[::1]:7000/2");
        assert_eq!(shown("unix://:s3cret@/run/redis.sock?db=4"), "unix:///run/redis.sock?db=4");
    }

    #[test]
    fn users_and_passwords_are_read_as_they_were_meant() {
        let who = |url| parse(url).map(|found| (found.user, found.password)).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(who("redis://ann:p%40ss%2F@host"), (text("ann"), text("p@ss/")));
        assert_eq!(who("redis://:pass@host"), (None, text("pass")));
        assert_eq!(who("redis://ann@host"), (text("ann"), None));
        let env = Address::parse("redis://ann@host", text("env")).unwrap();
        assert_eq!(env.password, text("env"));
        assert_eq!(Address::parse("redis://:url@host", text("env")).unwrap().password, text("url"));
    }

    #[test]
    fn no_error_of_reading_a_url_has_the_password() {
        for url in [
            "redis://ann:s3c?ret=x@host/0",
            "redis://ann:s3cret@host:port/0",
            "redis://ann:s3cret@host/zero",
            "redis://ann:s3cret@host/0?fsync=maybe",
            "redis://ann:x@host/0?s3c/ret=1",
            "redis://ann:x@host/0?S3cret=%ff",
            "redis://ann:%ffs3cret@host/0?timeout=0",
            "http://ann:s3cret@host",
            "unix://:s3cret@run/redis.sock",
        ] {
            let error = parse(url).err().unwrap();
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(!error.text.to_lowercase().contains("s3c") && !error.text.contains("ret="), "{error}");
        }
    }

    #[test]
    fn parameters_are_those_that_are_known() {
        let found = parse("redis://host?wait=2&fsync=yes&timeout=9&cacert=/ca.pem").unwrap();
        assert_eq!((found.wait, found.fsync, found.timeout.as_secs()), (2, true, 9));
        assert_eq!(found.roots, Some("/ca.pem".into()));
        assert!(parse("redis://host?waits=2").is_err());
    }
}
