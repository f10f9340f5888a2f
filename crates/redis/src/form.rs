//! Values of the engine as values of the server, and back.
//!
//! What must hold: what is read is what was written. Strings, lists, hashes and JSON become what people and other programs
//! expect; what cannot be told by the server's own types (a kind that is not known here, fields that expire where the server
//! has no such thing, bytes that are no value) is kept in the engine's bytes, so that nothing is lost.

use crate::entry::Form;
use crate::session::{Session, odd};
use ramekin::store::{Content, StoreError};
use ramekin::value::codec::{self, tag};
use ramekin::value::items::{Item, Items, items_of};
use ramekin::value::json::Json;
use ramekin::value::{Packing, Value};
use ramekin_resp::Frame;

/// The longest string that a server takes unless it was told otherwise.
pub(crate) const TEXT_BYTES_MAX: usize = 512 << 20;
/// What a content is to be written as.
pub(crate) enum Plan<'a> {
    /// Nothing is there any more.
    Gone,
    /// A string in pieces, which are one after the other what it holds.
    Text(Form, Vec<&'a [u8]>),
    /// JSON text.
    Json(Vec<u8>),
    /// Pieces of a list or a hash.
    Items(Form, Vec<Items<'a>>),
    /// Bytes of the engine.
    Raw(Form, Vec<&'a [u8]>),
}

impl<'a> Plan<'a> {
    pub(crate) fn of(content: &'a Content, has_field_expiry: bool) -> Self {
        match content {
            Content::Gone => Self::Gone,
            Content::Record(json) => Self::Text(Form::Text, vec![json.as_bytes()]),
            Content::Whole(tag::STRING, bytes) => Self::Text(Form::Text, vec![bytes]),
            Content::Parts(tag::STRING, parts) => {
                Self::Text(Form::Text, parts.iter().map(Vec::as_slice).collect())
            }
            Content::Whole(tag::JSON, bytes) => match codec::decode(tag::JSON, bytes, &Packing::default()) {
                Ok(Value::Json(json)) => {
                    let mut text = Vec::new();
                    json.print(&mut text);
                    Self::Json(text)
                }
                _ => Self::Raw(Form::Raw(tag::JSON), vec![bytes]),
            },
            Content::Whole(kind, bytes) => Self::items(*kind, std::slice::from_ref(bytes), has_field_expiry)
                .unwrap_or_else(|| Self::Raw(Form::Raw(*kind), vec![bytes])),
            Content::Parts(kind, parts) => Self::items(*kind, parts, has_field_expiry).unwrap_or_else(|| {
                Self::Raw(Form::RawParts(*kind), parts.iter().map(Vec::as_slice).collect())
            }),
        }
    }

    fn items(kind: u8, parts: &'a [Vec<u8>], has_field_expiry: bool) -> Option<Self> {
        let pieces: Vec<Items<'a>> = parts.iter().map(|part| items_of(kind, part)).collect::<Option<_>>()?;
        let expires = |items: &Items<'_>| matches!(items, Items::Hash(fields) if fields.iter().any(|field| field.expire_at_ms != 0));
        let form = match (kind, pieces.iter().any(expires)) {
            (tag::LIST, _) => Form::List,
            (_, false) => Form::Hash,
            (_, true) if has_field_expiry => Form::HashWithExpiry,
            (_, true) => return None,
        };
        (!pieces.is_empty()).then_some(Self::Items(form, pieces))
    }

    /// How the value will be kept; none if it is gone.
    pub(crate) fn form(&self) -> Option<Form> {
        match self {
            Self::Gone => None,
            Self::Json(_) => Some(Form::Json),
            Self::Text(form, _) | Self::Items(form, _) | Self::Raw(form, _) => Some(*form),
        }
    }

    /// A string of one piece, if that is all.
    pub(crate) fn short_text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(_, pieces) if pieces.len() == 1 => pieces.first().copied(),
            Self::Json(text) => Some(text),
            _ => None,
        }
    }

    /// Writes what is no short string under a name that holds nothing.
    pub(crate) fn write(&self, session: &mut Session, name: &[u8]) {
        match self {
            Self::Gone => {}
            Self::Json(text) => session.put(&[b"SET", name, text]),
            Self::Text(_, pieces) => {
                session.put(&[b"SET", name, b""]);
                pieces.iter().for_each(|piece| session.put(&[b"APPEND", name, piece]));
            }
            Self::Raw(_, pieces) => {
                session.put_many(&[b"RPUSH", name], pieces, 1);
            }
            Self::Items(_, pieces) => {
                pieces.iter().for_each(|items| write_items(session, name, items));
            }
        }
    }
}

fn write_items(session: &mut Session, name: &[u8], items: &Items<'_>) {
    match items {
        Items::List(elements) => {
            session.put_many(&[b"RPUSH", name], elements, 1);
        }
        Items::Hash(fields) => {
            let pairs: Vec<&[u8]> = fields.iter().flat_map(|field| [field.name, field.value]).collect();
            session.put_many(&[b"HSET", name], &pairs, 2);
            for field in fields.iter().filter(|field| field.expire_at_ms != 0) {
                let at = field.expire_at_ms.to_string();
                session.put(&[b"HPEXPIREAT", name, at.as_bytes(), b"FIELDS", b"1", field.name]);
            }
        }
    }
}

/// Puts the command that reads what is no string.
pub(crate) fn put_read(session: &mut Session, name: &[u8], form: Form) {
    match form {
        Form::Text | Form::Json => session.put(&[b"GET", name]),
        Form::List => session.put(&[b"LRANGE", name, b"0", b"-1"]),
        Form::Hash | Form::HashWithExpiry => session.put(&[b"HGETALL", name]),
        Form::Raw(_) | Form::RawParts(_) => {
            session.put(&[b"LRANGE", &crate::names::raw(name), b"0", b"-1"]);
        }
    }
}

/// The content that the server's answer holds; none if nothing is there.
pub(crate) fn content_of(frame: Frame, form: Form, is_record: bool) -> Result<Option<Content>, StoreError> {
    let elements = match (form, frame) {
        (_, Frame::Null) => return Ok(None),
        (Form::Text, Frame::Bulk(bytes)) if is_record => {
            let text = String::from_utf8(bytes).map_err(|_| odd("GET of a record"))?;
            return Ok(Some(Content::Record(text)));
        }
        (Form::Text, Frame::Bulk(bytes)) => return Ok(Some(Content::Whole(tag::STRING, bytes))),
        (Form::Json, Frame::Bulk(bytes)) => {
            let json = Json::parse(&bytes).map_err(|_| odd("GET of JSON"))?;
            let mut encoded = Vec::new();
            codec::encode(&Value::Json(json), &mut encoded);
            return Ok(Some(Content::Whole(tag::JSON, encoded)));
        }
        (Form::Text | Form::Json, _) => return Err(odd("GET")),
        (_, frame) => crate::session::texts_of(frame, "a read")?,
    };
    let elements: Vec<Vec<u8>> = elements.into_iter().flatten().collect();
    if elements.is_empty() {
        return Ok(None);
    }
    Ok(Some(match form {
        Form::Raw(kind) => Content::Whole(kind, elements.into_iter().next().unwrap_or_default()),
        Form::RawParts(kind) => Content::Parts(kind, elements),
        Form::List => {
            let items = Items::List(elements.iter().map(Vec::as_slice).collect());
            Content::Whole(tag::LIST, items.encode())
        }
        _ => Content::Whole(tag::HASH, hash(&elements, &[])?),
    }))
}

/// The bytes of a hash of which these are the names and values, and these the expiries, if any has one.
pub(crate) fn hash(pairs: &[Vec<u8>], expiries: &[u64]) -> Result<Vec<u8>, StoreError> {
    if !pairs.len().is_multiple_of(2) {
        return Err(odd("HGETALL"));
    }
    let fields = pairs.chunks_exact(2).enumerate().map(|(at, pair)| Item {
        name: &pair[0],
        value: &pair[1],
        expire_at_ms: expiries.get(at).copied().unwrap_or_default(),
    });
    Ok(Items::Hash(fields.collect()).encode())
}
