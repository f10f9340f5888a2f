//! `ramekin check DIR`: says what is in a data folder and what is wrong where, without changing it.
//!
//! It exits with success where a server would start, a torn tail included, since starting cuts it.

use ramekin::checkpoint;
use ramekin::io::os::OsDisk;
use ramekin::log::{self, Needed, Report, Verdict};
use ramekin::manifest::Manifest;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str =
    "Usage: ramekin check DIR\n\nVerifies the data folder DIR, which no server may be writing to.\n";

/// Checks the folder that `args` name.
///
/// # Errors
///
/// One line: no folder given, or one that cannot be read.
pub(crate) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let [folder] = args else { return Err("check takes one data folder: ramekin check DIR".into()) };
    if folder == "--help" || folder == "-h" {
        return super::print(USAGE);
    }
    let (report, sound) = check(Path::new(folder))?;
    super::print(&report)?;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The report on a folder, and whether a server would start on it.
fn check(folder: &Path) -> Result<(String, bool), String> {
    let disk = OsDisk::open_read_only(folder).map_err(|error| error.to_string())?;
    let manifest = Manifest::load(&disk).map_err(|error| error.to_string())?;
    let Some(manifest) = manifest else {
        return match log::exists(&disk).map_err(|error| error.to_string())? {
            true => {
                Ok(("There is a log but no MANIFEST: restore the one that belongs to it.\n".into(), false))
            }
            false => Ok((format!("{} holds no data.\n", folder.display()), true)),
        };
    };
    let saved = checkpoint::verify(&disk, &manifest).map_err(|error| error.to_string())?;
    let found = saved.as_ref().and_then(|saved| saved.found.as_ref());
    let needed = found
        .map_or_else(Needed::default, |found| Needed { after: found.lowest_cut, upto: found.highest_cut });
    let report = log::verify(&disk, manifest.database_id, needed).map_err(|error| error.to_string())?;
    let is_saved = saved.as_ref().is_none_or(|saved| saved.problem.is_none());
    let sound = is_saved && !matches!(report.verdict, Verdict::Refused { .. });
    Ok((describe(&manifest, saved.as_ref(), &report), sound))
}

fn describe(manifest: &Manifest, saved: Option<&checkpoint::Report>, report: &Report) -> String {
    let mut out = format!("database {:032x}, {} shards\n", manifest.database_id, manifest.shards);
    if let Some(checkpoint::Report { file, found, problem }) = saved {
        let found = found.as_ref().map_or_else(
            || "cannot be read".to_owned(),
            |found| {
                let (keys, cut, bytes) = (found.keys, found.lowest_cut, found.bytes);
                format!("{keys} keys, all records up to {cut}, {bytes} bytes")
            },
        );
        let _ = writeln!(out, "{file}: {found}");
        if let Some(problem) = problem {
            let _ = writeln!(out, "Damaged: a server refuses to start. {problem}");
        }
    }
    for segment in &report.segments {
        let range = match (segment.first_lsn, segment.last_lsn) {
            (Some(first), Some(last)) => format!("records {first} to {last}"),
            _ => "no records".into(),
        };
        let used = if segment.is_begun { segment.end } else { 0 };
        let _ = writeln!(out, "{}: {range}, {used} of {} bytes used", segment.file, segment.bytes);
        for (offset, problem) in &segment.problems {
            let _ = writeln!(out, "  at {offset}: {problem}");
        }
    }
    let _ = match &report.verdict {
        Verdict::Sound { last_lsn } => {
            writeln!(out, "Sound: a server replays everything up to record {last_lsn}.")
        }
        Verdict::Torn { last_lsn, cut } => writeln!(
            out,
            "Torn: a server replays everything up to record {last_lsn} and cuts {} bytes from {} at {} ({}).",
            cut.bytes, cut.file, cut.offset, cut.reason
        ),
        Verdict::Refused { reason } => writeln!(out, "Damaged: a server refuses to start. {reason}"),
    };
    out
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn an_empty_folder_is_sound_and_a_missing_one_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (report, sound) = check(folder.path()).unwrap();
        assert!(sound && report.ends_with("holds no data.\n"), "{report}");
        assert!(check(&folder.path().join("missing")).unwrap_err().contains("missing"));
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("MANIFEST"), b"garbage").unwrap();
        assert!(check(folder.path()).unwrap_err().contains("MANIFEST"));
    }
}
