//! The commands of the data: one table of rows, one file a family.
//!
//! A row names a command, says what is known of it and points to its handler. To add one, write a row and a function in its
//! family's file, and a test. Handlers see the database only through [`Ctx`] and answer only through
//! [`Reply`](crate::reply::Reply); they know neither locks nor log nor connections.

mod changes;
mod compress;
mod context;
mod defined;
mod dump;
mod expire;
mod fail;
mod followed;
mod hash;
mod hash_expire;
mod hash_volatile;
mod hash_walk;
mod index;
mod indexes;
mod key;
mod object;
mod parse;
mod parts;
pub(crate) mod query;
mod rename;
pub(crate) mod scan;
mod settings;
mod sort;
mod spec;
pub(crate) mod table;
mod table_options;
pub(crate) mod tag;
mod whole;

mod lcs;
mod list;
mod list_inside;
mod list_move;
mod string;
mod string_many;
mod string_number;
mod string_options;
mod string_range;

pub(crate) use compress::Prepared;
pub(crate) use context::unique::shown;
pub use context::{Ctx, Scratch};
pub(crate) use context::{LargePut, Reserve, recent_key};
pub(crate) use dump::object_of;
pub use fail::{Fail, Outcome};
pub(crate) use followed::Followed;
pub use index::NameIndex;
pub use parse::database;
pub use settings::Settings;
pub use spec::{Command, FindKeys, Handler, Keys, Spec, flag};
pub(crate) use table::{GET_FORMED, PUT_FORMED, read_document, take_document};

use std::sync::LazyLock;

/// The families, each a list of rows.
const FAMILIES: &[&[Command]] = &[
    string::COMMANDS,
    string_number::COMMANDS,
    string_range::COMMANDS,
    string_many::COMMANDS,
    lcs::COMMANDS,
    list::COMMANDS,
    list_inside::COMMANDS,
    list_move::COMMANDS,
    hash::COMMANDS,
    hash_expire::COMMANDS,
    hash_volatile::COMMANDS,
    hash_walk::COMMANDS,
    key::COMMANDS,
    expire::COMMANDS,
    rename::COMMANDS,
    dump::COMMANDS,
    scan::COMMANDS,
    object::COMMANDS,
    sort::COMMANDS,
    table::COMMANDS,
    query::COMMANDS,
    indexes::COMMANDS,
    tag::COMMANDS,
    changes::COMMANDS,
    whole::COMMANDS,
];

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

/// The command that runs these arguments: a subcommand's row where the name is a container's.
#[must_use]
pub fn resolve(args: &[&[u8]]) -> Option<&'static Command> {
    let command = find(args.first()?)?;
    match args.get(1) {
        Some(sub) if command.spec.is(flag::CONTAINER) => {
            Some(find(&[command.spec.name.as_bytes(), b"|", sub].concat()).unwrap_or(command))
        }
        _ => Some(command),
    }
}

/// The handler of containers: reached only if the subcommand is not one.
fn refuse_container(_: &mut Ctx<'_>, args: &[&[u8]], _: &mut dyn crate::reply::Reply) -> Outcome {
    let shown = |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(128)]).into_owned();
    let name = shown(args[0]).to_ascii_uppercase();
    Err(match args.get(1) {
        Some(sub) => Fail::text(format!("ERR unknown subcommand '{}'. Try {name} HELP.", shown(sub))),
        None => Fail::arity(&name),
    })
}

/// All commands of the engine.
#[must_use]
pub fn all() -> &'static [&'static Command] {
    &ALL.0
}
