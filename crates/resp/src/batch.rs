//! The commands decoded from one buffer, as places in it.
//!
//! Must hold: spans of complete commands only, in order; `ends` grows with every command. Nothing is copied out of
//! the buffer, so a batch means something only beside the buffer it was decoded from.

/// Arguments a cleared batch or an idle decoder keeps room for; what one huge command took beyond it is given back.
pub(crate) const SPANS_KEPT_MAX: usize = 16 * 1024;

/// Where one argument lies in the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Length in bytes.
    pub len: usize,
}

impl Span {
    /// The bytes of the argument. `buf` is the buffer that was decoded; another one may panic or answer other bytes.
    #[inline]
    #[must_use]
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        &buf[self.start..self.start + self.len]
    }
}

#[derive(Clone, Copy, Debug)]
struct End {
    /// Where the command's spans begin and end.
    first: usize,
    spans: usize,
    byte: usize,
}

/// All complete commands of one buffer. Reused from one buffer to the next, so that decoding allocates nothing.
#[derive(Default, Debug)]
pub struct Batch {
    pub(crate) spans: Vec<Span>,
    ends: Vec<End>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all commands and keeps the room, up to a bound.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.spans.shrink_to(SPANS_KEPT_MAX);
        self.ends.clear();
        self.ends.shrink_to(SPANS_KEPT_MAX);
    }

    /// How many commands there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no command.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The arguments of command `i`, its name first; never empty. Panics if there is no such command.
    #[inline]
    #[must_use]
    pub fn args(&self, i: usize) -> &[Span] {
        let end = &self.ends[i];
        &self.spans[end.first..end.spans]
    }

    /// The buffer offset just past command `i`. Panics if there is no such command.
    #[inline]
    #[must_use]
    pub fn end_byte(&self, i: usize) -> usize {
        self.ends[i].byte
    }

    /// How many bytes command `i` took, whatever lay between it and the one before included. Panics if there is none.
    #[inline]
    #[must_use]
    pub fn bytes(&self, i: usize) -> usize {
        self.ends[i].byte - i.checked_sub(1).map_or(0, |before| self.ends[before].byte)
    }

    /// All spans pushed since the last command become one, which ends before `byte`.
    #[inline]
    pub(crate) fn seal(&mut self, byte: usize) {
        self.ends.push(End { first: self.sealed(), spans: self.spans.len(), byte });
    }

    /// How many spans belong to complete commands.
    #[inline]
    pub(crate) fn sealed(&self) -> usize {
        self.ends.last().map_or(0, |end| end.spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_batch_gives_back_what_one_huge_command_took() {
        let mut batch = Batch::new();
        batch.spans = vec![Span { start: 0, len: 0 }; 1_000_000];
        batch.seal(1);
        batch.clear();
        assert!(batch.is_empty());
        assert!(batch.spans.capacity() <= SPANS_KEPT_MAX);
    }
}
