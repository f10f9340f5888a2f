//! Looks at every segment of a folder and says what is in it and what is wrong where.
//!
//! What must hold: it writes nothing, and its verdict is what opening would find. It goes on where opening stops, so that
//! a person sees what is left.

use super::record::HeaderState;
use super::recovery::{Cut, Listed, list, scan};
use super::{Lsn, Needed};
use crate::error::Error;
use crate::io::Disk;
use crate::progress::Progress;

/// What a folder's log is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// By epoch and index.
    pub segments: Vec<SegmentReport>,
    /// What opening would do.
    pub verdict: Verdict,
}

/// What opening would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Replay everything up to this record; there is nothing else.
    Sound {
        /// The last record.
        last_lsn: Lsn,
    },
    /// Replay everything up to this record, and cut a torn tail.
    Torn {
        /// The last record.
        last_lsn: Lsn,
        /// The tail.
        cut: Cut,
    },
    /// Refuse, with this reason.
    Refused {
        /// One line: file, offset, and what is wrong.
        reason: String,
    },
}

/// What one segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// The name of the file.
    pub file: String,
    /// Its length in bytes, space allocated ahead included.
    pub bytes: u64,
    /// Whether it was ever begun.
    pub is_begun: bool,
    /// Valid frames from the beginning on.
    pub frames: u64,
    /// Records that end in them.
    pub records: u64,
    /// The record that the first frame begins or goes on with.
    pub first_lsn: Option<Lsn>,
    /// The last record that ends in them.
    pub last_lsn: Option<Lsn>,
    /// Where those frames end, in bytes.
    pub end: u64,
    /// What is wrong with it, and at which offset.
    pub problems: Vec<(u64, String)>,
}

/// Verifies the log of a folder, of which these records are needed.
///
/// # Errors
/// What the disk says. What is wrong with the log is in the report.
pub fn verify(disk: &dyn Disk, database_id: u128, needed: Needed) -> Result<Report, Error> {
    let mut segments = Vec::new();
    for segment in list(disk)? {
        segments.push(inspect(&segment, database_id)?);
    }
    let verdict = match scan(disk, database_id, needed, &Progress::default(), &mut |_, _| Ok(())) {
        Err(error) => Verdict::Refused { reason: error.to_string() },
        Ok(found) => match found.recovery.cut {
            None => Verdict::Sound { last_lsn: found.recovery.last_lsn },
            Some(cut) => Verdict::Torn { last_lsn: found.recovery.last_lsn, cut },
        },
    };
    Ok(Report { segments, verdict })
}

fn inspect(segment: &Listed, database_id: u128) -> Result<SegmentReport, Error> {
    let mut report = SegmentReport {
        file: segment.name.clone(),
        bytes: segment.file.len()?,
        is_begun: segment.header != HeaderState::Blank,
        frames: 0,
        records: 0,
        first_lsn: None,
        last_lsn: None,
        end: 0,
        problems: Vec::new(),
    };
    if let Err(error) = segment.check(database_id) {
        report.problems.push((0, error.to_string()));
    }
    if segment.header == HeaderState::Broken {
        report.problems.push((0, "the header is broken".to_owned()));
    }
    if let HeaderState::Valid(header) = &segment.header {
        report.first_lsn = Some(header.first_lsn);
    }
    let mut reader = segment.reader(database_id);
    while let Some((header, _)) = reader.next_frame()? {
        report.frames += 1;
        report.records += header.records();
        report.first_lsn.get_or_insert(header.first_lsn);
        if header.records() > 0 {
            report.last_lsn = Some(header.next_lsn() - 1);
        }
    }
    report.end = reader.offset();
    let remains = reader.search(report.end)?;
    if remains.end > 0 {
        let text = format!(
            "{} bytes that are no valid frame, {} valid frames among them",
            remains.end - report.end,
            remains.frames
        );
        report.problems.push((report.end, text));
    }
    Ok(report)
}
