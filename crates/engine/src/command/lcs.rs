//! LCS: the longest common subsequence of two strings.
//!
//! The classic table of lengths (Wagner and Fischer, 1974), filled from the beginnings and walked back from the ends. When
//! only the length is asked for, one row of it is kept. Where the walk may go either way it goes back in the second string,
//! as Valkey's does: which of several equally long subsequences is answered is part of the contract.

use super::parse::{int, is};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::reply::Reply;
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::Relaxed;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "lcs",
        arity: -3,
        flags: flag::READONLY,
        keys: Keys::Range { first: 1, last: 2, step: 1 },
        group: "string",
        since: "7.0.0",
        summary: "Finds the longest common subsequence of two strings.",
        complexity: "O(N*M) where N and M are the lengths of the two strings",
        syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    },
    run: lcs,
}];

/// A stretch that both strings have: where it is in each.
type Match = (RangeInclusive<usize>, RangeInclusive<usize>);

struct Options {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: usize,
}

fn options(args: &[&[u8]]) -> Result<Options, Fail> {
    let mut options = Options { len: false, idx: false, with_match_len: false, min_match_len: 0 };
    let mut rest = args.iter();
    while let Some(option) = rest.next() {
        if is(option, "len") {
            options.len = true;
        } else if is(option, "idx") {
            options.idx = true;
        } else if is(option, "withmatchlen") {
            options.with_match_len = true;
        } else if is(option, "minmatchlen") {
            let min = int(rest.next().ok_or(Fail::SYNTAX)?)?;
            options.min_match_len = usize::try_from(min).unwrap_or(0);
        } else {
            return Err(Fail::SYNTAX);
        }
    }
    if options.len && options.idx {
        return Err(Fail::new("ERR If you want both the length and indexes, please just use IDX."));
    }
    Ok(options)
}

fn lcs(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let mut texts = [Vec::new(), Vec::new()];
    for (text, key) in texts.iter_mut().zip(&args[1..]) {
        let found =
            ctx.read_str(key).map_err(|_| Fail::new("ERR The specified keys must contain string values"))?;
        if let Some(found) = found {
            text.extend_from_slice(&found.whole());
        }
    }
    let [a, b] = texts;
    let options = options(&args[3..])?;
    check_size(a.len(), b.len(), ctx.settings.string_bytes_max.load(Relaxed))?;
    if options.len {
        out.int(i64::from(common_len(&a, &b)));
        return Ok(());
    }
    let table = Table::new(&a, &b);
    if options.idx {
        let mut matches = table.matches();
        matches.retain(|(at, _)| at.clone().count() >= options.min_match_len);
        reply_matches(&matches, table.len(), options.with_match_len, out);
    } else {
        let mut common: Vec<u8> = Vec::with_capacity(table.len() as usize);
        for (at, _) in table.matches().into_iter().rev() {
            common.extend_from_slice(&a[at]);
        }
        out.bulk(&common);
    }
    Ok(())
}

/// The table must not be larger than a string may be.
fn check_size(a: usize, b: usize, bytes_max: u64) -> Result<(), Fail> {
    if a.max(b) >= u32::MAX as usize - 1 {
        return Err(Fail::new("ERR String too long for LCS"));
    }
    let bytes = (a as u128 + 1) * (b as u128 + 1) * size_of::<u32>() as u128;
    if bytes > u128::from(bytes_max) {
        return Err(Fail::new(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}

fn reply_matches(matches: &[Match], len: u32, with_len: bool, out: &mut dyn Reply) {
    out.map(2);
    out.bulk(b"matches");
    out.array(matches.len());
    for (a, b) in matches {
        out.array(if with_len { 3 } else { 2 });
        for range in [a, b] {
            out.array(2);
            out.count(*range.start());
            out.count(*range.end());
        }
        if with_len {
            out.count(a.clone().count());
        }
    }
    out.bulk(b"len");
    out.int(i64::from(len));
}

/// The length alone.
fn common_len(a: &[u8], b: &[u8]) -> u32 {
    let mut row = vec![0_u32; b.len() + 1];
    for byte in a {
        let mut diagonal = 0;
        for (at, other) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if byte == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

/// The lengths for all pairs of beginnings.
struct Table<'a> {
    a: &'a [u8],
    b: &'a [u8],
    lens: Vec<u32>,
}

impl<'a> Table<'a> {
    fn new(a: &'a [u8], b: &'a [u8]) -> Self {
        let width = b.len() + 1;
        let mut lens = vec![0; (a.len() + 1) * width];
        for (i, byte) in a.iter().enumerate() {
            let (done, open) = lens.split_at_mut((i + 1) * width);
            let (above, row) = (&done[i * width..], &mut open[..width]);
            for (j, other) in b.iter().enumerate() {
                row[j + 1] = if byte == other { above[j] + 1 } else { above[j + 1].max(row[j]) };
            }
        }
        Self { a, b, lens }
    }

    /// The length for the first `i` and the first `j` bytes.
    fn at(&self, i: usize, j: usize) -> u32 {
        self.lens[i * (self.b.len() + 1) + j]
    }

    fn len(&self) -> u32 {
        self.at(self.a.len(), self.b.len())
    }

    /// The stretches of the subsequence, from the last to the first.
    fn matches(&self) -> Vec<Match> {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        let (mut matches, mut run) = (Vec::new(), 0);
        while i > 0 && j > 0 {
            if self.a[i - 1] == self.b[j - 1] {
                (i, j, run) = (i - 1, j - 1, run + 1);
                continue;
            }
            if run > 0 {
                matches.push((i..=i + run - 1, j..=j + run - 1));
                run = 0;
            }
            if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        if run > 0 {
            matches.push((i..=i + run - 1, j..=j + run - 1));
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_matches_spell_a_common_subsequence_of_the_length_that_is_told(a in "[abc]{0,20}", b in "[abc]{0,20}") {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let table = Table::new(a, b);
            prop_assert_eq!(table.len(), common_len(a, b));
            let mut common = 0;
            let mut before = (a.len(), b.len());
            for (in_a, in_b) in table.matches() {
                prop_assert_eq!(&a[in_a.clone()], &b[in_b.clone()]);
                prop_assert!(*in_a.end() < before.0 && *in_b.end() < before.1);
                before = (*in_a.start(), *in_b.start());
                common += in_a.count();
            }
            prop_assert_eq!(common, table.len() as usize);
        }
    }
}
