//! Looks at the newest checkpoint of a folder and says what it is or what is wrong where. Writes nothing.

use super::files::{name, newest};
use super::reader::{Loaded, Reader};
use crate::error::{Error, ErrorKind};
use crate::io::Disk;
use crate::log::Needed;
use crate::manifest::Manifest;

/// What the newest checkpoint of a folder is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The name of its file.
    pub file: String,
    /// What it holds, if its header and its table of shards can be read.
    pub found: Option<Loaded>,
    /// Why opening would refuse it: one line with file and offset.
    pub problem: Option<String>,
}

/// Reads all of the newest checkpoint; none if there is none.
///
/// # Errors
/// What the disk says. What is wrong with the checkpoint is in the report.
pub fn verify(disk: &dyn Disk, manifest: &Manifest) -> Result<Option<Report>, Error> {
    let Some(number) = newest(disk)? else { return Ok(None) };
    let opened = open(disk, number, manifest);
    let found = opened.as_ref().ok().map(Reader::describe);
    let problem = match opened.and_then(|reader| reader.check()) {
        Ok(()) => None,
        Err(error) if matches!(error.kind(), ErrorKind::Failed | ErrorKind::Denied) => return Err(error),
        Err(error) => Some(error.to_string()),
    };
    Ok(Some(Report { file: name(number), found, problem }))
}

/// Which records of the log are needed beside the newest checkpoint.
///
/// # Errors
/// What the disk says, and what is wrong with its header or its table of shards.
pub fn needed(disk: &dyn Disk, manifest: &Manifest) -> Result<Needed, Error> {
    match newest(disk)? {
        Some(number) => Ok(open(disk, number, manifest)?.needed()),
        None => Ok(Needed::default()),
    }
}

fn open(disk: &dyn Disk, number: u32, manifest: &Manifest) -> Result<Reader, Error> {
    Reader::open(disk, number, manifest.database_id, manifest.shards as usize)
}
