//! Values.
pub mod codec;
pub mod glob;
pub mod hash;
pub mod list;
pub mod number;

/// Up to which size collections are packed.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    /// `list-max-listpack-size`.
    pub list: list::Fill,
    /// `hash-max-listpack-entries` and `-value`.
    pub hash: hash::Limits,
}

/// PLACEHOLDER of the lead: keep the names, which the engine uses.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Value {
    Str(Vec<u8>),
    List(Box<list::List>),
    Hash(Box<hash::Hash>),
}
/// The type of a value.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    Str,
    List,
    Hash,
}
#[allow(missing_docs)]
impl Value {
    pub fn kind(&self) -> Kind {
        match self {
            Value::Str(_) => Kind::Str,
            Value::List(_) => Kind::List,
            Value::Hash(_) => Kind::Hash,
        }
    }
    pub fn heap_bytes(&self) -> usize {
        0
    }
}
