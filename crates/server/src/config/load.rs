//! Makes a configuration of what was given: flag over environment over file over default.
//!
//! Lists that a file builds line by line (`save`, `client-output-buffer-limit`) start anew in each source: a flag
//! `--save` replaces what the file says, it does not add to it.

use super::directive::Support;
use super::error::ConfigError;
use super::settings::Config;
use super::source::{self, Assignment, FileReader, Origin};
use super::value::Value;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// A configuration, where it came from, and what should be said about it at start.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// One line each, to be logged when the server starts.
    pub warnings: Vec<String>,
    /// The file that `CONFIG REWRITE` writes, if there is one.
    pub file: Option<PathBuf>,
}

impl Config {
    /// Loads `[FILE] [--directive value …]` and the `RAMEKIN_*` variables; a file `-` is standard input.
    ///
    /// # Errors
    /// What is wrong, where, and what would be right, as one line: an unreadable file, a name that is unknown or not
    /// supported, a wrong value.
    pub fn load(
        args: &[OsString],
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let line = source::command_line(args)?;
        let mut reader = FileReader::default();
        if let Some(path) = &line.file {
            reader.read(path)?;
        }
        let mut warnings = reader.warnings;
        let environment = source::environment(env, &mut warnings)?;
        warnings.extend(line.warnings);
        let mut config = Self::default();
        for source in [reader.assignments, environment, line.assignments] {
            assign(&mut config, &source)?;
        }
        check(&config, &mut warnings)?;
        let file = line.file.filter(|file| file.as_os_str() != "-");
        let file = file.map(|file| file.canonicalize().unwrap_or(file));
        Ok(Loaded { config, warnings, file })
    }
}

/// Applies one source's assignments in order.
pub(super) fn assign(config: &mut Config, source: &[Assignment]) -> Result<(), ConfigError> {
    let mut begun: HashMap<usize, Value> = HashMap::new();
    for assignment in source {
        let directive = assignment.directive();
        let before = begun.get(&assignment.row).cloned().or_else(|| config.start_of_list(assignment.row));
        let value = directive.kind.parse(&assignment.words, before.as_ref());
        let value = value.map_err(|error| refusal(assignment, &error))?;
        begun.insert(assignment.row, value.clone());
        config.put(assignment.row, value, assignment.origin, &assignment.place);
    }
    Ok(())
}

/// A wrong value, as one line: what is wrong, what was given, and what is allowed where that is not said yet.
fn refusal(assignment: &Assignment, error: &str) -> ConfigError {
    let directive = assignment.directive();
    if let Support::Refused(instead) = directive.support {
        return ConfigError::new(&assignment.place, instead);
    }
    let mut hints = Vec::new();
    if !directive.sensitive {
        let given: Vec<_> = assignment.words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        hints.push(format!("given '{}'", given.join(" ").escape_debug()));
    }
    let says_what_is_allowed = ["one of the following", "between", "'yes' or 'no'"];
    if !says_what_is_allowed.iter().any(|text| error.contains(text)) {
        hints.push(format!("allowed: {}", directive.kind.describe()));
    }
    let message = if hints.is_empty() { error.to_owned() } else { format!("{error} ({})", hints.join("; ")) };
    ConfigError::new(&assignment.place, message)
}

/// Refuses what is not supported, and says what has no effect.
fn check(config: &Config, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
    for (directive, slot) in config.slots().filter(|(_, slot)| slot.origin > Origin::Default) {
        if config.is_default(directive) {
            continue;
        }
        match directive.support {
            Support::Used => {}
            Support::Accepted => {
                warnings.push(format!("{}: '{}' is accepted without effect", slot.place, directive.name));
            }
            Support::Refused(instead) => {
                return Err(ConfigError::new(&slot.place, instead));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
