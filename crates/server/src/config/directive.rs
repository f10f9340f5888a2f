//! One row of the table: a directive, what values it takes, and what Ramekin does with it.

use super::kind::Kind;

/// When a directive can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// By `CONFIG SET`, at any time.
    Runtime,
    /// By `CONFIG SET` where `enable-protected-configs` allows it.
    Protected,
    /// At start only; `CONFIG SET` refuses every value, as Valkey does.
    Start,
    /// At start only, although Valkey can change it: `CONFIG SET` to the value in force is accepted, another is refused.
    Restart,
}

/// What Ramekin does with a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Acted on.
    Used,
    /// Shown and kept, with no effect; a value other than the default is warned of at start.
    Accepted,
    /// Only the default is possible; the text says what to do instead.
    Refused(&'static str),
}

/// A directive of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    /// The name as `CONFIG GET` shows it.
    pub name: &'static str,
    /// An older name for the same directive, shown and settable too.
    pub alias: Option<&'static str>,
    /// The values it takes.
    pub kind: Kind,
    /// The default, as it would be written in a file.
    pub default: &'static str,
    /// When it can be changed.
    pub change: Change,
    /// What Ramekin does with it.
    pub support: Support,
    /// Whether its value must not appear in messages.
    pub sensitive: bool,
    /// One line for people.
    pub summary: &'static str,
}

impl Directive {
    /// A row that Ramekin acts on, changeable at run time.
    pub(super) const fn used(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            alias: None,
            kind,
            default,
            change: Change::Runtime,
            support: Support::Used,
            sensitive: false,
            summary,
        }
    }

    /// A row that is shown and kept without effect.
    pub(super) const fn accepted(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        summary: &'static str,
    ) -> Self {
        let row = Self::used(name, kind, default, summary);
        Self { support: Support::Accepted, ..row }
    }

    /// A row of which only the default is possible; `instead` says what to do.
    pub(super) const fn refused(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        instead: &'static str,
    ) -> Self {
        let row = Self::used(name, kind, default, instead);
        Self { support: Support::Refused(instead), ..row }
    }

    pub(super) const fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    pub(super) const fn at_start(self) -> Self {
        Self { change: Change::Start, ..self }
    }

    pub(super) const fn needs_restart(self) -> Self {
        Self { change: Change::Restart, ..self }
    }

    pub(super) const fn protected(self) -> Self {
        Self { change: Change::Protected, ..self }
    }

    pub(super) const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }
}
