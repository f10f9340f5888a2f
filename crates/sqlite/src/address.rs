//! Addresses of stores in SQLite files.

use ramekin::store::{ErrorKind, StoreError};
use std::path::{Path, PathBuf};

/// The file's name where an address has none.
const FILE: &str = "store.db";

/// The file that an address names. `sqlite:` alone is `store.db` in the data folder, `sqlite:PATH` a path as the system takes
/// it, from the current directory if it is relative, and `sqlite:///PATH` one from the root. Nothing in it is escaped.
///
/// # Errors
/// `Invalid` for anything else.
pub fn path_of(url: &str, data_folder: &Path) -> Result<PathBuf, StoreError> {
    let invalid = |why: &str| {
        Err(StoreError::new(ErrorKind::Invalid, format!("{url:?} is no address of a store: {why}")))
    };
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return invalid("it has to begin with sqlite:");
    };
    let path = match rest.strip_prefix("//") {
        Some(path) if !path.starts_with('/') => {
            return invalid("after sqlite:// comes an absolute path, with a third slash");
        }
        Some(path) => path,
        None => rest,
    };
    match path {
        "" => Ok(data_folder.join(FILE)),
        ":memory:" => invalid("what is in memory only would not be a store"),
        _ if path.contains(['?', '#', '\0']) => invalid("it cannot have options"),
        _ if path.ends_with('/') => invalid("it names a folder, and has to name a file"),
        _ => Ok(PathBuf::from(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_file_or_is_refused() {
        let path = |url| path_of(url, Path::new("/data")).map_err(|error| error.kind);
        for (url, wanted) in [
            ("sqlite:", "/data/store.db"),
            ("sqlite:settled.db", "settled.db"),
            ("sqlite:../x/y.db", "../x/y.db"),
            ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
            ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
            ("sqlite:with space%20.db", "with space%20.db"),
        ] {
            assert_eq!(path(url), Ok(PathBuf::from(wanted)), "{url}");
        }
        for url in [
            "",
            "x.db",
            "sqlite",
            "sqlite://",
            "sqlite://host/x",
            "sqlite::memory:",
            "sqlite:x?mode=ro",
            "sqlite:x/",
        ] {
            assert_eq!(path(url), Err(ErrorKind::Invalid), "{url}");
        }
    }
}
