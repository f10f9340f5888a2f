//! How far an import from a running server is, in a small file, so that it can be taken up after an interruption.
//!
//! A line of text a fact. It is written anew under another name and renamed, after what it claims is safe in the target.

use super::keys::Position;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;

const FIRST_LINE: &str = "ramekin import 1";

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Address of the source, without password.
    pub(super) source: String,
    /// Who was running there: cursors mean nothing to another process.
    pub(super) run_id: String,
    /// Folder or address of the target.
    pub(super) target: String,
    pub(super) position: Position,
    /// Keys taken so far, by database.
    pub(super) taken: Vec<(u64, u64)>,
}

impl State {
    /// What a file tells; none if it is not there.
    ///
    /// # Errors
    /// One line: it cannot be read, or is something else.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, String> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let strange = || format!("{} is not the state of an import: remove it", path.display());
        Self::parse(&text).map(Some).ok_or_else(strange)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let mut state = Self::default();
        for line in lines {
            let (name, value) = line.split_once(' ')?;
            match name {
                "source" => value.clone_into(&mut state.source),
                "run" => value.clone_into(&mut state.run_id),
                "target" => value.clone_into(&mut state.target),
                "database" => state.position.db = value.parse().ok()?,
                "cursor" => state.position.cursor = value.parse().ok()?,
                "taken" => {
                    let (db, keys) = value.split_once(' ')?;
                    state.taken.push((db.parse().ok()?, keys.parse().ok()?));
                }
                _ => return None,
            }
        }
        Some(state)
    }

    /// Writes it.
    ///
    /// # Errors
    /// One line: why it could not be.
    pub(super) fn store(&self, path: &Path) -> Result<(), String> {
        let mut text = format!(
            "{FIRST_LINE}\nsource {}\nrun {}\ntarget {}\ndatabase {}\ncursor {}\n",
            self.source, self.run_id, self.target, self.position.db, self.position.cursor
        );
        for (db, keys) in &self.taken {
            let _ = writeln!(text, "taken {db} {keys}");
        }
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, path))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, State};

    #[test]
    fn what_was_stored_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        assert_eq!(State::load(&path), Ok(None));
        let state = State {
            source: "host:6379".into(),
            run_id: "abc".into(),
            target: "/a folder".into(),
            position: Position { db: 3, cursor: u64::MAX },
            taken: vec![(0, 5), (3, 7)],
        };
        state.store(&path).unwrap();
        state.store(&path).unwrap();
        assert_eq!(State::load(&path), Ok(Some(state)));
    }

    #[test]
    fn anything_else_is_not_taken_for_a_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for text in
            ["", "x\n", "ramekin import 1\ncursor x\n", "ramekin import 1\ncursor 12", "ramekin import 2\n"]
        {
            std::fs::write(&path, text).unwrap();
            assert!(State::load(&path).unwrap_err().contains("remove it"), "{text}");
        }
    }
}
