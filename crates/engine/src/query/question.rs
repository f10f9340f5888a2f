//! A whole query: what is returned, of which records, in which order, and how many.
//!
//! `[SELECT list|COUNT] [WHERE clause] [ORDER BY list] [LIMIT n] [OFFSET n] [CURSOR c]`, and a text that begins with none of these
//! is a clause. The text is divided at these words where they stand outside of quotes and parentheses: none of them means
//! anything inside of a clause. What must hold: an error tells its place in the whole text.

use super::{Clause, Limits, Order, Projection, QueryError, lexer};

/// A query.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is returned of each record.
    pub projection: Projection,
    /// Which records it is about.
    pub clause: Clause,
    /// In which order; none: in no order.
    pub order: Option<Order>,
    /// How many are returned at most.
    pub limit: Option<usize>,
    /// How many are passed over first.
    pub offset: usize,
    /// Where the walk of which this is a page goes on; `0` begins one.
    pub cursor: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Select,
    Count,
    Where,
    OrderBy,
    Limit,
    Offset,
    Cursor,
}

/// Words that begin a part, in the order in which parts come; those from `LIMIT` on may come in any.
const PARTS: [(&str, Part); 7] = [
    ("select", Part::Select),
    ("count", Part::Count),
    ("where", Part::Where),
    ("order", Part::OrderBy),
    ("limit", Part::Limit),
    ("offset", Part::Offset),
    ("cursor", Part::Cursor),
];

impl Question {
    /// Reads a query.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, QueryError> {
        if text.len() > limits.text_bytes_max {
            return Err(QueryError::new(
                1,
                format!("the text has more than {} bytes", limits.text_bytes_max),
            ));
        }
        let mut question = Self {
            projection: Projection::all(),
            clause: Clause::parse("", limits)?,
            order: None,
            limit: None,
            offset: 0,
            cursor: None,
        };
        let mut seen: Vec<Part> = Vec::new();
        for (part, word_at, start, end) in divided(text)? {
            let is_late = |other: &Part| {
                *other == part || *other as usize > part as usize && (part as usize) < Part::Limit as usize
            };
            if seen.iter().any(is_late) || part == Part::Where && seen.contains(&Part::Where) {
                return Err(lexer::syntax_error(text, word_at));
            }
            seen.push(part);
            let body = &text[start..end];
            let moved = |mut error: QueryError| {
                error.position += text[..start].chars().count();
                error
            };
            let is_empty = body.trim().is_empty();
            if is_empty != (part == Part::Count) {
                let at = if is_empty { end } else { start + body.len() - body.trim_start().len() };
                return Err(lexer::syntax_error(text, at));
            }
            match part {
                Part::Select => question.projection = Projection::parse(body, limits).map_err(moved)?,
                Part::Count => question.projection = Projection::count(),
                Part::Where => question.clause = Clause::parse(body, limits).map_err(moved)?,
                Part::OrderBy => question.order = Some(Order::parse(body, limits).map_err(moved)?),
                Part::Limit if body.trim().eq_ignore_ascii_case("all") => {}
                Part::Limit => question.limit = Some(number(text, start, body)?),
                Part::Offset => question.offset = number(text, start, body)?,
                Part::Cursor => question.cursor = Some(body.trim().into()),
            }
        }
        Ok(question)
    }

    /// Up to how many records are needed, those that are passed over included.
    #[must_use]
    pub fn needed(&self) -> Option<usize> {
        self.limit.map(|limit| limit.saturating_add(self.offset))
    }
}

fn number(text: &str, start: usize, body: &str) -> Result<usize, QueryError> {
    let word = body.trim();
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let at = start + body.len() - body.trim_start().len();
    if !is_number {
        return Err(lexer::error(text, at, "a number that is not negative belongs here"));
    }
    Ok(word.parse().unwrap_or(usize::MAX))
}

/// The parts of a text: which, where its word stands, and from where to where its body goes.
fn divided(text: &str) -> Result<Vec<(Part, usize, usize, usize)>, QueryError> {
    let bytes = text.as_bytes();
    let mut parts: Vec<(Part, usize, usize, usize)> = Vec::new();
    let (mut at, mut depth, mut follows_as) = (0, 0_usize, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\'' => {
                // A quote that is written twice ends a text and begins another, which comes to the same here.
                at += 1 + memchr::memchr(b'\'', &bytes[at + 1..]).unwrap_or(bytes.len() - at - 1);
                follows_as = false;
            }
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            first if first.is_ascii_alphabetic() || first == b'_' || first >= 0x80 => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
                let end = at + bytes[at..].iter().take_while(|byte| is_word(byte)).count();
                let word = &bytes[at..end];
                let part = PARTS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
                if depth == 0
                    && !follows_as
                    && let Some(&(_, part)) = part
                    && !(part == Part::Count && next_is_parenthesis(bytes, end))
                {
                    let mut start = end;
                    if part == Part::OrderBy {
                        start = behind_by(text, end)?;
                    }
                    if let Some(last) = parts.last_mut() {
                        last.3 = at;
                    } else if !text[..at].trim().is_empty() {
                        parts.push((Part::Where, 0, 0, at));
                    }
                    parts.push((part, at, start, bytes.len()));
                    at = start;
                    continue;
                }
                follows_as = word.eq_ignore_ascii_case(b"as");
                at = end;
                continue;
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => follows_as = false,
        }
        at += 1;
    }
    if parts.is_empty() && !text.trim().is_empty() {
        parts.push((Part::Where, 0, 0, text.len()));
    }
    Ok(parts)
}

fn next_is_parenthesis(bytes: &[u8], at: usize) -> bool {
    bytes[at..].trim_ascii_start().first() == Some(&b'(')
}

/// Where the text goes on behind ORDER and BY.
fn behind_by(text: &str, at: usize) -> Result<usize, QueryError> {
    let rest = &text[at..];
    let by = at + rest.len() - rest.trim_start().len();
    let word = text.get(by..by + 2).unwrap_or_default();
    let ends = text[by..].chars().nth(2).is_none_or(|next| !next.is_alphanumeric() && next != '_');
    if word.eq_ignore_ascii_case("by") && ends { Ok(by + 2) } else { Err(lexer::syntax_error(text, by)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Question {
        Question::parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_query_is_divided_into_its_parts() {
        let all = read(
            "SELECT key, data->>'a' AS limit WHERE data->>'a' = 'x LIMIT 3' order  by data->'n' DESC, key LIMIT 5 OFFSET 7",
        );
        assert_eq!(all.projection.names().collect::<Vec<_>>(), ["key", "limit"]);
        assert_eq!((all.limit, all.offset, all.needed()), (Some(5), 7, Some(12)));
        assert!(all.order.is_some() && all.cursor.is_none());
        let bare = read("data->>'a' = 'it''s' OFFSET 2 LIMIT all");
        assert_eq!((bare.limit, bare.offset), (None, 2));
        assert!(read("count where true").projection.is_count());
        assert!(read("SELECT count(*) WHERE true").projection.is_count());
        assert_eq!(read("CURSOR 12:ab LIMIT 3").cursor.as_deref(), Some("12:ab"));
        assert!(read("  ").projection.is_all());
    }

    #[test]
    fn an_error_tells_its_place_in_the_whole() {
        for (text, expected) in [
            ("WHERE data->>'é' = )", "syntax error at or near \")\" (at character 20)"),
            ("WHERE true WHERE true", "syntax error at or near \"WHERE\" (at character 12)"),
            ("LIMIT 1 WHERE true", "syntax error at or near \"WHERE\" (at character 9)"),
            ("ORDER data", "syntax error at or near \"data\" (at character 7)"),
            ("WHERE true LIMIT x", "a number that is not negative belongs here (at character 18)"),
            ("WHERE true LIMIT -1", "a number that is not negative belongs here (at character 18)"),
            ("WHERE", "syntax error at end of input (at character 6)"),
            ("COUNT data", "syntax error at or near \"data\" (at character 7)"),
            ("true; DROP TABLE x", "one expression is allowed, without a semicolon (at character 5)"),
        ] {
            let error = Question::parse(text, &Limits::default()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }
}
