//! The arguments of a command as a tree, read from the syntax in its row.
//!
//! Words in capitals are tokens, others are values; `[ ]` is optional, `|` is one of, `...` repeats what is before it, and
//! a bracket that repeats what is before it, as in `key [key ...]`, makes that repeatable. Within brackets `|` divides the
//! whole content; outside it binds words, or a token with its value. Any text gives a tree: nothing in here fails.

/// One argument, or several that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Argument {
    /// What it is called.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The word before it, or that it is.
    pub(super) token: Option<String>,
    pub(super) is_optional: bool,
    pub(super) is_multiple: bool,
    /// The parts of a block, or what one is chosen from.
    pub(super) parts: Vec<Argument>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// The client's to give.
    #[default]
    Value,
    /// A word as it is.
    Token,
    /// One of its parts.
    OneOf,
    /// All of its parts, in order.
    Block,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign<'a> {
    Open,
    Close,
    Bar,
    Dots,
    Word(&'a str),
}

/// The arguments that a syntax names.
pub(super) fn parse(syntax: &str) -> Vec<Argument> {
    let signs = read(syntax);
    if divides_all(&signs) { vec![choice(&signs)] } else { sequence(&signs) }
}

fn read(syntax: &str) -> Vec<Sign<'_>> {
    let mut signs = Vec::new();
    let mut rest = syntax;
    while let Some(first) = rest.chars().next() {
        let (sign, len) = match first {
            '[' => (Some(Sign::Open), 1),
            ']' => (Some(Sign::Close), 1),
            '|' => (Some(Sign::Bar), 1),
            ' ' => (None, 1),
            _ if rest.starts_with("...") => (Some(Sign::Dots), 3),
            _ => {
                let end = rest.find(['[', ']', '|', ' ']).unwrap_or(rest.len());
                let end = rest[..end].find("...").unwrap_or(end);
                (Some(Sign::Word(&rest[..end])), end)
            }
        };
        signs.extend(sign);
        rest = &rest[len..];
    }
    signs
}

fn is_token(word: &str) -> bool {
    word.chars().any(char::is_alphabetic) && !word.chars().any(char::is_lowercase)
}

/// A bar outside of brackets that stands between a value and a token divides everything.
fn divides_all(signs: &[Sign<'_>]) -> bool {
    signs.windows(3).any(|three| match three {
        [Sign::Word(value), Sign::Bar, Sign::Word(token)] => !is_token(value) && is_token(token),
        _ => false,
    }) && !signs.contains(&Sign::Open)
}

/// The index of the bracket that closes the one at `open`.
fn closing(signs: &[Sign<'_>], open: usize) -> usize {
    let mut depth = 0;
    for (at, sign) in signs.iter().enumerate().skip(open) {
        match sign {
            Sign::Open => depth += 1,
            Sign::Close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    signs.len()
}

/// What stands between bars outside of inner brackets.
fn alternatives<'s, 'a>(signs: &'s [Sign<'a>]) -> Vec<&'s [Sign<'a>]> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, sign) in signs.iter().enumerate() {
        match sign {
            Sign::Open => depth += 1,
            Sign::Close => depth -= 1,
            Sign::Bar if depth == 0 => {
                found.push(&signs[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(&signs[from..]);
    found
}

fn choice(signs: &[Sign<'_>]) -> Argument {
    let (token, signs) = match signs {
        // A token before the choice: `FILTERBY MODULE name|PATTERN pattern`, `SKIPME yes|no`.
        [Sign::Word(token), rest @ ..] if is_token(token) && leads_choice(rest) => {
            (Some((*token).to_owned()), rest)
        }
        _ => (None, signs),
    };
    let parts: Vec<Argument> = alternatives(signs).into_iter().map(|signs| joined(sequence(signs))).collect();
    let name = token.as_ref().map_or_else(|| name_of_choice(&parts).to_owned(), |token| token.to_lowercase());
    Argument { name, kind: Kind::OneOf, token, parts, ..Argument::default() }
}

/// Whether a choice is whole without the token before it: it begins with another token, or all its parts are words.
fn leads_choice(signs: &[Sign<'_>]) -> bool {
    let is_value = |signs: &&[Sign<'_>]| matches!(signs, [Sign::Word(word)] if !is_token(word));
    match signs {
        [Sign::Word(word), Sign::Word(_) | Sign::Bar, ..] if is_token(word) => true,
        _ => alternatives(signs).iter().all(is_value) && signs.len() > 1,
    }
}

/// A name for a choice between these.
fn name_of_choice(parts: &[Argument]) -> &'static str {
    match parts.first().and_then(|part| part.token.as_deref()) {
        Some("NX" | "XX") => "condition",
        Some("FNX" | "FXX") => "fields-condition",
        Some("EX" | "PX") => "expiration",
        Some("LEFT" | "RIGHT" | "BEFORE") => "where",
        Some("ASC") => "order",
        Some("ASYNC") => "flush-type",
        Some("ON" | "YES") => "enabled",
        _ => "option",
    }
}

/// One argument for all of these.
fn joined(mut arguments: Vec<Argument>) -> Argument {
    if arguments.len() == 1 {
        return arguments.remove(0);
    }
    let name = arguments.first().map_or_else(String::new, |first| format!("{}-block", first.name));
    Argument { name, kind: Kind::Block, parts: arguments, ..Argument::default() }
}

fn sequence(signs: &[Sign<'_>]) -> Vec<Argument> {
    let mut found: Vec<Argument> = Vec::new();
    let mut at = 0;
    while at < signs.len() {
        match signs[at] {
            Sign::Open => {
                let end = closing(signs, at);
                bracket(&signs[at + 1..end], &mut found);
                at = end + 1;
            }
            Sign::Dots => {
                repeat_last(&mut found, 1);
                at += 1;
            }
            Sign::Word(_) if matches!(signs.get(at + 1), Some(Sign::Bar)) => {
                let mut end = at + 1;
                while matches!(signs.get(end), Some(Sign::Bar)) {
                    end += 2;
                }
                found.push(choice(&signs[at..end.min(signs.len())]));
                at = end;
            }
            Sign::Word(word) if is_token(word) => at = token(word, signs, at + 1, &mut found),
            Sign::Word(word) => {
                found.push(Argument { name: word.to_owned(), ..Argument::default() });
                at += 1;
            }
            Sign::Close | Sign::Bar => at += 1,
        }
    }
    found
}

/// A token and the values behind it. Returns where to go on.
fn token(word: &str, signs: &[Sign<'_>], mut at: usize, found: &mut Vec<Argument>) -> usize {
    let mut parts = Vec::new();
    while let Some(Sign::Word(value)) = signs.get(at)
        && !is_token(value)
        && !matches!(signs.get(at + 1), Some(Sign::Bar))
    {
        parts.push(Argument { name: (*value).to_owned(), ..Argument::default() });
        at += 1;
    }
    let (name, token) = (word.to_lowercase(), Some(word.to_owned()));
    found.push(match parts.len() {
        0 => Argument { name, kind: Kind::Token, token, ..Argument::default() },
        1 => Argument { token, ..parts.remove(0) },
        _ => Argument { name, kind: Kind::Block, token, parts, ..Argument::default() },
    });
    at
}

/// Something in brackets: a repetition of what is before it, or an optional argument.
fn bracket(signs: &[Sign<'_>], found: &mut Vec<Argument>) {
    if let Some((Sign::Dots, words)) = signs.split_last() {
        let names: Vec<&str> = words
            .iter()
            .filter_map(|sign| if let Sign::Word(word) = sign { Some(*word) } else { None })
            .collect();
        if names.len() == words.len() && (ends_with(found, &names) || ends_with_inner(found, &names)) {
            return repeat_last(found, names.len());
        }
    }
    let argument = if alternatives(signs).len() > 1 { choice(signs) } else { joined(sequence(signs)) };
    found.push(Argument { is_optional: true, ..argument });
}

fn ends_with(arguments: &[Argument], names: &[&str]) -> bool {
    let Some(from) = arguments.len().checked_sub(names.len()) else { return false };
    arguments[from..].iter().zip(names).all(|(argument, name)| argument.name == *name)
}

fn ends_with_inner(arguments: &[Argument], names: &[&str]) -> bool {
    arguments.last().is_some_and(|last| last.kind == Kind::Block && ends_with(&last.parts, names))
}

/// Makes the last `count` arguments repeatable together; within a block if that is what stands last.
fn repeat_last(arguments: &mut Vec<Argument>, count: usize) {
    if let Some(Argument { kind: Kind::Block, parts, is_multiple: false, .. }) = arguments.last_mut() {
        return repeat_last(parts, count);
    }
    // `key value ...` repeats the pair.
    let count = if count == 1 && ends_with(arguments, &["key", "value"]) { 2 } else { count };
    if count == 1 {
        if let Some(last) = arguments.last_mut() {
            last.is_multiple = true;
        }
        return;
    }
    let parts = arguments.split_off(arguments.len().saturating_sub(count));
    arguments.push(Argument {
        name: "data".to_owned(),
        kind: Kind::Block,
        is_multiple: true,
        parts,
        ..Argument::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree in one line: `name`, `=TOKEN`, `?` optional, `*` repeatable, parts in parentheses.
    fn shown(arguments: &[Argument]) -> String {
        let one = |argument: &Argument| {
            let inner = match argument.kind {
                Kind::OneOf => format!("<{}>", shown(&argument.parts)),
                Kind::Block => format!("({})", shown(&argument.parts)),
                Kind::Token | Kind::Value => String::new(),
            };
            let token = argument.token.as_ref().map(|token| format!("={token}")).unwrap_or_default();
            let optional = if argument.is_optional { "?" } else { "" };
            let multiple = if argument.is_multiple { "*" } else { "" };
            format!("{}{token}{optional}{multiple}{inner}", argument.name)
        };
        arguments.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_form_of_syntax_becomes_a_tree() {
        let cases = [
            ("", ""),
            ("key value", "key value"),
            ("key [key ...]", "key*"),
            (
                "numkeys key ... LEFT|RIGHT [COUNT count]",
                "numkeys key* where<left=LEFT right=RIGHT> count=COUNT?",
            ),
            ("key BEFORE|AFTER pivot element", "key where<before=BEFORE after=AFTER> pivot element"),
            ("key [EX seconds|PERSIST]", "key expiration?<seconds=EX persist=PERSIST>"),
            ("key [LIMIT offset count] [GET pattern...]", "key limit=LIMIT?(offset count) pattern=GET?*"),
            ("key FIELDS numfields field [field ...]", "key fields=FIELDS(numfields field*)"),
            (
                "key [FNX|FXX] FIELDS numfields field value [field value ...]",
                "key fields-condition?<fnx=FNX fxx=FXX> fields=FIELDS(numfields data*(field value))",
            ),
            ("key value [key value ...]", "data*(key value)"),
            ("numkeys key value ... [NX|XX]", "numkeys data*(key value) condition?<nx=NX xx=XX>"),
            ("LIB-NAME libname|LIB-VER libver", "option<libname=LIB-NAME libver=LIB-VER>"),
            ("a b LEFT|RIGHT LEFT|RIGHT", "a b where<left=LEFT right=RIGHT> where<left=LEFT right=RIGHT>"),
            ("key [count [WITHVALUES]]", "key count-block?(count withvalues=WITHVALUES?)"),
            ("[section [section ...]]", "section?*"),
            ("[SKIPME yes|no]", "skipme=SKIPME?<yes no>"),
            ("[FILTERBY MODULE name|ACLCAT category]", "filterby=FILTERBY?<name=MODULE category=ACLCAT>"),
        ];
        for (syntax, tree) in cases {
            assert_eq!(shown(&parse(syntax)), tree, "{syntax}");
        }
    }

    #[test]
    fn broken_syntax_still_gives_a_tree() {
        for syntax in ["[", "]", "|", "...", "[|", "a|", "[a [b", "A|b|[...]...", "... [a ...]"] {
            let _ = parse(syntax);
        }
    }
}
