//! The words and signs of a text.
//!
//! What must hold: only what is listed here gets through, so nothing behind ever meets a subquery, a function, a comment, a
//! parameter or another statement. Signs are divided as PostgreSQL divides them, `=-1` into two and `@>-` not at all.

use super::Limits;
use super::error::QueryError;

/// A word that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Word {
    And, Array, As, Asc, Between, Bigint, Boolean, Cast, Count, Date, Desc, Distinct, Double, Escape, False, First, Float, From, Ilike, In,
    Integer, Is, Jsonb, Last, Like, Not, Null, Nulls, Numeric, Or, Precision, Real, Text, Time, Timestamp, Timestamptz, True, Unknown,
    With, Without, Zone,
}

#[rustfmt::skip]
const WORDS: &[(&str, Word)] = &[
    ("and", Word::And), ("array", Word::Array), ("as", Word::As), ("asc", Word::Asc), ("between", Word::Between),
    ("bigint", Word::Bigint), ("bool", Word::Boolean), ("boolean", Word::Boolean), ("cast", Word::Cast), ("count", Word::Count),
    ("date", Word::Date), ("decimal", Word::Numeric), ("desc", Word::Desc), ("distinct", Word::Distinct), ("double", Word::Double),
    ("escape", Word::Escape), ("false", Word::False), ("first", Word::First), ("float", Word::Float), ("float4", Word::Real),
    ("float8", Word::Float), ("from", Word::From), ("ilike", Word::Ilike), ("in", Word::In), ("int", Word::Integer),
    ("int4", Word::Integer), ("int8", Word::Bigint), ("integer", Word::Integer), ("is", Word::Is), ("jsonb", Word::Jsonb),
    ("last", Word::Last), ("like", Word::Like), ("not", Word::Not), ("null", Word::Null), ("nulls", Word::Nulls),
    ("numeric", Word::Numeric), ("or", Word::Or), ("precision", Word::Precision), ("real", Word::Real), ("text", Word::Text),
    ("time", Word::Time), ("timestamp", Word::Timestamp), ("timestamptz", Word::Timestamptz), ("true", Word::True),
    ("unknown", Word::Unknown), ("with", Word::With), ("without", Word::Without), ("zone", Word::Zone),
];

/// A column of a table of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Data,
    Key,
    ExpiresAt,
}

const COLUMNS: [(&str, Column); 3] =
    [("data", Column::Data), ("key", Column::Key), ("expires_at", Column::ExpiresAt)];

/// The signs that there are, each of which is one token.
const SIGNS: [&str; 18] =
    ["=", "<>", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "->", "->>", "#>", "#>>", "@>", "<@", "?"];
const SIGNS_OF_KEYS: [&str; 2] = ["?|", "?&"];
/// What an operator is made of.
const OPERATOR: &str = "+-*/<>=~!@#%^&|`?";
/// Without one of these an operator does not end with a sign of a number.
const OPERATOR_RARE: &str = "~!@#%^&|`?";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    Word(Word),
    Column(Column),
    /// A name that is given to something, behind AS.
    Name(String),
    Number(&'t str),
    /// A text in quotes.
    Text(String),
    /// An operator, a parenthesis, a bracket, a comma or `::`.
    Sign(&'static str),
}

#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    /// The byte at which it begins.
    pub(super) at: usize,
}

/// Reads a text. In a list of columns names may be given `with_names`: any word behind AS.
pub(super) fn tokens<'t>(
    text: &'t str,
    limits: &Limits,
    with_names: bool,
) -> Result<Vec<Token<'t>>, QueryError> {
    if text.len() > limits.text_bytes_max {
        return Err(QueryError::new(1, format!("the text has more than {} bytes", limits.text_bytes_max)));
    }
    let mut lexer = Lexer { text, at: 0, with_names, follows_as: false };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        if tokens.len() >= limits.tokens_max {
            return Err(error(text, token.at, "the expression is too long"));
        }
        tokens.push(token);
    }
    Ok(tokens)
}

/// An error at a byte of a text.
pub(super) fn error(text: &str, at: usize, message: impl Into<String>) -> QueryError {
    let before = text.get(..at).unwrap_or(text);
    QueryError::new(before.chars().count() + 1, message)
}

/// What is wrong is that something stands at a byte, or that nothing does.
pub(super) fn syntax_error(text: &str, at: usize) -> QueryError {
    match near(text, at) {
        "" => error(text, at, "syntax error at end of input"),
        near => error(text, at, format!("syntax error at or near \"{near}\"")),
    }
}

/// The word or sign at a byte, shortened.
pub(super) fn near(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let is_operator = |letter: char| OPERATOR.contains(letter);
    let length = |is_part: &dyn Fn(char) -> bool| {
        rest.chars().take(40).take_while(|it| is_part(*it)).map(char::len_utf8).sum()
    };
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let end: usize = length(&is_word);
    &rest[..end.max(length(&is_operator)).max(first)]
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    with_names: bool,
    /// The last word was AS.
    follows_as: bool,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Result<Option<Token<'t>>, QueryError> {
        let blanks = |letter: char| matches!(letter, ' ' | '\t'..='\r');
        self.at = self.text.len() - self.rest().trim_start_matches(blanks).len();
        let at = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok(None) };
        let mut after = self.rest().chars().skip(1);
        let kind = match first {
            '0'..='9' => self.number()?,
            '.' if after.next().is_some_and(|letter| letter.is_ascii_digit()) => self.number()?,
            '\'' => Kind::Text(self.quoted('\'')?),
            '"' => {
                let name = self.quoted('"')?;
                self.name(&name, &name, at)?
            }
            '_' | 'a'..='z' | 'A'..='Z' | '\u{80}'.. => self.word()?,
            _ => Kind::Sign(self.sign()?),
        };
        self.follows_as = kind == Kind::Word(Word::As);
        Ok(Some(Token { kind, at }))
    }

    fn number(&mut self) -> Result<Kind<'t>, QueryError> {
        let rest = self.rest().as_bytes();
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = digits(0);
        if rest.get(end) == Some(&b'.') {
            end += 1 + digits(end + 1);
        }
        if let Some(b'e' | b'E') = rest.get(end) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            end += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        let number = &self.rest()[..end];
        if self.rest()[end..]
            .starts_with(|letter: char| letter == '_' || letter == '.' || letter.is_alphanumeric())
        {
            return Err(error(
                self.text,
                self.at,
                format!("trailing junk after a number at or near \"{number}\""),
            ));
        }
        self.at += end;
        Ok(Kind::Number(number))
    }

    /// What stands between two of these quotes; twice in a row they stand for one.
    fn quoted(&mut self, quote: char) -> Result<String, QueryError> {
        let mut inner = String::new();
        let mut parts = self.rest()[1..].split(quote);
        let mut end = self.at + 1;
        loop {
            let part = parts.next().unwrap_or_default();
            inner.push_str(part);
            end += part.len() + 1;
            if end > self.text.len() {
                return Err(error(self.text, self.at, "the text in quotes does not end"));
            }
            if !self.text[end..].starts_with(quote) {
                break;
            }
            inner.push(quote);
            end += 1;
            parts.next();
        }
        if let Some(zero) = inner.find('\0') {
            return Err(error(self.text, self.at + 1 + zero, "a text of SQL has no zero byte"));
        }
        self.at = end;
        Ok(inner)
    }

    fn word(&mut self) -> Result<Kind<'t>, QueryError> {
        let at = self.at;
        let is_part =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$' | '\u{80}'..);
        let rest = self.rest();
        let word = &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())];
        self.at += word.len();
        let small = word.to_ascii_lowercase();
        if self.with_names && self.follows_as && find(WORDS, &small).is_none() {
            return Ok(Kind::Name(small));
        }
        match find(WORDS, &small) {
            Some(word) => Ok(Kind::Word(word)),
            None => self.name(&small, word, at),
        }
    }

    /// A name: of a column, or one that is given.
    fn name(&self, name: &str, written: &str, at: usize) -> Result<Kind<'t>, QueryError> {
        if self.with_names && self.follows_as && !name.is_empty() {
            return Ok(Kind::Name(name.to_owned()));
        }
        if let Some(column) = find(&COLUMNS, name) {
            return Ok(Kind::Column(column));
        }
        let name: String = written.chars().take(40).collect();
        let message = if self.rest().trim_start().starts_with('(') {
            format!("functions are not allowed: \"{name}\"")
        } else {
            format!("\"{name}\" is not allowed here: the columns are data, key and expires_at")
        };
        Err(error(self.text, at, message))
    }

    fn sign(&mut self) -> Result<&'static str, QueryError> {
        let rest = self.rest();
        for sign in ["(", ")", "[", "]", ",", "::"] {
            if rest.starts_with(sign) {
                self.at += sign.len();
                return Ok(sign);
            }
        }
        let run = &rest[..rest.find(|letter| !OPERATOR.contains(letter)).unwrap_or(rest.len())];
        let comment = ["--", "/*"].iter().filter_map(|begins| run.find(begins)).min();
        let mut operator = &run[..comment.unwrap_or(run.len())];
        if !operator.contains(|letter| OPERATOR_RARE.contains(letter)) {
            while operator.len() > 1 && operator.ends_with(['+', '-']) {
                operator = &operator[..operator.len() - 1];
            }
        }
        let known = SIGNS.iter().chain(&SIGNS_OF_KEYS).find(|sign| **sign == operator);
        if let Some(sign) = known {
            self.at += sign.len();
            return Ok(sign);
        }
        Err(match rest.as_bytes() {
            _ if comment == Some(0) => error(self.text, self.at, "comments are not allowed"),
            [b';', ..] => error(self.text, self.at, "one expression is allowed, without a semicolon"),
            [b'$', b'0'..=b'9', ..] => error(self.text, self.at, "parameters are not allowed"),
            [0, ..] => error(self.text, self.at, "a text of SQL has no zero byte"),
            _ => syntax_error(self.text, self.at),
        })
    }
}

fn find<T: Copy>(among: &[(&str, T)], name: &str) -> Option<T> {
    among.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
}
