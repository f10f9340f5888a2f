//! LOLWUT: a ramekin, its soufflé a little different each time, and the version.

use super::ServerCommand;
use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::sync::Arc;

const COLUMNS_DEFAULT: usize = 40;
const COLUMNS: std::ops::RangeInclusive<i64> = 12..=160;
const ROWS_DEFAULT: usize = 6;
const ROWS: std::ops::RangeInclusive<i64> = 1..=40;

pub(super) const COMMANDS: &[ServerCommand] = &[ServerCommand {
    spec: Spec {
        name: "lolwut",
        arity: -1,
        flags: flag::READONLY | flag::FAST,
        keys: Keys::None,
        group: "server",
        since: "5.0.0",
        summary: "Displays computer art and the server version.",
        complexity: "O(N) where N is the size of the picture",
        syntax: "[VERSION version] [columns [rows]]",
    },
    run: lolwut,
}];

fn lolwut(_: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let sizes = match &args[1..] {
        [word, version, rest @ ..] if word.eq_ignore_ascii_case(b"version") => {
            ramekin_resp::parse_int(version).ok_or(Fail::NOT_AN_INTEGER)?;
            rest
        }
        rest => rest,
    };
    let (columns, rows) = match sizes {
        [] => (COLUMNS_DEFAULT, ROWS_DEFAULT),
        [columns] => (size(columns, COLUMNS)?, ROWS_DEFAULT),
        [columns, rows] => (size(columns, COLUMNS)?, size(rows, ROWS)?),
        _ => return Err(Fail::new("ERR Syntax error. Use: LOLWUT [columns [rows]]")),
    };
    let picture = draw(columns, rows, server.db.random());
    let text = format!("{picture}\nRamekin ver. {}\n", env!("CARGO_PKG_VERSION"));
    out.verbatim("txt", text.as_bytes());
    Ok(())
}

/// A number, brought into its range.
fn size(arg: &[u8], range: std::ops::RangeInclusive<i64>) -> Result<usize, Fail> {
    let given = ramekin_resp::parse_int(arg).ok_or(Fail::NOT_AN_INTEGER)?;
    Ok(usize::try_from(given.clamp(*range.start(), *range.end())).unwrap_or_default())
}

/// Steam, a top that has risen unevenly, and the ribbed dish.
fn draw(columns: usize, rows: usize, seed: u64) -> String {
    let mut bits = seed | 1;
    let mut dice = |sides: usize| {
        // Xorshift: chance enough for a picture.
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        (bits % 1_000_003) as usize % sides
    };
    let inner = columns - 4;
    let mut picture = String::new();
    for _ in 0..rows.div_ceil(3) {
        let steam = (0..inner).map(|_| if dice(9) == 0 { ['(', ')', '~'][dice(3)] } else { ' ' });
        let line: String = steam.collect();
        picture.push_str(&format!("  {}\n", line.trim_end()));
    }
    let crust: String = (0..inner).map(|_| ['o', 'O', '@', '*', 'o', 'O'][dice(6)]).collect();
    picture.push_str(&format!("  {crust}\n.={}=.\n", "=".repeat(inner)));
    for _ in 0..rows {
        let ribs: String = (0..inner + 2).map(|at| if at % 2 == 0 { '|' } else { ' ' }).collect();
        picture.push_str(&format!(" {ribs}\n"));
    }
    picture.push_str(&format!(" '{}'\n", "-".repeat(inner)));
    picture
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_picture_keeps_to_its_columns_and_changes_with_its_seed() {
        for columns in [12, 40, 160] {
            assert!(draw(columns, 5, 7).lines().all(|line| line.len() <= columns));
        }
        assert_ne!(draw(40, 6, 1), draw(40, 6, 2));
        assert_eq!(draw(40, 6, 1), draw(40, 6, 1));
    }
}
