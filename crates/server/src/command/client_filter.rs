//! Which clients are meant: the filters of CLIENT LIST and CLIENT KILL.
//!
//! A client is meant if it passes every filter. Of filters of one name the last counts; ids add up. `NOT-` before a name
//! turns the filter around; age, idleness and SKIPME have no such form.

use crate::clients::Client;
use crate::server::Server;
use ramekin::command::Fail;
use std::sync::atomic::Ordering::Relaxed;

/// Letters of flags that a server of this protocol may show.
const FLAG_LETTERS: &[u8] = b"ABEIMNOPRSTUbcdeirtux";
/// The one capability that clients claim (`redirect`).
const CAPABILITIES: &[u8] = b"r";

/// The wanted clients.
#[derive(Default)]
pub(super) struct Filter {
    tests: Vec<(bool, Test)>,
    /// Whether the caller is left out, if it was said.
    pub(super) skip_me: Option<bool>,
}

enum Test {
    Ids(Vec<u64>),
    Kind(Kind),
    Addr(Vec<u8>),
    Laddr(Vec<u8>),
    Ip(Vec<u8>),
    User,
    Flags(Vec<u8>),
    Name(Vec<u8>),
    LibName(Vec<u8>),
    LibVer(Vec<u8>),
    Db(u32),
    Capa,
    /// At least so many seconds old.
    MaxAge(u64),
    /// Silent for at least so many seconds.
    Idle(u64),
}

/// The classes of clients. Replicas, primaries and subscribers are none yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Other,
}

impl Filter {
    /// Reads options and their values.
    ///
    /// # Errors
    /// The reply to what is no filter.
    pub(super) fn parse(args: &[&[u8]], server: &Server) -> Result<Self, Fail> {
        let mut filter = Self::default();
        let mut rest = args;
        while let [option, value, ..] = rest {
            rest = &rest[2..];
            if option.eq_ignore_ascii_case(b"skipme") {
                filter.skip_me = Some(yes_or_no(value)?);
                continue;
            }
            let (not, name) = match option.split_at_checked(4) {
                Some((not, name)) if not.eq_ignore_ascii_case(b"not-") => (true, name),
                _ => (false, *option),
            };
            if name.eq_ignore_ascii_case(b"id") {
                let mut ids = vec![id(value)?];
                while let [more, ..] = rest
                    && ramekin_resp::parse_int(more).is_some()
                {
                    ids.push(id(more)?);
                    rest = &rest[1..];
                }
                filter.add_ids(not, ids);
            } else {
                filter.put(not, Test::parse(not, name, value, server)?);
            }
        }
        if rest.is_empty() { Ok(filter) } else { Err(Fail::SYNTAX) }
    }

    fn add_ids(&mut self, not: bool, more: Vec<u64>) {
        for (before, test) in &mut self.tests {
            if let Test::Ids(ids) = test
                && *before == not
            {
                return ids.extend(more);
            }
        }
        self.tests.push((not, Test::Ids(more)));
    }

    fn put(&mut self, not: bool, test: Test) {
        let same = |(before, other): &(bool, Test)| {
            *before == not && std::mem::discriminant(other) == std::mem::discriminant(&test)
        };
        self.tests.retain(|other| !same(other));
        self.tests.push((not, test));
    }

    /// Whether a client passes.
    pub(super) fn admits(&self, client: &Client, now_ms: u64) -> bool {
        self.tests.iter().all(|(not, test)| test.holds(client, now_ms) != *not)
    }
}

impl Test {
    fn parse(not: bool, name: &[u8], value: &[u8], server: &Server) -> Result<Self, Fail> {
        let lower = name.to_ascii_lowercase();
        let shown = if not { "NOT-" } else { "" };
        let text = value.to_vec();
        Ok(match &*lower {
            b"type" => Test::Kind(kind(value)?),
            b"addr" => Test::Addr(text),
            b"laddr" => Test::Laddr(text),
            b"ip" => Test::Ip(text),
            b"name" => Test::Name(text),
            b"lib-name" => Test::LibName(text),
            b"lib-ver" => Test::LibVer(text),
            b"user" if value == b"default" => Test::User,
            b"user" => {
                return Err(Fail::text(format!("ERR No such user '{}'", String::from_utf8_lossy(value))));
            }
            b"flags" => Test::Flags(letters("flags", not, value, FLAG_LETTERS)?),
            b"capa" => {
                letters("capa", not, value, CAPABILITIES)?;
                Test::Capa
            }
            b"db" => Test::Db(database(shown, value, server)?),
            b"maxage" if !not => Test::MaxAge(seconds("maxage", value)?),
            b"idle" if !not => Test::Idle(seconds("idle", value)?),
            _ => return Err(Fail::SYNTAX),
        })
    }

    fn holds(&self, client: &Client, now_ms: u64) -> bool {
        let seconds_since = |at_ms: u64| now_ms.saturating_sub(at_ms) / 1000;
        match self {
            Test::Ids(ids) => ids.contains(&client.id),
            Test::Kind(kind) => *kind == Kind::Normal,
            Test::Addr(addr) => client.addr.as_bytes() == addr,
            Test::Laddr(addr) => client.laddr.as_bytes() == addr,
            Test::Ip(ip) => client.ip().as_bytes() == ip,
            Test::User => true,
            Test::Flags(letters) => {
                let flags = client.flags();
                letters.iter().all(|letter| flags.as_bytes().contains(letter))
            }
            Test::Name(name) => *client.name.lock() == *name,
            Test::LibName(name) => client.library.lock().0 == *name,
            Test::LibVer(version) => client.library.lock().1 == *version,
            Test::Db(db) => client.db.load(Relaxed) == *db,
            Test::Capa => false,
            Test::MaxAge(age) => seconds_since(client.connected_ms) >= *age,
            Test::Idle(idle) => seconds_since(client.active_ms.load(Relaxed)) >= *idle,
        }
    }
}

fn yes_or_no(value: &[u8]) -> Result<bool, Fail> {
    match value {
        value if value.eq_ignore_ascii_case(b"yes") => Ok(true),
        value if value.eq_ignore_ascii_case(b"no") => Ok(false),
        _ => Err(Fail::SYNTAX),
    }
}

fn id(value: &[u8]) -> Result<u64, Fail> {
    let number = ramekin_resp::parse_int(value).ok_or(Fail::SYNTAX)?;
    let id = u64::try_from(number).ok().filter(|id| *id > 0);
    id.ok_or(Fail::new("ERR client-id should be greater than 0"))
}

fn kind(value: &[u8]) -> Result<Kind, Fail> {
    match &*value.to_ascii_lowercase() {
        b"normal" => Ok(Kind::Normal),
        b"replica" | b"slave" | b"primary" | b"master" | b"pubsub" => Ok(Kind::Other),
        _ => Err(Fail::text(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(value)))),
    }
}

fn letters(what: &str, not: bool, value: &[u8], known: &[u8]) -> Result<Vec<u8>, Fail> {
    if value.iter().all(|letter| known.contains(letter)) {
        return Ok(value.to_vec());
    }
    let filter = if not { format!("NOT-{}", what.to_ascii_uppercase()) } else { "provided".to_owned() };
    let shown = String::from_utf8_lossy(value);
    Err(Fail::text(format!("ERR Unknown {what} found in the {filter} filter: {shown}")))
}

fn database(not: &str, value: &[u8], server: &Server) -> Result<u32, Fail> {
    let number = ramekin_resp::parse_int(value)
        .ok_or_else(|| Fail::text(format!("ERR {not}DB is not an integer or out of range")))?;
    let databases = server.db.databases();
    u32::try_from(number)
        .ok()
        .filter(|db| *db < databases)
        .ok_or_else(|| Fail::text(format!("ERR {not}DB number should be between 0 and {}", databases - 1)))
}

fn seconds(name: &str, value: &[u8]) -> Result<u64, Fail> {
    let number = ramekin_resp::parse_int(value)
        .ok_or_else(|| Fail::text(format!("ERR {name} is not an integer or out of range")))?;
    let seconds = u64::try_from(number).ok().filter(|seconds| *seconds > 0);
    seconds.ok_or_else(|| Fail::text(format!("ERR {name} should be greater than 0")))
}
