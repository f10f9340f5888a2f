//! Addresses of servers: `redis://[user:password@]host[:port][/database]`.

/// Where a server is and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    /// One database instead of all.
    pub(super) database: Option<u64>,
}

const PORT: u16 = 6379;

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// One line: what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("'{}' is no address of a server: {why}", without_password(text));
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| wrong("it begins with redis:// or valkey://"))?;
        match scheme {
            "redis" | "valkey" => {}
            "rediss" | "valkeys" => return Err(wrong("TLS is not supported; use a tunnel such as stunnel")),
            _ => return Err(wrong("it begins with redis:// or valkey://")),
        }
        let rest = rest.split_once('?').map_or(rest, |(address, _)| address);
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, place),
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            None => (None, None),
            // `redis://secret@host` is read by some clients as a password, by others as a user: neither is right.
            Some((_, "")) => {
                return Err(wrong("the password stands behind a colon, as in redis://:password@host"));
            }
            Some((user, password)) => {
                let decode = |text: &str| decoded(text).ok_or_else(|| wrong("a % without two digits"));
                (Some(decode(user)?).filter(|user| !user.is_empty()), Some(decode(password)?))
            }
        };
        let (host, port) = split_port(place).ok_or_else(|| wrong("the port is no number"))?;
        let database = match database {
            "" => None,
            number => Some(number.parse().map_err(|_| wrong("the database is no number"))?),
        };
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        Ok(Self { host: host.to_owned(), port, user, password, database })
    }

    /// Host and port, for people.
    pub(super) fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn split_port(place: &str) -> Option<(&str, u16)> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None => rest.is_empty().then_some((host, PORT)),
        };
    }
    match place.split_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((place, PORT)),
    }
}

/// Undoes `%` and two hexadecimal digits.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

fn without_password(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    fn url(text: &str) -> (String, Option<String>, Option<String>, Option<u64>) {
        let url = Url::parse(text).unwrap();
        (url.place(), url.user, url.password, url.database)
    }

    #[test]
    fn every_part_but_the_scheme_may_be_left_out() {
        assert_eq!(url("redis://"), ("127.0.0.1:6379".into(), None, None, None));
        assert_eq!(
            url("valkey://db.example:7000/3?timeout=5"),
            ("db.example:7000".into(), None, None, Some(3))
        );
        let login = (Some("ann".into()), Some("p@:/ss".into()));
        assert_eq!(url("redis://ann:p%40:%2fss@[::1]:7000/"), ("[::1]:7000".into(), login.0, login.1, None));
        assert_eq!(url("redis://:secret@host"), ("host:6379".into(), None, Some("secret".into()), None));
    }

    #[test]
    fn mistakes_are_told_without_the_password() {
        for text in [
            "host:6379",
            "http://a:secret@host",
            "rediss://a:secret@host",
            "redis://a:secret@host:x",
            "redis://a:secret@host/x",
            "redis://a:secret%4@host",
            "redis://secret@host",
            "redis://[::1",
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(!error.contains("secret@") && error.contains("no address of a server"), "{error}");
        }
    }
}
