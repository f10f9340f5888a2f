//! Compression by Zstandard, with dictionaries that are prepared once.
//!
//! Frames are without magic number, content size and number of the dictionary: all of that stands before them already. What
//! must hold: no bytes make unpacking panic or write past the length that was said.

use super::dictionary::{BYTES_MAX, Dictionary};
use super::{HEAD_BYTES_MAX, bytes_max};
use std::cell::RefCell;
use std::sync::OnceLock;
use zstd::zstd_safe::{CCtx, CDict, CParameter, DCtx, DDict, DParameter, FrameFormat, ResetDirective};

/// Further levels take twice the time for 2% of a record.
const LEVEL: i32 = 1;
/// With fewer samples there is nothing to train on.
const SAMPLES_MIN: usize = 16;

/// What Zstandard makes of a dictionary once.
#[derive(Default)]
pub(super) struct Tables {
    compress: OnceLock<CDict<'static>>,
    decompress: OnceLock<DDict<'static>>,
}

thread_local! {
    static COMPRESS: RefCell<Option<CCtx<'static>>> = const { RefCell::new(None) };
    static DECOMPRESS: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

fn compressor<'a>() -> Option<CCtx<'a>> {
    let mut context = CCtx::try_create()?;
    for parameter in [
        CParameter::Format(FrameFormat::Magicless),
        CParameter::DictIdFlag(false),
        CParameter::ContentSizeFlag(false),
        CParameter::CompressionLevel(LEVEL),
    ] {
        context.set_parameter(parameter).ok()?;
    }
    Some(context)
}

fn decompressor() -> Option<DCtx<'static>> {
    let mut context = DCtx::try_create()?;
    context.set_parameter(DParameter::Format(FrameFormat::Magicless)).ok()?;
    Some(context)
}

/// Appends the compressed form of `input`. False if it takes more than `bytes_max`; what was appended means nothing then.
pub(super) fn compress(
    input: &[u8],
    dictionary: Option<&'static Dictionary>,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> bool {
    COMPRESS.with_borrow_mut(|context| {
        if context.is_none() {
            *context = compressor();
        }
        let Some(context) = context else { return false };
        let chosen = match dictionary {
            Some(dictionary) => {
                let tables = &dictionary.tables.compress;
                context.ref_cdict(tables.get_or_init(|| CDict::create(dictionary.content(), LEVEL)))
            }
            None => context.disable_dictionary(),
        };
        let start = out.len();
        out.resize(start + bytes_max, 0);
        // What does not fit is refused.
        let written = chosen.and_then(|_| context.compress2(&mut out[start..], input));
        out.truncate(start + written.unwrap_or(0));
        if written.is_err() {
            // What did not fit has left the context in the middle of a frame, where it takes no dictionary.
            let _ = context.reset(ResetDirective::SessionOnly);
        }
        written.is_ok()
    })
}

/// Unpacks into `out`, which grows by `raw_bytes`. False if that is not what the bytes are.
pub(super) fn decompress(
    packed: &[u8],
    dictionary: Option<&'static Dictionary>,
    raw_bytes: usize,
    out: &mut Vec<u8>,
) -> bool {
    DECOMPRESS.with_borrow_mut(|context| {
        if context.is_none() {
            *context = decompressor();
        }
        let Some(context) = context else { return false };
        let chosen = match dictionary {
            Some(dictionary) => {
                let tables = &dictionary.tables.decompress;
                context.ref_ddict(tables.get_or_init(|| DDict::create(dictionary.content())))
            }
            None => context.disable_dictionary(),
        };
        let start = out.len();
        out.resize(start + raw_bytes, 0);
        let written = chosen.and_then(|_| context.decompress(&mut out[start..], packed));
        written == Ok(raw_bytes)
    })
}

/// For how many of these values a dictionary of this content would pay.
pub(super) fn count_paid(content: &[u8], samples: &[&[u8]]) -> usize {
    let (prepared, mut out) = (CDict::create(content, LEVEL), vec![0; BYTES_MAX]);
    let Some(mut context) = compressor() else { return 0 };
    if context.ref_cdict(&prepared).is_err() {
        return 0;
    }
    let mut pays = |raw: &[u8]| {
        let bytes_max = bytes_max(raw.len(), HEAD_BYTES_MAX).unwrap_or(0).min(out.len());
        context.compress2(&mut out[..bytes_max], raw).is_ok()
    };
    samples.iter().filter(|raw| pays(raw)).count()
}

/// A dictionary trained on these samples, if they are enough.
pub(super) fn train(samples: &[&[u8]]) -> Option<Vec<u8>> {
    if samples.len() < SAMPLES_MIN {
        return None;
    }
    zstd::dict::from_samples(samples, BYTES_MAX).ok()
}
