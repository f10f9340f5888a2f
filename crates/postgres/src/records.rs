//! Tables of records: what they are called here and there, and the statements that write to them.

use crate::copy::News;
use crate::names::{Relation, quoted};
use crate::number::{Moment, signed};
use crate::session::Param;
use crate::target::{Sort, stamps};
use ramekin::store::{Change, Content, Place, StoreError};

/// A table of records as it stands in the store.
pub(crate) struct Shape {
    /// What it is called here.
    pub(crate) place: Place,
    /// What it is called in SQL, and its columns, all quoted.
    pub(crate) relation: String,
    pub(crate) key: String,
    pub(crate) data: String,
    /// The columns' names as they are.
    pub(crate) key_name: String,
    pub(crate) data_name: String,
    /// Whether we made it, so that its columns are of the types that we know.
    pub(crate) is_made: bool,
    /// What was found of rows that were to be copied to it.
    pub(crate) news: News,
}

impl Shape {
    pub(crate) fn new(name: &str, relation: &Relation, key: &str, data: &str) -> Result<Self, StoreError> {
        let place = Place::Table(name.into());
        let relation = relation.sql()?;
        Ok(Self {
            place,
            relation,
            key: quoted(key)?,
            data: quoted(data)?,
            key_name: key.to_owned(),
            data_name: data.to_owned(),
            is_made: false,
            news: News::default(),
        })
    }

    /// A statement with `{t}` for the table, `{k}` for its column of keys and `{d}` for that of its data.
    pub(crate) fn sql(&self, template: &str) -> String {
        // In one pass: a name may look like a mark.
        let mut out = String::with_capacity(template.len() + 64);
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            let (name, after) = match rest.get(at..at + 3) {
                Some("{t}") => (self.relation.as_str(), 3),
                Some("{k}") => (self.key.as_str(), 3),
                Some("{d}") => (self.data.as_str(), 3),
                _ => ("{", 1),
            };
            out.push_str(name);
            rest = &rest[at + after..];
        }
        out.push_str(rest);
        out
    }

    /// The statement that writes changes of a sort.
    pub(crate) fn write(&self, sort: Sort) -> String {
        self.sql(match sort {
            Sort::Put => {
                "INSERT INTO {t} AS t ({k}, {d}, ver, stamp, expires_at, updated_at)
                 SELECT u.key, u.data::jsonb, u.ver, 0, u.expires_at, now()
                 FROM unnest($1::text[], $2::int8[], $3::timestamptz[], $4::text[]) AS u(key, ver, expires_at, data)
                 ON CONFLICT ({k}) DO UPDATE SET {d} = excluded.{d}, ver = excluded.ver, stamp = 0,
                   expires_at = excluded.expires_at, updated_at = excluded.updated_at
                 WHERE t.ver < excluded.ver"
            }
            Sort::Replace => {
                "UPDATE {t} t SET {d} = u.data::jsonb, ver = u.ver, stamp = 0, expires_at = u.expires_at, updated_at = now()
                 FROM unnest($1::text[], $2::int8[], $3::timestamptz[], $4::text[], $5::int8[])
                   AS u(key, ver, expires_at, data, stamp)
                 WHERE t.{k} = u.key AND t.ver < u.ver AND t.stamp = u.stamp"
            }
            Sort::Remove => {
                "DELETE FROM {t} t USING unnest($1::text[], $2::int8[], $3::int8[]) WITH ORDINALITY AS u(key, ver, stamp, i)
                 WHERE t.{k} = u.key AND t.ver < u.ver AND (u.stamp IS NULL OR t.stamp = u.stamp) RETURNING u.i"
            }
        })
    }

    /// The statement that finds those that have not counted. A row that this transaction has written is known by its `xmin`.
    pub(crate) fn explain(&self, join: &str) -> String {
        self.sql(&format!(
            "SELECT u.i, t.ver, t.stamp FROM unnest($1::text[], $2::int8[]) WITH ORDINALITY AS u(key, ver, i)
             {join} {{t}} t ON t.{{k}} = u.key
             WHERE t.{{k}} IS NULL OR t.ver <> u.ver OR t.xmin::text::int8 <> (txid_current() & 4294967295)"
        ))
    }
}

/// A key as the text that it has to be in a table of records.
pub(crate) fn text(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key).ok().filter(|key| !key.contains('\0'))
}

/// The keys of changes that have been found to fit.
pub(crate) fn texts<'a>(changes: &[(usize, &'a Change)]) -> Vec<&'a str> {
    changes.iter().map(|(_, change)| text(&change.key).unwrap_or_default()).collect()
}

/// What the statement of a sort asks for.
pub(crate) fn params<'a>(changes: &[(usize, &'a Change)], sort: Sort) -> Vec<Param<'a>> {
    let versions: Vec<i64> = changes.iter().map(|(_, change)| signed(change.version)).collect();
    let mut params: Vec<Param<'a>> = vec![Box::new(texts(changes)), Box::new(versions)];
    if sort == Sort::Remove {
        params.push(Box::new(stamps(changes)));
        return params;
    }
    let expiries: Vec<Option<Moment>> =
        changes.iter().map(|(_, change)| Moment::of_expiry(change.expire_at_ms)).collect();
    let data = changes.iter().map(|(_, change)| match &change.content {
        Content::Record(text) => text.as_str(),
        Content::Whole(..) | Content::Parts(..) | Content::Gone => "null",
    });
    params.push(Box::new(expiries));
    params.push(Box::new(data.collect::<Vec<&str>>()));
    if sort == Sort::Replace {
        params.push(Box::new(stamps(changes)));
    }
    params
}
