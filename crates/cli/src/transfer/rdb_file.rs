//! Reads the files of a data set, in both forms, to a visitor.

use super::aof::{AofReader, Words};
use super::manifest::{Form, Part};
use super::progress::Progress;
use ramekin::rdb::{Dialect, Fault, Item, Reader};
use std::fs::File;
use std::io::{Chain, Cursor, Read};

/// Sees what files hold. Its errors end the reading.
pub(super) trait Visitor {
    /// An item of an RDB file.
    fn item(&mut self, item: Item<'_>, dialect: Dialect) -> Result<(), Stop>;

    /// A command alone, or the commands of a transaction.
    fn commands(&mut self, commands: &[Words], atomic: bool) -> Result<(), Stop>;
}

/// Why a visitor wants no more.
pub(super) enum Stop {
    /// What it saw is damaged.
    Damaged(String),
    /// One line: it cannot go on.
    Failed(String),
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

/// Where a file cannot be read further.
pub(super) struct Damage {
    /// One line: which file, at which byte, what.
    pub(super) text: String,
}

/// Reads all parts in order. Gives the first damage, behind which nothing was read.
///
/// # Errors
/// One line: a file cannot be opened, or the visitor cannot go on.
pub(super) fn read(
    parts: &[Part],
    verb: &'static str,
    visitor: &mut dyn Visitor,
) -> Result<Option<Damage>, String> {
    let sizes = parts.iter().map(|part| std::fs::metadata(&part.path).map_or(0, |facts| facts.len()));
    let progress = Progress::bytes(verb, sizes.sum());
    let mut before = 0;
    for part in parts {
        let file = File::open(&part.path)
            .map_err(|error| format!("cannot read {}: {error}", part.path.display()))?;
        let mut reading = Reading { visitor: &mut *visitor, progress: &progress, before, seen: 0 };
        let ended = match part.form {
            Form::Rdb => reading.rdb(file),
            Form::Aof => reading.aof(file, 0),
        };
        match ended {
            Ok(()) => {}
            Err((_, Stop::Failed(text))) => return Err(text),
            Err((at, Stop::Damaged(what))) => {
                let text = format!("{}: at byte {at}: {what}", part.path.display());
                return Ok(Some(Damage { text }));
            }
        }
        before += std::fs::metadata(&part.path).map_or(0, |facts| facts.len());
    }
    Ok(None)
}

/// Items between two looks at the bar.
const SHOW_EVERY: u64 = 1000;

struct Reading<'a> {
    visitor: &'a mut dyn Visitor,
    progress: &'a Progress,
    /// Bytes of the files before.
    before: u64,
    seen: u64,
}

type Ended = Result<(), (u64, Stop)>;

impl Reading<'_> {
    fn show(&mut self, position: u64) {
        self.seen += 1;
        if self.seen.is_multiple_of(SHOW_EVERY) {
            self.progress.at(self.before + position);
        }
    }

    fn rdb(&mut self, file: File) -> Ended {
        let stop = |fault: Fault| Stop::Damaged(fault.to_string());
        let mut reader = Reader::new(file).map_err(|fault| (0, stop(fault)))?;
        let dialect = reader.dialect();
        loop {
            let at = reader.position();
            match reader.next() {
                Ok(Some(item)) => self.visitor.item(item, dialect).map_err(|stop| (at, stop))?,
                Ok(None) => break,
                Err(fault) => {
                    let at = reader.position();
                    return Err((at, stop(fault)));
                }
            }
            self.show(at);
        }
        let at = reader.position();
        let (rest, file) = reader.into_rest();
        let mut rest: Chain<Cursor<Vec<u8>>, File> = Cursor::new(rest).chain(file);
        let mut first = [0];
        match rest.read(&mut first) {
            Ok(0) => Ok(()),
            Ok(_) if b"*#".contains(&first[0]) => self.aof(first.chain(rest), at),
            Ok(_) => Err((at, Stop::Damaged("bytes after the end of the file".to_owned()))),
            Err(error) => Err((at, Stop::Damaged(Fault::Io(error).to_string()))),
        }
    }

    fn aof(&mut self, from: impl Read, position: u64) -> Ended {
        let mut reader = AofReader::new(from, position);
        loop {
            let at = reader.position();
            match reader.next() {
                Ok(Some((commands, atomic))) => {
                    self.visitor.commands(&commands, atomic).map_err(|stop| (at, stop))?;
                }
                Ok(None) => return Ok(()),
                Err(fault) => return Err((at, Stop::Damaged(fault.to_string()))),
            }
            self.show(at);
        }
    }
}
