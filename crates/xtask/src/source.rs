//! The sources of the project as text.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders of sources, below the root.
const FOLDERS: &[&str] = &["crates", "tests", "bench", "fuzz"];
/// Folders that hold nothing that was written here.
const SKIPPED: &[&str] = &["target", "__pycache__", "corpus", "artifacts"];

/// One file.
pub(crate) struct Source {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All Rust and Python files.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<Source>,
}

impl Tree {
    /// Reads them, from the root of the workspace that this crate lies in.
    pub(crate) fn read() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let mut files = Vec::new();
        for folder in FOLDERS.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir()) {
            collect(&root, &folder, &mut files)?;
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root, files })
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) && !name.starts_with('.') {
                collect(root, &path, files)?;
            }
        } else if matches!(path.extension().and_then(|extension| extension.to_str()), Some("rs" | "py")) {
            let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push(Source { path: shown, text: fs::read_to_string(&path)? });
        }
    }
    Ok(())
}

impl Source {
    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the whole file is a test.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/")
            || self.path.split('/').any(|part| part == "tests")
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
    }

    /// The lines of Rust code with their numbers: no comments, and nothing from the tests at the end on.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().zip(1..);
        let mut tests = false;
        lines
            .take_while(move |(line, _)| {
                tests |= *line == "#[cfg(test)]";
                !tests
            })
            .map(|(line, number)| (number, line.split("//").next().unwrap_or_default()))
    }
}
