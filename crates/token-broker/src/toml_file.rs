//! Files of named entries in TOML: where in the file something is wrong. Knows nothing of what the entries mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;

/// The longest name of an entry.
const MAX_NAME_LEN: usize = 32;

/// What is wrong in a file, and where.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// An entry says something it cannot mean.
    #[error("{}, line {line}: [{table}.{name}] {problem}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// The line of the entry, from 1.
        line: usize,
        /// The table the entry is in.
        table: &'static str,
        /// The entry.
        name: String,
        /// What is wrong, and the fix.
        problem: String,
    },
    /// The file as a whole cannot be used: it is no such TOML, or something is missing in it.
    #[error("{}: {problem}", file.display())]
    Whole {
        /// The file.
        file: PathBuf,
        /// What is wrong, and the fix or the line.
        problem: String,
    },
}

/// The entries of one table, which is all that stands in the file.
pub(crate) struct TomlFile<'a, T> {
    path: &'a Path,
    text: &'a str,
    table: &'static str,
    entries: BTreeMap<String, Spanned<T>>,
}

impl<'a, T: DeserializeOwned> TomlFile<'a, T> {
    /// Reads the entries `[table.name]`; every name has the form of one.
    ///
    /// # Errors
    /// [`FileError`], if it is no such TOML.
    pub(crate) fn parse(path: &'a Path, table: &'static str, content: &'a [u8]) -> Result<Self, FileError> {
        let whole = |problem: String| FileError::Whole { file: path.to_owned(), problem };
        let text = str::from_utf8(content).map_err(|_| whole("it is not UTF-8".to_owned()))?;
        let mut tables: BTreeMap<String, BTreeMap<String, Spanned<T>>> =
            toml::from_str(text).map_err(|error| whole(error.to_string()))?;
        let entries = tables.remove(table).unwrap_or_default();
        if let Some(other) = tables.keys().next() {
            return Err(whole(format!("[{other}] is not known: entries are called [{table}.<name>]")));
        }
        if entries.is_empty() {
            return Err(whole(format!(
                "it names nothing: add an entry [{table}.<name>], or leave the file out"
            )));
        }
        let file = Self { path, text, table, entries };
        for (name, _) in file.entries() {
            if !is_name(name) {
                let problem = "is not a name: it takes a lower-case letter, then up to 31 of a-z, 0-9 and -";
                return Err(file.error(name, problem));
            }
        }
        Ok(file)
    }
}

impl<T> TomlFile<'_, T> {
    /// Every entry by its name.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.get_ref()))
    }

    /// Says of an entry what is wrong with it.
    pub(crate) fn error(&self, name: &str, problem: impl Into<String>) -> FileError {
        let start = self.entries.get(name).map_or(0, |entry| entry.span().start);
        FileError::Entry {
            file: self.path.to_owned(),
            line: self.text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1,
            table: self.table,
            name: name.to_owned(),
            problem: problem.into(),
        }
    }

    /// Says what is wrong with the file as a whole.
    pub(crate) fn whole(&self, problem: impl Into<String>) -> FileError {
        FileError::Whole { file: self.path.to_owned(), problem: problem.into() }
    }
}

/// Names end up in logs and metric labels, hence so narrow.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_LEN
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<String>, String> {
        let file = TomlFile::<BTreeMap<String, bool>>::parse(Path::new("/f.toml"), "things", text.as_bytes());
        let file = file.map_err(|error| error.to_string())?;
        Ok(file.entries().map(|(name, _)| name.to_owned()).collect())
    }

    #[test]
    fn entries_have_names_of_one_form() {
        assert_eq!(parse("[things.a]\n[things.b-2]").unwrap(), ["a", "b-2"]);
        for name in ["A", "1a", "-a", "a_b", "\"a b\"", "\"\"", "abcdefghijklmnopqrstuvwxyz-0123456"] {
            let error = parse(&format!("[things.a]\n\n[things.{name}]")).unwrap_err();
            assert!(error.starts_with("/f.toml, line 3: [things."), "{error}");
        }
    }

    #[test]
    fn a_fault_of_the_file_names_the_file() {
        for (text, said) in [
            ("", "names nothing"),
            ("[other.a]", "[other] is not known"),
            ("[things.a]\nx = 1", "line 2"),
            ("[things.a]\n[things.a]", "duplicate key"),
            ("loose = 1", "line 1"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("/f.toml: ") && error.contains(said), "{text:?}: {error}");
        }
        assert!(TomlFile::<bool>::parse(Path::new("/f.toml"), "things", &[0xff]).is_err());
    }
}
