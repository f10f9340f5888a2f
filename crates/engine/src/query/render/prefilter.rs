//! What a GIN index on records can be asked: `@>`, which the other operators are no forms of.
//!
//! What must hold: a prefilter is true of each record that the clause is true of.

use super::{Bind, Writer};
use crate::query::plan::{Constant, Fact, Place, Test};
use crate::value::json::{Builder, Json, Node, View};

/// Values that are asked for at once, at most.
const VALUES_MAX: usize = 32;

impl Writer {
    /// Puts prefilters for facts, each with `AND` behind it.
    pub(super) fn prefilters(&mut self, facts: &[Fact]) {
        for fact in facts {
            let parts = contained(fact).unwrap_or_default();
            if parts.is_empty() || parts.len() > VALUES_MAX {
                continue;
            }
            let data = self.data.clone();
            let tests = parts.iter().map(|part| {
                let mut text = Vec::new();
                part.print(&mut text);
                let bind = self.bind(Bind::Text(String::from_utf8_lossy(&text).into_owned()));
                format!("{data}::jsonb @> ({bind})::jsonb")
            });
            let tests = tests.collect::<Vec<_>>().join(" OR ");
            self.put(&format!("({tests}) AND "));
        }
    }
}

/// Records of which each one with the fact contains one; none if that cannot be said.
fn contained(fact: &Fact) -> Option<Vec<Json>> {
    let Place::Data(path) = &fact.place else { return None };
    match &fact.test {
        Test::OneOf(constants) => {
            let mut parts = Vec::new();
            for constant in constants {
                match constant {
                    // A text is that of a string, or of what prints so.
                    Constant::Text(text) => {
                        parts.push(nested(path, |out| out.str(text)));
                        if let Ok(value) = Json::parse(text.as_bytes()) {
                            parts.push(nested(path, |out| copy(value.root(), out)));
                        }
                    }
                    Constant::Json(value) if !path.is_empty() => {
                        parts.push(nested(path, |out| copy(value.root(), out)));
                    }
                    Constant::Json(_) | Constant::Number(_) => return None,
                }
            }
            parts.into_iter().collect()
        }
        // An array contains its elements, but nothing contains them in its stead.
        Test::Contains(part) if matches!(part.root().view(), View::Array(_) | View::Object(_)) => (!path
            .is_empty())
        .then(|| nested(path, |out| copy(part.root(), out)))
        .flatten()
        .map(|part| vec![part]),
        _ => None,
    }
}

/// An object with a value behind these keys.
fn nested(path: &[Box<str>], put: impl FnOnce(&mut Builder)) -> Option<Json> {
    let mut out = Builder::default();
    put_nested(path, put, &mut out);
    let mut bytes = Vec::new();
    out.finish(&mut bytes);
    Json::from_bytes(&bytes)
}

fn put_nested(path: &[Box<str>], put: impl FnOnce(&mut Builder), out: &mut Builder) {
    let Some((key, rest)) = path.split_first() else { return put(out) };
    let open = out.begin();
    out.key(key);
    put_nested(rest, put, out);
    out.item(open);
    out.end_object(open);
}

fn copy(node: Node<'_>, out: &mut Builder) {
    out.node(node);
}
