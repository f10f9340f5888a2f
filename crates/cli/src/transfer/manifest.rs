//! Which files make up the data: one file, or those that the manifest of an `appendonlydir` names.
//!
//! A manifest has a line a file: `file NAME seq N type b`, with the type b for the base, i for an increment, h for history,
//! which is no longer needed. Names with spaces stand in quotes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// One file of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) form: Form,
}

/// What a file begins as; an RDB file may go on as commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Rdb,
    Aof,
}

/// The files, in the order in which they are to be read.
///
/// # Errors
/// One line: what is missing, or what this is instead.
pub(super) fn parts(path: &Path) -> Result<Vec<Part>, String> {
    let shown = path.display();
    if path.is_dir() {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|error| format!("cannot read {shown}: {error}"))? {
            let entry = entry.map_err(|error| format!("cannot read {shown}: {error}"))?.path();
            if entry.extension().is_some_and(|extension| extension == "manifest") {
                found.push(entry);
            }
        }
        return match &found[..] {
            [manifest] => listed(manifest),
            [] => Err(format!("{shown} is a folder without a manifest of an append-only file")),
            _ => Err(format!("{shown} has several manifests: name the right one")),
        };
    }
    match form(path)? {
        Some(form) => Ok(vec![Part { path: path.to_owned(), form }]),
        None => listed(path),
    }
}

/// What a file is, by its beginning; none for a manifest.
fn form(path: &Path) -> Result<Option<Form>, String> {
    let mut begin = Vec::new();
    File::open(path)
        .and_then(|file| file.take(9).read_to_end(&mut begin))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    match &begin[..] {
        [b'R', b'E', b'D', b'I', b'S', ..] | [b'V', b'A', b'L', b'K', b'E', b'Y', ..] => Ok(Some(Form::Rdb)),
        [b'*' | b'#', ..] | [] => Ok(Some(Form::Aof)),
        [b'f', b'i', b'l', b'e', b' ', ..] => Ok(None),
        _ => Err(format!(
            "{} is neither an RDB nor an append-only file, nor a manifest of one",
            path.display()
        )),
    }
}

fn listed(manifest: &Path) -> Result<Vec<Part>, String> {
    let shown = manifest.display();
    let file = File::open(manifest).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let (mut base, mut increments) = (None, Vec::new());
    for (line, number) in BufReader::new(file).lines().zip(1..) {
        let line = line.map_err(|error| format!("cannot read {shown}: {error}"))?;
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let wrong = || format!("{shown}, line {number}: it does not name a file, its number and its type");
        let (name, sequence, kind) = entry(&line).ok_or_else(wrong)?;
        if name.contains('/') {
            return Err(format!("{shown}, line {number}: '{name}' leads out of the folder"));
        }
        match kind {
            "b" if base.is_none() => base = Some(name),
            "b" => return Err(format!("{shown}, line {number}: a second base")),
            "i" => increments.push((sequence, name)),
            "h" => {}
            _ => return Err(wrong()),
        }
    }
    increments.sort_unstable();
    let names = base.into_iter().chain(increments.into_iter().map(|(_, name)| name));
    let parts: Result<Vec<Part>, String> = names
        .map(|name| {
            let path = folder.join(name);
            match form(&path)? {
                Some(form) => Ok(Part { path, form }),
                None => Err(format!("{} is a manifest, named by another one", path.display())),
            }
        })
        .collect();
    parts.and_then(|parts| if parts.is_empty() { Err(format!("{shown} names no files")) } else { Ok(parts) })
}

/// Name, number and type of a line.
fn entry(line: &str) -> Option<(String, u64, &str)> {
    let rest = line.strip_prefix("file ")?;
    let (name, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => rest.split_once(' ')?,
    };
    let mut words = rest.split_ascii_whitespace();
    match (words.next()?, words.next()?, words.next()?, words.next()?) {
        ("seq", number, "type", kind) => Some((name.to_owned(), number.parse().ok()?, kind)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, parts};
    use std::fs::write;

    #[test]
    fn the_base_comes_first_and_increments_by_their_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write(path("a.base.rdb"), b"VALKEY080").unwrap();
        write(path("a.10.incr.aof"), b"*1\r\n").unwrap();
        write(path("a 2.incr.aof"), b"").unwrap();
        let lines = "file a.10.incr.aof seq 10 type i\nfile old seq 1 type h\n\nfile a.base.rdb seq 1 type b\nfile \"a 2.incr.aof\" seq 2 type i startoffset 5\n";
        write(path("a.manifest"), lines).unwrap();
        let found = parts(folder.path()).unwrap();
        let names: Vec<_> =
            found.iter().map(|part| (part.path.file_name().unwrap().to_str().unwrap(), part.form)).collect();
        assert_eq!(
            names,
            [("a.base.rdb", Form::Rdb), ("a 2.incr.aof", Form::Aof), ("a.10.incr.aof", Form::Aof)]
        );
        assert_eq!(parts(&path("a.manifest")).unwrap(), found);
        std::fs::remove_file(path("a.10.incr.aof")).unwrap();
        assert!(parts(folder.path()).unwrap_err().contains("a.10.incr.aof"));
    }

    #[test]
    fn what_names_no_data_is_refused_in_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        for (text, expected) in [
            ("nonsense", "neither an RDB"),
            ("file a seq x type b\n", "line 1"),
            ("file ../a seq 1 type b\n", "leads out"),
            ("file a seq 1 type z\n", "line 1"),
            ("file x seq 1 type h\n", "names no files"),
            ("file x seq 1 type b\nfile x seq 2 type b\n", "second base"),
        ] {
            write(&file, text).unwrap();
            let error = parts(&file).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        assert!(parts(folder.path()).unwrap_err().contains("without a manifest"));
        assert!(parts(&folder.path().join("missing")).unwrap_err().contains("missing"));
    }
}
