//! `ramekin log DIR`: prints what the log of a data folder holds, as commands in the Redis protocol.
//!
//! `ramekin log DIR | redis-cli --pipe` runs them on another server. The folder is only read.

use ramekin::canonical::Canonical;
use ramekin::io::os::OsDisk;
use ramekin::manifest::Manifest;
use ramekin::{checkpoint, log};
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "Usage: ramekin log DIR\n\n\
Prints the changes in the log of the data folder DIR, which no server may be writing to, as commands in the Redis\n\
protocol: `ramekin log DIR | redis-cli --pipe` runs them on a Valkey 9. What a checkpoint holds is not in the log.\n";

/// Prints the log of the folder that `args` name.
///
/// # Errors
///
/// One line: no folder given, or one whose log cannot be read.
pub(crate) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let [folder] = args else { return Err("log takes one data folder: ramekin log DIR".into()) };
    if folder == "--help" || folder == "-h" {
        return super::print(USAGE);
    }
    let disk = OsDisk::open_read_only(Path::new(folder)).map_err(|error| error.to_string())?;
    let manifest = Manifest::load(&disk).map_err(|error| error.to_string())?;
    let manifest = manifest.ok_or_else(|| format!("{} holds no data", Path::new(folder).display()))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut canonical, mut gone) = (Canonical::new(), None);
    let needed = checkpoint::needed(&disk, &manifest).map_err(|error| error.to_string())?;
    let read = log::replay(&disk, manifest.database_id, needed, &mut |_, record| {
        for words in canonical.commands(record)? {
            gone = gone.take().or(write(&mut out, &words).err());
        }
        Ok(())
    });
    read.map_err(|error| error.to_string())?;
    match gone.or(out.flush().err()) {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot write: {error}")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn write(out: &mut impl Write, words: &[Vec<u8>]) -> io::Result<()> {
    write!(out, "*{}\r\n", words.len())?;
    for word in words {
        write!(out, "${}\r\n", word.len())?;
        out.write_all(word)?;
        out.write_all(b"\r\n")?;
    }
    Ok(())
}
