//! Conditions, and the order of records.

use super::{Bind, Writer};
use crate::query::cast;
use crate::query::form::{Comparison, Condition, Json, Pair, Scalar};
use crate::query::order::OrderKey;
use crate::value::json::View;

impl Writer {
    /// A condition in parentheses.
    pub(super) fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Const(None) => self.put("NULL::boolean"),
            Condition::Const(Some(true)) => self.put("TRUE"),
            Condition::Const(Some(false)) => self.put("FALSE"),
            Condition::And(parts) => self.joined(parts, " AND "),
            Condition::Or(parts) => self.joined(parts, " OR "),
            Condition::Not(inner) => {
                self.put("(NOT ");
                self.condition(inner);
                self.put(")");
            }
            Condition::Compare(how, pair) => self.compare(*how, pair),
            Condition::InTexts { text, among, with_null } => {
                let texts = self.bind(texts(among));
                let text = self.apart(|writer| writer.text(text));
                self.among(&format!("{text} COLLATE \"C\" = ANY ({texts})"), *with_null);
            }
            Condition::InNumbers { number, among, with_null } => {
                let texts = among.iter().map(|number| {
                    let mut text = Vec::new();
                    number.print(&mut text);
                    String::from_utf8_lossy(&text).into_owned()
                });
                let numbers = Bind::Texts(texts.collect());
                let numbers = self.bind(numbers);
                let number = self.numeric(number);
                self.among(&format!("{number} = ANY (({numbers})::numeric[])"), *with_null);
            }
            Condition::Like { text, pattern } => {
                self.put("(");
                self.text(text);
                let bind = self.bind_text(&pattern.text);
                self.put(if pattern.folds { " COLLATE \"C\" ILIKE " } else { " COLLATE \"C\" LIKE " });
                self.put(&bind);
                self.put(")");
            }
            Condition::Contains { whole, part } => self.between_json(whole, "@>", part),
            Condition::HasKeys { json, keys, all } => {
                let keys = self.bind(texts(keys));
                let json = self.apart(|writer| writer.json(json));
                let operator = if *all { "?&" } else { "?|" };
                self.put(&format!("({json} {operator} {keys})"));
            }
            Condition::IsNull(scalar) => {
                self.put("(");
                self.scalar(scalar);
                self.put(" IS NULL)");
            }
            Condition::Is(inner, what) => {
                self.put("(");
                self.condition(inner);
                self.put(match what {
                    Some(true) => " IS TRUE)",
                    Some(false) => " IS FALSE)",
                    None => " IS UNKNOWN)",
                });
            }
            Condition::OfText(text) => {
                let text = self.apart(|writer| writer.text(text));
                let pattern = self.bind_text(cast::PATTERN_BOOLEAN);
                self.put(&format!(
                    "(CASE WHEN lower({text} COLLATE \"C\") ~ {pattern} THEN ({text})::boolean END)"
                ));
            }
            Condition::OfJson(json) => {
                let json = self.apart(|writer| writer.json(json));
                self.put(&format!("(CASE WHEN jsonb_typeof({json}) = 'boolean' THEN ({json})::boolean END)"));
            }
            Condition::OfNumber(number) => {
                let number = self.numeric(number);
                self.put(&format!("({number} <> 0)"));
            }
        }
    }

    fn joined(&mut self, parts: &[Condition], word: &str) {
        self.put("(");
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                self.put(word);
            }
            self.condition(part);
        }
        self.put(")");
    }

    fn among(&mut self, test: &str, with_null: bool) {
        self.put(&if with_null { format!("({test} OR NULL::boolean)") } else { format!("({test})") });
    }

    fn compare(&mut self, how: Comparison, pair: &Pair) {
        let is_order = !matches!(
            how,
            Comparison::Equal | Comparison::NotEqual | Comparison::Distinct | Comparison::NotDistinct
        );
        let sign = how.sign();
        match pair {
            Pair::Json(left, right) if is_order => self.order_json(left, sign, right),
            Pair::Json(left, right) => self.between_json(left, sign, right),
            Pair::Text(left, right) => {
                // Also where they are only equal or not, so that one index serves for all.
                self.between(
                    |writer| writer.text(left),
                    &format!(" COLLATE \"C\" {sign} "),
                    |writer| writer.text(right),
                );
            }
            Pair::Number(pair) => {
                let (left, right) = (self.numeric(&pair.0), self.numeric(&pair.1));
                self.put(&format!("({left} {sign} {right})"));
            }
            Pair::Float(pair) => {
                self.between(
                    |writer| writer.float(&pair.0),
                    &format!(" {sign} "),
                    |writer| writer.float(&pair.1),
                );
            }
            Pair::Bool(pair) => {
                self.between(
                    |writer| writer.condition(&pair.0),
                    &format!(" {sign} "),
                    |writer| writer.condition(&pair.1),
                );
            }
            Pair::Time(left, right) => {
                self.between(|writer| writer.time(left), &format!(" {sign} "), |writer| writer.time(right));
            }
        }
    }

    fn between(&mut self, left: impl FnOnce(&mut Self), sign: &str, right: impl FnOnce(&mut Self)) {
        self.put("(");
        left(self);
        self.put(sign);
        right(self);
        self.put(")");
    }

    fn between_json(&mut self, left: &Json, sign: &str, right: &Json) {
        self.between(|writer| writer.json(left), &format!(" {sign} "), |writer| writer.json(right));
    }

    /// The order of two values, strings by their bytes.
    fn order_json(&mut self, left: &Json, sign: &str, right: &Json) {
        let of_constant = [left, right].into_iter().find_map(|json| match json {
            Json::Const(Some(value)) => Some(value.root().view()),
            _ => None,
        });
        let has_strings = match of_constant {
            Some(View::Null | View::Bool(_) | View::Number(_)) => {
                return self.between_json(left, sign, right);
            }
            Some(View::Str(_)) => true,
            None => {
                self.is_exact &= self.is_bytewise;
                true
            }
            Some(View::Array(_) | View::Object(_)) => {
                self.is_exact &= self.is_bytewise;
                false
            }
        };
        if !has_strings {
            return self.between_json(left, sign, right);
        }
        let (left, right) = (self.apart(|writer| writer.json(left)), self.apart(|writer| writer.json(right)));
        self.put(&format!(
            "(CASE WHEN jsonb_typeof({left}) = 'string' AND jsonb_typeof({right}) = 'string' \
             THEN ({left} #>> '{{}}') COLLATE \"C\" {sign} ({right} #>> '{{}}') ELSE {left} {sign} {right} END)"
        ));
    }

    /// A value of any type.
    fn scalar(&mut self, scalar: &Scalar) {
        match scalar {
            Scalar::Bool(condition) => self.condition(condition),
            Scalar::Json(json) => self.json(json),
            Scalar::Text(text) => self.text(text),
            Scalar::Number(number) => self.number(number),
            Scalar::Float(float) => self.float(float),
            Scalar::Time(time) => self.time(time),
        }
    }

    /// An expression of ORDER BY.
    pub(super) fn order_key(&mut self, key: &OrderKey) {
        let direction = match (key.direction.descending, key.direction.nulls_first) {
            (false, true) => " ASC NULLS FIRST",
            (false, false) => " ASC NULLS LAST",
            (true, true) => " DESC NULLS FIRST",
            (true, false) => " DESC NULLS LAST",
        };
        match &key.scalar {
            // Strings have all the same place at first, and then one by their bytes.
            Scalar::Json(json) => {
                self.is_exact &= self.is_bytewise;
                let json = self.apart(|writer| writer.json(json));
                self.put(&format!(
                    "(CASE WHEN jsonb_typeof({json}) = 'string' THEN '\"\"'::jsonb ELSE {json} END){direction}, \
                     (CASE WHEN jsonb_typeof({json}) = 'string' THEN {json} #>> '{{}}' END) COLLATE \"C\"{direction}"
                ));
            }
            Scalar::Text(text) => {
                self.text(text);
                self.put(&format!(" COLLATE \"C\"{direction}"));
            }
            other => {
                self.scalar(other);
                self.put(direction);
            }
        }
    }
}

fn texts(of: &[Box<str>]) -> Bind {
    Bind::Texts(of.iter().map(ToString::to_string).collect())
}
