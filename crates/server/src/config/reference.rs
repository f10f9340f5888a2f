//! The reference of the configuration as a document, rendered from the table.

use super::directive::{Change, Directive, Support};
use super::table::directives;
use std::fmt::Write as _;

const OPENING: &str = "\
# Configuration

Made from the table of directives; change it there.

Names and value forms are those of Redis and Valkey, and are the same everywhere:

- the file, `ramekin serve ramekin.conf`, in the form of redis.conf (`-` reads standard input, `include` works);
- flags, `ramekin serve --maxclients 500 --save 900 1`, values going up to the next `--`;
- the environment, `RAMEKIN_MAXCLIENTS=500`, dashes written as underscores;
- `CONFIG GET`, `CONFIG SET` and `CONFIG REWRITE`.

A flag wins over the environment, the environment over the file, the file over the default. An unknown name or a wrong
value stops the start with one line that says what would be right.
";

/// The text of `docs/CONFIGURATION.md`.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(OPENING);
    section(&mut out, "Directives", "Acted on.", |row| row.support == Support::Used);
    section(
        &mut out,
        "Not supported",
        "Only the default is possible; anything else is refused, with what to do instead.",
        |row| matches!(row.support, Support::Refused(_)),
    );
    out.push_str(
        "\n`rename-command`, `user`, `loadmodule` and `sentinel` lines are refused in the same way.\n",
    );
    section(
        &mut out,
        "Accepted without effect",
        "Kept and shown, so that files and tools work; a value other than the default is warned of at start.",
        |row| row.support == Support::Accepted,
    );
    out
}

fn section(out: &mut String, title: &str, text: &str, belongs: impl Fn(&Directive) -> bool) {
    let _ = write!(
        out,
        "\n## {title}\n\n{text}\n\n| directive | default | values | changed | |\n|---|---|---|---|---|\n"
    );
    for row in directives().iter().filter(|row| belongs(row)) {
        let alias = row.alias.map(|alias| format!(" (`{alias}`)")).unwrap_or_default();
        let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
        let values = row.kind.describe().replace('|', "\\|");
        let change = match row.change {
            Change::Runtime => "any time",
            Change::Protected => "any time, if `enable-protected-configs`",
            Change::Start | Change::Restart => "at start",
        };
        let _ =
            writeln!(out, "| `{}`{alias} | {default} | {values} | {change} | {} |", row.name, row.summary);
    }
}

#[cfg(test)]
mod tests {
    use super::{directives, reference};

    #[test]
    fn every_directive_has_one_line_in_the_reference() {
        let text = reference();
        for row in directives() {
            assert_eq!(text.matches(&format!("\n| `{}`", row.name)).count(), 1, "{}", row.name);
        }
    }
}
