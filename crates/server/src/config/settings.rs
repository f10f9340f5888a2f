//! The values in force: one slot for each row of the table, with where its value came from.

use super::directive::Directive;
use super::source::Origin;
use super::table::{directives, position};
use super::value::Value;

#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// Where it was given, for messages.
    pub(super) place: String,
    /// Whether an included file gives it, so that leaving it out of the main file would not make it the default.
    pub(super) included: bool,
}

/// A whole configuration: one value for each directive of the table.
#[derive(Debug, Clone)]
pub struct Config {
    slots: Vec<Slot>,
}

impl Default for Config {
    /// Every directive at its default, as with neither file, flags nor environment.
    fn default() -> Self {
        let slot = |row| Slot {
            value: default_value(row),
            origin: Origin::Default,
            place: String::new(),
            included: false,
        };
        Self { slots: directives().iter().map(slot).collect() }
    }
}

fn default_value(row: &Directive) -> Value {
    row.kind.parse_text(row.default.as_bytes(), None).expect("a test reads every default of the table")
}

impl Config {
    /// The value of a directive or alias.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        position(name).map(|row| &self.slots[row].value)
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = (&'static Directive, &Slot)> {
        directives().iter().zip(&self.slots)
    }

    pub(super) fn slot(&self, row: usize) -> &Slot {
        &self.slots[row]
    }

    pub(super) fn put(&mut self, row: usize, value: Value, origin: Origin, place: &str) {
        let slot = &mut self.slots[row];
        slot.included |= origin == Origin::Include;
        slot.value = value;
        slot.origin = origin;
        place.clone_into(&mut slot.place);
    }

    pub(super) fn is_default(&self, directive: &Directive) -> bool {
        self.value(directive.name) == Some(&default_value(directive))
    }

    /// What the first line of a source adds to: limits keep the classes that are not named, lists start empty.
    pub(super) fn start_of_list(&self, row: usize) -> Option<Value> {
        Some(self.slots[row].value.clone()).filter(|value| matches!(value, Value::OutputLimits(_)))
    }
}
