//! Compression by LZ4's sequences, with a dictionary that is prepared once.
//!
//! What comes out is read by any decoder of LZ4 blocks with an external dictionary that does not insist on the rules for the
//! end of a block: here a match may reach to the last byte, since in a short value every byte counts. Libraries hash the
//! dictionary again at every call, which takes far longer than a short value; here its positions are kept with it.
//!
//! What must hold: no input makes it panic; what it writes unpacks to the input. Left out: inputs of more than
//! [`INPUT_BYTES_MAX`], which need no dictionary and are compressed by the library.

/// Inputs with a dictionary are no longer than this, so that every offset fits into 16 bits.
pub(super) const INPUT_BYTES_MAX: usize = 16 << 10;
/// Dictionaries are no longer than this.
pub(super) const DICTIONARY_BYTES_MAX: usize = 32 << 10;

const _: () = assert!(INPUT_BYTES_MAX + DICTIONARY_BYTES_MAX < 1 << 16);

const MATCH_BYTES_MIN: usize = 4;
/// Hashes of positions in a dictionary.
const PREPARED_BITS: u32 = 12;
/// Hashes of positions in an input.
const SEEN_BITS: u32 = 9;

/// Where each four bytes of a dictionary stand last.
pub(super) struct Places {
    /// One more than the position; 0 for none.
    places: Box<[u16]>,
}

impl Places {
    /// Takes down the positions of a dictionary.
    pub(super) fn of(dictionary: &[u8]) -> Self {
        let mut places = vec![0; 1 << PREPARED_BITS].into_boxed_slice();
        for (at, four) in dictionary.windows(MATCH_BYTES_MIN).enumerate().take(DICTIONARY_BYTES_MAX) {
            places[slot(word(four), PREPARED_BITS)] = u16::try_from(at + 1).unwrap_or(0);
        }
        Self { places }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.places)
    }
}

#[inline]
fn word(four: &[u8]) -> u32 {
    four.first_chunk().map_or(0, |four| u32::from_le_bytes(*four))
}

#[inline]
fn slot(word: u32, bits: u32) -> usize {
    // Knuth's multiplicative hash, as LZ4 uses it.
    (word.wrapping_mul(2_654_435_761) >> (32 - bits)) as usize
}

/// How many bytes two strings begin with in common.
#[inline]
fn common(one: &[u8], other: &[u8]) -> usize {
    let mut count = 0;
    for (one, other) in one.chunks_exact(8).zip(other.chunks_exact(8)) {
        let (Some(one), Some(other)) = (one.first_chunk(), other.first_chunk()) else { break };
        let difference = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        if difference != 0 {
            return count + (difference.trailing_zeros() / 8) as usize;
        }
        count += 8;
    }
    count + one[count..].iter().zip(&other[count..]).take_while(|(one, other)| one == other).count()
}

/// Appends the compressed form of `input`. False if it takes more than `bytes_max`; what was appended means nothing then.
pub(super) fn compress(
    input: &[u8],
    dictionary: &[u8],
    prepared: Option<&Places>,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> bool {
    let end = out.len() + bytes_max;
    assert!(
        input.len() <= INPUT_BYTES_MAX && dictionary.len() <= DICTIONARY_BYTES_MAX,
        "offsets fit into 16 bits"
    );
    let mut seen = [0_u16; 1 << SEEN_BITS];
    let (mut at, mut literals_from) = (0, 0);
    while at + MATCH_BYTES_MIN <= input.len() {
        let four = word(&input[at..]);
        let before = &mut seen[slot(four, SEEN_BITS)];
        let here = usize::from(*before);
        #[expect(clippy::cast_possible_truncation, reason = "an input is shorter than 64 KiB")]
        {
            *before = at as u16 + 1;
        }
        let there = prepared.map_or(0, |places| usize::from(places.places[slot(four, PREPARED_BITS)]));
        let mut found = (0, 0);
        if there != 0 {
            found = (common(&dictionary[there - 1..], &input[at..]), at + dictionary.len() - (there - 1));
        }
        if here != 0 {
            let len = common(&input[here - 1..], &input[at..]);
            if len > found.0 {
                found = (len, at - (here - 1));
            }
        }
        let (mut len, offset) = found;
        if len < MATCH_BYTES_MIN {
            at += 1;
            continue;
        }
        // The bytes before may agree as well.
        let mut start = at;
        while start > literals_from && byte_at(dictionary, input, start - 1, offset) == Some(input[start - 1])
        {
            start -= 1;
            len += 1;
        }
        put_sequence(&input[literals_from..start], offset, len, out);
        if out.len() > end {
            return false;
        }
        at = start + len;
        literals_from = at;
    }
    put_last(&input[literals_from..], out);
    out.len() <= end
}

/// The same for an input of any length, without a dictionary.
pub(super) fn compress_large(input: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.resize(start + lz4_flex::block::get_maximum_output_size(input.len()), 0);
    let written = lz4_flex::block::compress_into(input, &mut out[start..]).unwrap_or(usize::MAX);
    if written > bytes_max {
        return false;
    }
    out.truncate(start + written);
    true
}

/// The byte that lies `offset` before a position of the input.
#[inline]
fn byte_at(dictionary: &[u8], input: &[u8], at: usize, offset: usize) -> Option<u8> {
    match at.checked_sub(offset) {
        Some(earlier) => input.get(earlier).copied(),
        None => dictionary.get((dictionary.len() + at).checked_sub(offset)?).copied(),
    }
}

/// Appends literals and a match.
#[inline]
fn put_sequence(literals: &[u8], offset: usize, len: usize, out: &mut Vec<u8>) {
    let more = len - MATCH_BYTES_MIN;
    put_token(literals.len(), more.min(15), out);
    out.extend_from_slice(literals);
    #[expect(clippy::cast_possible_truncation, reason = "dictionary and input together are below 64 KiB")]
    out.extend_from_slice(&(offset as u16).to_le_bytes());
    if more >= 15 {
        put_rest(more - 15, out);
    }
}

/// Appends the literals at the end; a block ends so, even if there are none.
fn put_last(literals: &[u8], out: &mut Vec<u8>) {
    put_token(literals.len(), 0, out);
    out.extend_from_slice(literals);
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both are at most 15")]
fn put_token(literals: usize, more: usize, out: &mut Vec<u8>) {
    out.push((literals.min(15) << 4 | more) as u8);
    if literals >= 15 {
        put_rest(literals - 15, out);
    }
}

fn put_rest(mut rest: usize, out: &mut Vec<u8>) {
    while rest >= 255 {
        out.push(255);
        rest -= 255;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 255")]
    out.push(rest as u8);
}

/// Unpacks what [`compress`] has made into all of `out`. False if that is not what the bytes are.
pub(super) fn decompress(mut packed: &[u8], dictionary: &[u8], raw_len: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let end = start + raw_len;
    loop {
        let Some((&token, rest)) = packed.split_first() else { return false };
        packed = rest;
        let Some(literals) = take_count(usize::from(token >> 4), &mut packed) else { return false };
        let Some((text, rest)) = packed.split_at_checked(literals) else { return false };
        out.extend_from_slice(text);
        packed = rest;
        if packed.is_empty() {
            return out.len() == end;
        }
        let Some((offset, rest)) = packed.split_first_chunk() else { return false };
        packed = rest;
        let Some(more) = take_count(usize::from(token & 15), &mut packed) else { return false };
        if !copy(
            usize::from(u16::from_le_bytes(*offset)),
            more + MATCH_BYTES_MIN,
            dictionary,
            start,
            end,
            out,
        ) {
            return false;
        }
    }
}

/// Appends what lies `offset` before the end of what has been unpacked since `start`.
#[inline]
fn copy(offset: usize, len: usize, dictionary: &[u8], start: usize, end: usize, out: &mut Vec<u8>) -> bool {
    let done = out.len() - start;
    if offset == 0 || len > end.saturating_sub(out.len()) {
        return false;
    }
    // A match may begin in the dictionary and go on in what has been unpacked.
    let first = len.min(offset.saturating_sub(done));
    if first > 0 {
        let Some(from) = (dictionary.len() + done).checked_sub(offset) else { return false };
        out.extend_from_slice(&dictionary[from..from + first]);
    }
    let (len, from) = (len - first, out.len() - offset.min(out.len()));
    if offset >= len {
        out.extend_from_within(from..from + len);
    } else {
        // It repeats what it writes.
        (from..from + len).for_each(|at| out.push(out[at]));
    }
    true
}

/// The count that begins in a token and may go on in bytes.
#[inline]
fn take_count(first: usize, packed: &mut &[u8]) -> Option<usize> {
    let mut count = first;
    if first == 15 {
        loop {
            let (&more, rest) = packed.split_first()?;
            *packed = rest;
            count += usize::from(more);
            if more != 255 {
                break;
            }
        }
    }
    Some(count)
}
