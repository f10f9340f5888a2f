//! Where values come from: lines of files, flags, environment. Each becomes a list of assignments.
//!
//! Reads files (and standard input for `-`), follows `include`; knows names, but leaves the meaning of values to
//! [`super::load`]. What must hold: any bytes are read or refused, never a panic.

use super::directive::Directive;
use super::error::ConfigError;
use super::table::{Special, directives, position, special};
use super::{glob, nearest, words};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// How deep includes may nest; deeper, they are taken to go in a circle.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Who set a value, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Default,
    Include,
    File,
    Environment,
    Flag,
    Set,
}

/// A directive with its words, not yet looked at.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    pub(super) row: usize,
    pub(super) words: Vec<Vec<u8>>,
    pub(super) origin: Origin,
    /// For messages: `ramekin.conf:12: maxclients`, `--port`, `RAMEKIN_PORT`.
    pub(super) place: String,
}

impl Assignment {
    pub(super) fn directive(&self) -> &'static Directive {
        &directives()[self.row]
    }
}

/// What the command line says: a file, and values.
#[derive(Debug, Default)]
pub(super) struct CommandLine {
    pub(super) file: Option<PathBuf>,
    pub(super) assignments: Vec<Assignment>,
    pub(super) warnings: Vec<String>,
}

/// Reads `[FILE] [--directive value …]`; values go up to the next word that begins with `--`.
pub(super) fn command_line(args: &[OsString]) -> Result<CommandLine, ConfigError> {
    let mut line = CommandLine::default();
    let mut args = args.iter().peekable();
    if let Some(file) = args.next_if(|arg| !arg.as_bytes().starts_with(b"--")) {
        if file.as_bytes().starts_with(b"-") && file.as_bytes().len() > 1 {
            return Err(ConfigError::new(lossy(file), "flags begin with two dashes: see `ramekin --help`"));
        }
        line.file = Some(PathBuf::from(file));
    }
    while let Some(arg) = args.next() {
        let Some(flag) = arg.as_bytes().strip_prefix(b"--") else {
            return Err(ConfigError::new(
                lossy(arg),
                "one configuration file can be given, before the flags",
            ));
        };
        let (name, attached) = match flag.iter().position(|&byte| byte == b'=' || byte == b' ') {
            Some(at) => (&flag[..at], Some(flag[at + 1..].to_vec())),
            None => (flag, None),
        };
        let name = String::from_utf8_lossy(name).into_owned();
        let place = format!("--{name}");
        let mut values: Vec<Vec<u8>> = attached.into_iter().collect();
        while let Some(value) = args.next_if(|arg| !arg.as_bytes().starts_with(b"--")) {
            values.push(value.as_bytes().to_vec());
        }
        let row = match resolve(&name, &place)? {
            Named::Row(row) => row,
            Named::Retired => {
                line.warnings.push(retired(&place));
                continue;
            }
        };
        let values = split_list(row, values, &place)?;
        line.assignments.push(Assignment { row, words: values, origin: Origin::Flag, place });
    }
    Ok(line)
}

/// A list given as one quoted argument, `--save "900 1"`, is the same as several words; `--save` alone empties it.
fn split_list(row: usize, values: Vec<Vec<u8>>, place: &str) -> Result<Vec<Vec<u8>>, ConfigError> {
    if !directives()[row].kind.takes_many() {
        return Ok(values);
    }
    let split = values.iter().map(|value| words::split(value)).collect::<Option<Vec<_>>>();
    split.map(|words| words.concat()).ok_or_else(|| ConfigError::new(place, UNBALANCED))
}

const UNBALANCED: &str = "Unbalanced quotes in configuration line";

/// Reads the variables `RAMEKIN_…`: dashes are written as underscores.
///
/// The environment is shared, so an unknown name is somebody else's and only warned of. What Kubernetes sets for a
/// service that happens to be called `ramekin` is passed over, and so is the name of the binary for test runners.
pub(super) fn environment(
    variables: impl Iterator<Item = (String, String)>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Assignment>, ConfigError> {
    let mut assignments = Vec::new();
    for (variable, value) in variables {
        let Some(name) = variable.strip_prefix("RAMEKIN_") else { continue };
        let name = name.to_ascii_lowercase().replace('_', "-");
        if name == "bin" || set_by_kubernetes(&name, &value) {
            continue;
        }
        let row = match resolve(&name, &variable) {
            Ok(Named::Row(row)) => row,
            Ok(Named::Retired) => {
                warnings.push(retired(&variable));
                continue;
            }
            Err(error) if special(&name).is_some() => return Err(error),
            Err(error) => {
                warnings.push(format!("{error}; it is not used"));
                continue;
            }
        };
        let words = split_list(row, vec![value.into_bytes()], &variable)?;
        assignments.push(Assignment { row, words, origin: Origin::Environment, place: variable });
    }
    Ok(assignments)
}

fn set_by_kubernetes(name: &str, value: &str) -> bool {
    let numbered =
        name.strip_prefix("port-").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    name.starts_with("service-") || numbered || (name == "port" && value.starts_with("tcp://"))
}

/// Assignments of a file and of what it includes, in order.
#[derive(Debug, Default)]
pub(super) struct FileReader {
    pub(super) assignments: Vec<Assignment>,
    pub(super) warnings: Vec<String>,
}

impl FileReader {
    /// Reads `path`, or standard input for `-`.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), ConfigError> {
        if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| ConfigError::new("standard input", error.to_string()))?;
            return self.lines(&bytes, Path::new("standard input"), 0);
        }
        self.file(path, 0)
    }

    fn file(&mut self, path: &Path, depth: usize) -> Result<(), ConfigError> {
        let bytes = fs::read(path).map_err(|error| {
            ConfigError::new(path.display().to_string(), format!("can't open config file: {error}"))
        })?;
        self.lines(&bytes, path, depth)
    }

    /// Reads lines; `path` is for messages and for finding includes.
    pub(super) fn lines(&mut self, bytes: &[u8], path: &Path, depth: usize) -> Result<(), ConfigError> {
        let origin = if depth == 0 { Origin::File } else { Origin::Include };
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            let Some(mut words) = line_words(line).ok_or_else(|| ConfigError::new(&place, UNBALANCED))?
            else {
                continue;
            };
            let name = String::from_utf8_lossy(&words.remove(0)).into_owned();
            if name.eq_ignore_ascii_case("include") {
                self.include(&words, path, &place, depth + 1)?;
                continue;
            }
            match resolve(&name, &place)? {
                Named::Row(row) => {
                    let place = format!("{place}: {name}");
                    self.assignments.push(Assignment { row, words, origin, place });
                }
                Named::Retired => self.warnings.push(retired(&format!("{place}: {name}"))),
            }
        }
        Ok(())
    }

    fn include(
        &mut self,
        words: &[Vec<u8>],
        from: &Path,
        place: &str,
        depth: usize,
    ) -> Result<(), ConfigError> {
        let [pattern] = words else {
            return Err(ConfigError::new(place, "include: wrong number of arguments"));
        };
        if depth > INCLUDE_DEPTH_MAX {
            return Err(ConfigError::new(place, "include: files include each other too deeply"));
        }
        for path in included(Path::new(OsStr::from_bytes(pattern)), from) {
            self.file(&path, depth)?;
        }
        Ok(())
    }
}

/// The files an `include` names, sorted. A path that is not found from here is looked for beside the including file.
fn included(pattern: &Path, from: &Path) -> Vec<PathBuf> {
    let beside = from.parent().unwrap_or(Path::new("")).join(pattern);
    let name = pattern.file_name().map(OsStr::as_bytes).unwrap_or_default();
    if !glob::is_pattern(name) {
        return vec![if !pattern.exists() && beside.exists() { beside } else { pattern.to_owned() }];
    }
    let list = |pattern: &Path| {
        let folder =
            pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let fits = entries.filter(|entry| glob::matches(name, entry.file_name().as_bytes()));
        let mut found: Vec<PathBuf> = fits.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        found.sort();
        found
    };
    let found = list(pattern);
    if found.is_empty() { list(&beside) } else { found }
}

/// The words of a line; `Some(None)` for an empty line or a comment, `None` for unbalanced quotes.
#[expect(clippy::option_option, reason = "a line is broken, empty or words")]
pub(super) fn line_words(line: &[u8]) -> Option<Option<Vec<Vec<u8>>>> {
    let line = line.trim_ascii();
    if line.is_empty() || line[0] == b'#' {
        return Some(None);
    }
    words::split(line).map(|words| Some(words).filter(|words| !words.is_empty()))
}

enum Named {
    Row(usize),
    Retired,
}

fn resolve(name: &str, place: &str) -> Result<Named, ConfigError> {
    if let Some(row) = position(name) {
        return Ok(Named::Row(row));
    }
    let name = OsString::from_vec(name.as_bytes().iter().copied().take(64).collect());
    let name = name.to_string_lossy();
    match special(&name) {
        Some(Special::Retired) => Ok(Named::Retired),
        Some(Special::Refused(instead)) => {
            Err(ConfigError::new(place, format!("'{name}' is not supported: {instead}")))
        }
        None => {
            let hint = nearest::nearest(&name.to_ascii_lowercase());
            let hint = hint.map(|known| format!(", perhaps '{known}' is meant")).unwrap_or_default();
            Err(ConfigError::new(place, format!("unknown directive '{}'{hint}", name.escape_debug())))
        }
    }
}

fn retired(place: &str) -> String {
    format!("{place}: has no meaning any more and is not used")
}

fn lossy(arg: &OsStr) -> String {
    arg.to_string_lossy().escape_debug().to_string()
}
