//! What is known of a command apart from its code: one row of the command table.
//!
//! A row drives dispatch, `COMMAND` and its subcommands, the docs, hints, and the test that every row has a test.

use super::{Ctx, Fail, Outcome};
use crate::record::Name;
use crate::reply::Reply;
use std::borrow::Cow;

/// Runs a command: reads and changes through the context, answers into the sink.
pub type Handler = fn(&mut Ctx<'_>, &[&[u8]], &mut dyn Reply) -> Outcome;

/// A command of the engine.
pub struct Command {
    /// What is known of it.
    pub spec: Spec,
    /// Its code.
    pub run: Handler,
}

/// One row of the command table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Name in lower case; a subcommand is `container|sub`.
    pub name: &'static str,
    /// Number of arguments, name included; negative: at least as many.
    pub arity: i32,
    /// Properties, see [`flag`].
    pub flags: u32,
    /// Where its keys are.
    pub keys: Keys,
    /// Group in the docs: `string`, `list`, `hash`, `generic`, `table`, `tag`, `connection`, `server`,
    /// `transactions`.
    pub group: &'static str,
    /// The version of Redis or Valkey in which it appeared.
    pub since: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Time complexity, in O notation.
    pub complexity: &'static str,
    /// Arguments after the name: words in lower case are values, in capitals tokens; `[ ]` optional, `|` one of,
    /// `...` repeated.
    pub syntax: &'static str,
}

/// Properties of commands, named as `COMMAND` names them.
pub mod flag {
    /// May change data.
    pub const WRITE: u32 = 1 << 0;
    /// Only reads data.
    pub const READONLY: u32 = 1 << 1;
    /// May need more memory: refused first when there is none.
    pub const DENYOOM: u32 = 1 << 2;
    /// Takes time that grows with less than the size of the data.
    pub const FAST: u32 = 1 << 3;
    /// Administrative.
    pub const ADMIN: u32 = 1 << 4;
    /// May wait.
    pub const BLOCKING: u32 = 1 << 5;
    /// Not in a transaction.
    pub const NO_MULTI: u32 = 1 << 6;
    /// Not shown to MONITOR.
    pub const SKIP_MONITOR: u32 = 1 << 7;
    /// Allowed while loading.
    pub const LOADING: u32 = 1 << 8;
    /// Allowed on stale replicas.
    pub const STALE: u32 = 1 << 9;
    /// Allowed without authentication.
    pub const NO_AUTH: u32 = 1 << 10;
    /// Keys are not at fixed places.
    pub const MOVABLE_KEYS: u32 = 1 << 11;
    /// Not in scripts.
    pub const NOSCRIPT: u32 = 1 << 12;
    /// Publishes and subscribes.
    pub const PUBSUB: u32 = 1 << 13;
    /// Not written to the slow log.
    pub const SKIP_SLOWLOG: u32 = 1 << 14;
    /// Touches keys that its arguments do not name: every shard is locked.
    pub const WHOLE: u32 = 1 << 15;
    /// Walks the keyspace, one shard at a time.
    pub const WALKS: u32 = 1 << 16;
    /// Only groups subcommands.
    pub const CONTAINER: u32 = 1 << 17;
    /// Is run at once between MULTI and EXEC, not queued.
    pub const IN_MULTI: u32 = 1 << 19;
    /// Looks into the database by itself: in a transaction it is run between two parts of it.
    pub const LOOKS: u32 = 1 << 18;
    /// An argument with a `*` names keys that are found while it runs: then every shard is locked.
    pub const PATTERNS: u32 = 1 << 20;
    /// May run on a node of a cluster that asked for it.
    pub const ASKING: u32 = 1 << 21;
    /// What it changes, it replaces as a whole: with a store behind, keys need not be here.
    pub const BLIND: u32 = 1 << 23;
    /// Not while a replica loads what its primary has sent.
    pub const NO_ASYNC_LOADING: u32 = 1 << 22;
    /// Puts the record that its fourth argument describes, which is read before any lock is taken.
    pub const PUTS: u32 = 1 << 24;
    /// Takes long: somebody who must not wait leaves it to another thread.
    pub const APART: u32 = 1 << 25;
    /// Tells of all keys: with a store behind, also of those that only the store knows. In a transaction it tells of memory.
    pub const BEYOND: u32 = 1 << 26;
    /// The record that it puts comes in the form in which it will lie, and not as text.
    pub const FORMED: u32 = 1 << 27;
}

/// Finds the indices of a command's keys; its error is what the command answers, so it is the first that the command checks.
pub type FindKeys = fn(&[&[u8]]) -> Result<Vec<usize>, Fail>;

/// Where a command's keys are among its arguments.
#[derive(Clone, Copy, Debug)]
pub enum Keys {
    /// It has none.
    None,
    /// One key, at this argument.
    At(usize),
    /// From `first` to `last` (negative: counted from the end) in steps.
    Range {
        /// Index of the first key.
        first: usize,
        /// Index of the last one; negative: from the end.
        last: i32,
        /// Distance between keys.
        step: usize,
    },
    /// A count at this argument, followed by as many keys.
    Counted(usize),
    /// At indices that a function finds.
    Found(FindKeys),
    /// Records of the table that argument 1 names, by their keys from argument 2 up to this one (negative: counted from the
    /// end). Where they lie is made of two arguments each, see [`record::Name`](crate::record::Name).
    Records(i32),
    /// The definition of the table that this argument names, which is none of the clients' keys.
    Table(usize),
}

/// The end of a range of arguments; `last` is negative if it is counted from their end.
fn end_of(last: i32, args: &[&[u8]]) -> usize {
    let end = if last < 0 {
        args.len().saturating_sub(last.unsigned_abs() as usize - 1)
    } else {
        last.unsigned_abs() as usize + 1
    };
    end.min(args.len())
}

impl Spec {
    /// True if it has this property.
    #[inline]
    #[must_use]
    pub const fn is(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// True if this many arguments, the name included, are allowed.
    #[inline]
    #[must_use]
    pub fn takes(&self, arguments: usize) -> bool {
        let needed = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { arguments >= needed } else { arguments == needed }
    }

    /// True if it reaches, with these arguments, keys that they do not name: every shard has to be locked.
    #[must_use]
    pub fn is_whole(&self, args: &[&[u8]]) -> bool {
        self.is(flag::WHOLE)
            || self.is(flag::PATTERNS) && args.iter().skip(2).any(|arg| memchr::memchr(b'*', arg).is_some())
    }

    /// The keys that the arguments name.
    ///
    /// # Errors
    /// The arguments do not tell: a count that is no number, or larger than what follows.
    pub fn keys_of<'a>(&self, args: &[&'a [u8]]) -> Result<Vec<Cow<'a, [u8]>>, Fail> {
        let indices = self.key_indices(args)?.into_iter();
        Ok(match self.keys {
            Keys::Records(_) => {
                indices.map(|index| Cow::Owned(Name::of_record(args[1], args[index]).to_vec())).collect()
            }
            _ => indices.map(|index| Cow::Borrowed(args[index])).collect(),
        })
    }

    /// Visits the keys that have to be locked. `is_table` says whether there is a table of a name: the first record makes it.
    pub(crate) fn each_locked(
        &self,
        args: &[&[u8]],
        is_table: impl FnOnce(&[u8]) -> bool,
        mut visit: impl FnMut(&[u8]),
    ) -> Result<(), Fail> {
        match self.keys {
            Keys::Records(_) => {
                let indices = self.key_indices(args)?;
                indices.into_iter().for_each(|index| visit(&Name::of_record(args[1], args[index])));
                if self.is(flag::PUTS) && !is_table(args[1]) {
                    visit(&Name::of_table(args[1]));
                }
            }
            Keys::Table(at) => visit(&Name::of_table(args.get(at).copied().unwrap_or_default())),
            _ => self.key_indices(args)?.into_iter().for_each(|index| visit(args[index])),
        }
        Ok(())
    }

    fn key_indices(&self, args: &[&[u8]]) -> Result<Vec<usize>, Fail> {
        match self.keys {
            Keys::None | Keys::Table(_) => Ok(Vec::new()),
            Keys::At(index) => Ok(if index < args.len() { vec![index] } else { Vec::new() }),
            Keys::Range { first, last, step } => Ok((first..end_of(last, args)).step_by(step).collect()),
            Keys::Records(last) => Ok((2..end_of(last, args)).collect()),
            Keys::Counted(at) => {
                let count = args
                    .get(at)
                    .and_then(|text| crate::value::number::parse_i64(text))
                    .and_then(|count| usize::try_from(count).ok())
                    .filter(|&count| count > 0 && count < args.len() - at)
                    .ok_or(Fail::new("ERR Invalid number of arguments specified for command"))?;
                Ok((at + 1..=at + count).collect())
            }
            Keys::Found(find) => find(args),
        }
    }
}
