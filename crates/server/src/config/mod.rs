//! The configuration of the server: one vocabulary for the file, the flags, the environment and `CONFIG`.
//!
//! Owns the table of directives (names, value forms and defaults are Redis's), where values come from, and how they
//! are shown, changed and written back. What must hold: a directive means the same wherever it is written; the order is
//! flag, environment, file, default; `CONFIG SET` changes all of its pairs or none; a directive that Ramekin does not
//! act on is never taken in silence when it asks for something.
//!
//! Leaves out: applying a value (whoever owns the socket, the log or the slow log registers a hook with
//! [`SharedConfig::on_change`]), and checking who may call `CONFIG`.

mod directive;
mod error;
mod events;
mod getters;
mod glob;
mod kind;
mod load;
mod nearest;
mod reference;
mod rewrite;
mod settings;
mod shared;
mod source;
mod table;
mod value;
mod words;

pub use directive::{Change, Directive, Support};
pub use error::ConfigError;
pub use events::Events;
pub use getters::{AppendFsync, Gate};
pub use kind::Kind;
pub use load::Loaded;
pub use reference::reference;
pub use settings::Config;
pub use shared::{Hot, SharedConfig};
pub use table::{directives, find};
pub use value::{BindAddress, OutputLimit, SavePoint, Value};
pub use words::split as split_words;
