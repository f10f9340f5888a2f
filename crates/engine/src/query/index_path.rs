//! Over what an index is: `data->>'state'`, `(data->>'seconds')::int`, `data->'a'->'b' AS integer`, or in short `state`, `a.b`.

use super::error::QueryError;
use super::form::{Json, Number, NumberNode, Scalar, Step, Text, Time, TimeNode};
use super::{Limits, lexer, parse};

/// A value of each record by which records are to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPath {
    /// Keys of objects.
    pub keys: Vec<Box<str>>,
    /// As what it is asked for, in a word of SQL; none: as a value of JSON.
    pub kind: Option<Box<str>>,
}

impl IndexPath {
    /// Reads what stands between the parentheses of an index.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, QueryError> {
        let (path, kind) = match text.to_ascii_lowercase().rfind(" as ") {
            Some(at) => (&text[..at], Some((text[at + 4..].trim(), at + 4))),
            None => (text, None),
        };
        let mut found = match in_short(path.trim()) {
            Some(keys) => Self { keys, kind: None },
            None => of_scalar(&parse::scalar(path, limits)?).ok_or_else(|| {
                QueryError::new(1, "an index is over a value at a path of keys: data->'a'->>'b'")
            })?,
        };
        if let Some((kind, at)) = kind {
            // It is a word of SQL if a cast to it is.
            let cast = parse::scalar(&format!("(data->>'x')::{kind}"), limits);
            let cast = cast.ok().filter(|_| {
                kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_'))
            });
            let is_type = cast.is_some() || kind.eq_ignore_ascii_case("jsonb");
            if !is_type {
                return Err(lexer::error(text, at, format!("there is no type \"{kind}\"")));
            }
            found.kind =
                cast.map(|scalar| scalar.type_name().into()).filter(|_| !kind.eq_ignore_ascii_case("jsonb"));
        }
        Ok(found)
    }
}

/// Words with points between them.
fn in_short(text: &str) -> Option<Vec<Box<str>>> {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && word.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'))
            && !word.contains("->")
    };
    let words: Vec<&str> = text.split('.').collect();
    let is_column = words.len() == 1 && ["data", "key", "expires_at"].contains(&words[0]);
    (words.iter().all(|word| is_word(word)) && !is_column).then(|| words.into_iter().map(Box::from).collect())
}

fn of_scalar(scalar: &Scalar) -> Option<IndexPath> {
    let typed =
        |path: &[Step], kind: Option<&str>| Some(IndexPath { keys: keys(path)?, kind: kind.map(Box::from) });
    match scalar {
        Scalar::Json(Json::Path(path)) => typed(path, None),
        Scalar::Text(Text::At(path)) => typed(path, Some("text")),
        Scalar::Number(Number {
            node: NumberNode::OfText(Text::At(path)) | NumberNode::OfJson(Json::Path(path)),
            ..
        })
        | Scalar::Time(Time { node: TimeNode::OfText(Text::At(path)), .. }) => {
            typed(path, Some(scalar.type_name()))
        }
        _ => None,
    }
}

fn keys(path: &[Step]) -> Option<Vec<Box<str>>> {
    let keys = path.iter().map(|step| match step {
        Step::Key(key) | Step::Either(key, None) => Some(key.clone()),
        Step::Index(_) | Step::Either(_, Some(_)) => None,
    });
    keys.collect::<Option<Vec<_>>>().filter(|keys| !keys.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_in_each_of_its_forms() {
        for (text, keys, kind) in [
            ("state", &["state"][..], None),
            ("a.b-c", &["a", "b-c"], None),
            ("data->'a'->'b'", &["a", "b"], None),
            ("data->>'state'", &["state"], Some("text")),
            ("(data->>'n')::int", &["n"], Some("integer")),
            ("data->>'n' AS numeric", &["n"], Some("numeric")),
            ("n as jsonb", &["n"], None),
            ("data->>'at' AS timestamptz", &["at"], Some("timestamp with time zone")),
            ("data#>'{a,b}'", &["a", "b"], None),
        ] {
            let path =
                IndexPath::parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(path.keys.iter().map(|key| &**key).collect::<Vec<_>>(), keys, "{text}");
            assert_eq!(path.kind.as_deref(), kind, "{text}");
        }
        for text in [
            "",
            "data",
            "key",
            "data->0",
            "data->>'a' || 'x'",
            "n AS regclass",
            "n AS int; DROP TABLE t",
            "1",
        ] {
            assert!(IndexPath::parse(text, &Limits::default()).is_err(), "{text}");
        }
    }
}
