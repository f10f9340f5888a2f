//! The arguments of `ramekin cli`; letters mean what they mean to redis-cli.

use super::format::Style;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// What `--help` prints.
pub(super) const HELP: &str = "\
Usage: ramekin cli [OPTIONS] [COMMAND ARG...]

Sends COMMAND and prints the reply; without one, reads commands from standard input, with a prompt on a terminal.

  -h HOST          host (127.0.0.1)
  -p PORT          port (6379, or the variable RAMEKIN_PORT)
  -s PATH          Unix socket instead of host and port
  -a PASSWORD      AUTH with this password, or the variable REDISCLI_AUTH or RAMEKIN_REQUIREPASS; --user NAME for another user than default
  -n N             SELECT this database (0)
  -3               speak RESP3
  -x               read the last argument from standard input
  --raw            replies as they are (the default unless the output is a terminal)
  --no-raw         replies with their types
  --help           this text
";

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A checked command line.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) host: String,
    pub(super) port: u16,
    /// Path of a Unix socket; wins over host and port.
    pub(super) socket: Option<OsString>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) database: u32,
    pub(super) resp3: bool,
    pub(super) last_from_input: bool,
    pub(super) style: Option<Style>,
    /// Empty for a session.
    pub(super) command: Vec<Vec<u8>>,
}

impl Options {
    /// Where it connects, for people.
    pub(super) fn address(&self) -> String {
        match &self.socket {
            Some(path) => path.to_string_lossy().into_owned(),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Reads the options up to the first word that is none; the rest is the command. `None` asks for help.
pub(super) fn parse(args: &[OsString]) -> Result<Option<Options>, String> {
    let mut options = Options {
        host: "127.0.0.1".into(),
        port: variable("RAMEKIN_PORT").and_then(|port| port.to_str()?.parse().ok()).unwrap_or(6379),
        socket: None,
        user: None,
        password: variable("REDISCLI_AUTH")
            .or_else(|| variable("RAMEKIN_REQUIREPASS"))
            .map(OsString::into_vec),
        database: 0,
        resp3: false,
        last_from_input: false,
        style: None,
        command: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let name = arg.to_str().unwrap_or_default();
        let mut value = || args.next().ok_or(format!("{name} needs a value: see `ramekin cli --help`"));
        match name {
            "-h" => options.host = text(value()?, name)?,
            "-p" => options.port = number(value()?, name)?,
            "-s" => options.socket = Some(value()?.clone()),
            "-a" | "--pass" => options.password = Some(value()?.as_bytes().to_vec()),
            "--user" => options.user = Some(text(value()?, name)?),
            "-n" => options.database = number(value()?, name)?,
            "-3" => options.resp3 = true,
            "-2" => options.resp3 = false,
            "-x" => options.last_from_input = true,
            "--raw" => options.style = Some(Style::Raw),
            "--no-raw" => options.style = Some(Style::Pretty),
            "--help" => return Ok(None),
            _ if name.starts_with('-') && name.len() > 1 => {
                return Err(format!("unknown option {name}: see `ramekin cli --help`"));
            }
            _ => {
                options.command =
                    std::iter::once(arg).chain(args).map(|word| word.as_bytes().to_vec()).collect();
                break;
            }
        }
    }
    Ok(Some(options))
}

fn text(value: &OsString, name: &str) -> Result<String, String> {
    value.clone().into_string().map_err(|_| format!("{name}: not UTF-8"))
}

fn number<T: std::str::FromStr>(value: &OsString, name: &str) -> Result<T, String> {
    let parsed = value.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| format!("{name}: '{}' is no number that it can be", value.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::{Options, parse};
    use std::ffi::OsString;

    fn read(args: &[&str]) -> Result<Option<Options>, String> {
        parse(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_end_at_the_first_word_of_the_command() {
        let options = read(&["-p", "7000", "-n", "3", "-x", "SET", "-p", "--raw"]).unwrap().unwrap();
        assert_eq!((options.port, options.database, options.last_from_input), (7000, 3, true));
        assert_eq!(options.command, [b"SET".to_vec(), b"-p".to_vec(), b"--raw".to_vec()]);
        assert!(options.style.is_none());
        assert_eq!(options.address(), "127.0.0.1:7000");
    }

    #[test]
    fn mistakes_are_one_line_that_names_the_option() {
        assert!(read(&["-p", "70000"]).unwrap_err().starts_with("-p: '70000'"));
        assert!(read(&["-n"]).unwrap_err().starts_with("-n needs a value"));
        assert!(read(&["--bogus"]).unwrap_err().starts_with("unknown option --bogus"));
        assert!(read(&["--help"]).unwrap().is_none());
    }
}
