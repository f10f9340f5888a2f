//! The commands of the data: one table of rows, one file a family.
//!
//! A row names a command, says what is known of it and points to its handler. To add one, write a row and a function in its
//! family's file, and a test. Handlers see the database only through [`Ctx`] and answer only through
//! [`Reply`](crate::reply::Reply); they know neither locks nor log nor connections.

mod context;
mod fail;
mod hash;
mod hash_expire;
mod hash_volatile;
mod hash_walk;
mod index;
mod parse;
mod settings;
mod spec;

mod string;

pub use context::{Ctx, Scratch};
pub(crate) use context::Reserve;
pub use fail::{Fail, Outcome};
pub use index::NameIndex;
pub use settings::Settings;
pub use spec::{Command, Handler, Keys, Spec, flag};

use std::sync::LazyLock;

/// The families, each a list of rows.
const FAMILIES: &[&[Command]] =
    &[string::COMMANDS, hash::COMMANDS, hash_expire::COMMANDS, hash_volatile::COMMANDS, hash_walk::COMMANDS];

static ALL: LazyLock<(Vec<&'static Command>, NameIndex)> = LazyLock::new(|| {
    let rows: Vec<_> = FAMILIES.iter().flat_map(|family| family.iter()).collect();
    let index = NameIndex::new(rows.iter().map(|row| row.spec.name));
    (rows, index)
});

/// The command of this name, in any case; a subcommand is `container|sub`.
#[inline]
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Command> {
    let (rows, index) = &*ALL;
    index.find(name).map(|at| rows[at])
}

/// All commands of the engine.
#[must_use]
pub fn all() -> &'static [&'static Command] {
    &ALL.0
}
