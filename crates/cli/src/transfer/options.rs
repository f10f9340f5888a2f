//! The arguments of `ramekin import` and `ramekin export`.

use super::url::Url;
use ramekin::rdb::Dialect;
use std::ffi::OsString;
use std::path::PathBuf;

/// What `ramekin import --help` prints.
pub(super) const IMPORT_HELP: &str = "\
Usage: ramekin import FILE [OPTIONS]
       ramekin import --from redis://[user:password@]host[:port][/database] [OPTIONS]
       ramekin import --from-store [TABLE...] --store URL [--directive value ...]

Takes the data of Redis or Valkey: from FILE (an RDB file, an append-only file, or the folder appendonlydir or its
manifest), or from a running server, key by key, while it goes on serving.

  --dir DIR        into this data folder, which no server may be using (./data)
  --to URL         into a running server instead: redis://[user:password@]host[:port]
  --replace        replace keys that are there already; without this and --keep the target has to be empty
  --keep           keep keys that are there already
  --partial        take what stands before the damage in a damaged or torn FILE; else nothing of it is taken
  --databases N    number of databases of the data folder (16)
  --state FILE     where --from notes how far it is, to go on from there after an interruption
                   (ramekin-import.state; removed at the end)
  --help           this text

With --from-store it fills the memory of a data folder, which no server may be using, with what its store has: the records
of these tables, or all. It takes the directives of the server (--dir, --store, --maxmemory, --databases, ...), as flags or
variables (RAMEKIN_STORE), and --config FILE. It ends when memory is full, and takes what is missing when it is run again.

It ends with 0 if everything was taken, with 2 if something was not, which is then said, and with 1 if it failed.
";

/// What `ramekin export --help` prints.
pub(super) const EXPORT_HELP: &str = "\
Usage: ramekin export FILE [OPTIONS]

Writes all data into the RDB file FILE, which Valkey or Redis loads when it starts.

  --dir DIR        from this data folder, which no server may be using (./data)
  --from URL       from a running server instead, while it goes on serving: redis://[user:password@]host[:port][/database]
  --dialect WHOSE  valkey: for Valkey 9 and later (the default);
                   redis: for Redis 7.2 and later, Valkey 7.2 and 8; if fields of hashes expire, for Redis 7.4 and later
  --no-compression write long strings as they are
  --overwrite      replace FILE if it is there
  --databases N    number of databases of the data folder (16)
  --help           this text

It ends with 0 if everything was written, with 2 if something was not, which is then said, and with 1 if it failed.
";

/// What happens to a key that the target has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// There must be none: the target has to be empty.
    Refuse,
    Replace,
    Keep,
}

/// Where data comes from.
#[derive(Clone, Debug)]
pub(super) enum From {
    File(PathBuf),
    Server(Url),
}

/// A data folder or a running server.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Folder(PathBuf),
    Server(Url),
}

/// The command line of an import.
#[derive(Clone, Debug)]
pub(super) struct Import {
    pub(super) from: From,
    pub(super) to: Place,
    pub(super) existing: Existing,
    pub(super) partial: bool,
    pub(super) databases: u32,
    pub(super) state: PathBuf,
}

/// The command line of an export.
#[derive(Clone, Debug)]
pub(super) struct Export {
    pub(super) file: PathBuf,
    pub(super) from: Place,
    pub(super) dialect: Dialect,
    pub(super) compress: bool,
    pub(super) overwrite: bool,
    pub(super) databases: u32,
}

const FOLDER: &str = "data";
const STATE: &str = "ramekin-import.state";
const DATABASES: u32 = 16;

/// Words of a command line, one after the other.
struct Words<'a> {
    rest: std::slice::Iter<'a, OsString>,
    part: &'static str,
}

impl<'a> Words<'a> {
    fn value(&mut self, name: &str) -> Result<&'a OsString, String> {
        self.rest.next().ok_or_else(|| format!("{name} needs a value: see `ramekin {} --help`", self.part))
    }

    fn url(&mut self, name: &str) -> Result<Url, String> {
        Url::parse(&self.value(name)?.to_string_lossy())
    }

    fn databases(&mut self, name: &str) -> Result<u32, String> {
        let value = self.value(name)?.to_string_lossy();
        value
            .parse()
            .ok()
            .filter(|count| *count > 0)
            .ok_or(format!("{name}: '{value}' is no number of databases"))
    }

    fn unknown(&self, name: &str) -> String {
        format!("unknown option {name}: see `ramekin {} --help`", self.part)
    }
}

/// Reads the command line of an import; `None` asks for help.
pub(super) fn import(args: &[OsString]) -> Result<Option<Import>, String> {
    let mut words = Words { rest: args.iter(), part: "import" };
    let (mut file, mut from, mut folder, mut to) = (None, None, None, None);
    let (mut replace, mut keep, mut partial) = (false, false, false);
    let (mut databases, mut state) = (DATABASES, PathBuf::from(STATE));
    while let Some(word) = words.rest.next() {
        match word.to_str().unwrap_or_default() {
            "--help" | "-h" => return Ok(None),
            // Seen to before.
            "--from-store" => {}
            name @ "--from" => from = Some(words.url(name)?),
            name @ "--to" => to = Some(words.url(name)?),
            name @ "--dir" => folder = Some(PathBuf::from(words.value(name)?)),
            name @ "--databases" => databases = words.databases(name)?,
            name @ "--state" => state = PathBuf::from(words.value(name)?),
            "--replace" => replace = true,
            "--keep" => keep = true,
            "--partial" => partial = true,
            name if name.starts_with("--") => return Err(words.unknown(name)),
            _ if file.is_none() => file = Some(PathBuf::from(word)),
            name => return Err(format!("'{name}': one file at a time")),
        }
    }
    let from = match (file, from) {
        (Some(file), None) => From::File(file),
        (None, Some(url)) => From::Server(url),
        (None, None) => return Err("import what? A FILE or --from URL: see `ramekin import --help`".into()),
        _ => return Err("import takes a FILE or --from URL, not both".into()),
    };
    let existing = match (replace, keep) {
        (false, false) => Existing::Refuse,
        (true, false) => Existing::Replace,
        (false, true) => Existing::Keep,
        _ => return Err("--replace and --keep exclude each other".into()),
    };
    Ok(Some(Import { from, to: place(folder, to, "--to")?, existing, partial, databases, state }))
}

/// Reads the command line of an export; `None` asks for help.
pub(super) fn export(args: &[OsString]) -> Result<Option<Export>, String> {
    let mut words = Words { rest: args.iter(), part: "export" };
    let (mut file, mut from, mut folder) = (None, None, None);
    let (mut dialect, mut compress, mut overwrite) = (Dialect::Valkey, true, false);
    let mut databases = DATABASES;
    while let Some(word) = words.rest.next() {
        match word.to_str().unwrap_or_default() {
            "--help" | "-h" => return Ok(None),
            name @ "--from" => from = Some(words.url(name)?),
            name @ "--dir" => folder = Some(PathBuf::from(words.value(name)?)),
            name @ "--databases" => databases = words.databases(name)?,
            name @ "--dialect" => {
                dialect = match words.value(name)?.to_str() {
                    Some("valkey") => Dialect::Valkey,
                    Some("redis") => Dialect::Redis,
                    _ => return Err("--dialect: valkey or redis".into()),
                }
            }
            "--no-compression" => compress = false,
            "--overwrite" => overwrite = true,
            name if name.starts_with("--") => return Err(words.unknown(name)),
            _ if file.is_none() => file = Some(PathBuf::from(word)),
            name => return Err(format!("'{name}': one file at a time")),
        }
    }
    let file = file.ok_or("export into which FILE? See `ramekin export --help`")?;
    Ok(Some(Export { file, from: place(folder, from, "--from")?, dialect, compress, overwrite, databases }))
}

fn place(folder: Option<PathBuf>, url: Option<Url>, name: &str) -> Result<Place, String> {
    match (folder, url) {
        (Some(_), Some(_)) => Err(format!("--dir and {name} exclude each other")),
        (folder, None) => Ok(Place::Folder(folder.unwrap_or_else(|| FOLDER.into()))),
        (None, Some(url)) => Ok(Place::Server(url)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Existing, From, Place, export, import};
    use ramekin::rdb::Dialect;
    use std::ffi::OsString;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_file_goes_into_the_data_folder_unless_told_otherwise() {
        let options = import(&words("dump.rdb")).unwrap().unwrap();
        assert!(matches!(&options.from, From::File(file) if file.as_os_str() == "dump.rdb"));
        assert!(matches!(&options.to, Place::Folder(folder) if folder.as_os_str() == "data"));
        assert_eq!((options.existing, options.partial), (Existing::Refuse, false));
        let options = import(&words("--from redis://h --to redis://:p@g:1 --keep")).unwrap().unwrap();
        assert!(matches!(options.to, Place::Server(url) if url.port == 1));
        let options = export(&words("x.rdb --dialect redis --no-compression --overwrite")).unwrap().unwrap();
        assert_eq!((options.dialect, options.compress, options.overwrite), (Dialect::Redis, false, true));
    }

    #[test]
    fn mistakes_are_one_line() {
        for text in [
            "",
            "a b",
            "a --from redis://h",
            "a --replace --keep",
            "a --dir d --to redis://h",
            "a --bogus",
            "a --dir",
            "a --databases 0",
            "--from host",
        ] {
            let error = import(&words(text)).unwrap_err();
            assert!(!error.contains('\n'), "{error}");
        }
        for text in ["", "a --dialect x", "a --dir d --from redis://h", "a b", "a --to x"] {
            assert!(export(&words(text)).is_err(), "{text}");
        }
        assert!(import(&words("--help")).unwrap().is_none() && export(&words("-h")).unwrap().is_none());
    }
}
