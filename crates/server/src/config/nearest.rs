//! The directive that a misspelt name probably meant.

use super::table::names;

/// The known name nearest to `name`, when it is near enough to be worth suggesting.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    if name.len() > 64 {
        return None;
    }
    let allowed = (name.len() / 3).clamp(1, 3);
    names()
        .map(|known| (distance(name.as_bytes(), known.as_bytes()), known))
        .min()
        .filter(|&(edits, _)| edits <= allowed)
        .map(|(_, known)| known)
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from `a` to `b`.
pub(super) fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn a_slip_of_the_finger_finds_the_name_that_was_meant() {
        assert_eq!(nearest("maxclient"), Some("maxclients"));
        assert_eq!(nearest("max-memory"), Some("maxmemory"));
        assert_eq!(nearest("prot"), Some("port"));
        assert_eq!(nearest("completely-else"), None);
        assert_eq!(nearest(""), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(distance(b"prot", b"port"), 1);
        assert_eq!(distance(b"", b"abc"), 3);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }
}
