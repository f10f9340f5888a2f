//! Records and their tables: what a table is, which records fit it, and where they lie.
//!
//! A record is a JSON object at the key `table:key` of database 0. What is known of a table is a system entry at `table:NAME`,
//! whose value is the definition as JSON text. What must hold: a table's name has no colon, so that the key of a record tells
//! its table; whatever the registry says of a table is what its system entry says.

mod definition;
mod name;
mod registry;
mod schema;
mod timestamp;

pub use definition::{Definition, IndexDefinition, OnConflict, Stored};
pub(crate) use name::check as check_name;
pub use name::{InvalidName, Name};
pub(crate) use registry::{Registry, Snapshot};
pub use schema::{FieldType, Mismatch, Schema};

/// The database in which records lie.
pub const DATABASE: u32 = crate::effect::RECORDS_DB;

/// System entries of tables begin so.
pub(crate) const SYSTEM_PREFIX: &str = "table:";
