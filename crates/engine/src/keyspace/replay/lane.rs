//! A lane: some of the shards, and what is applied to them in order.

use crate::effect::{Effect, Malformed};
use crate::keyspace::space::Space;
use crate::keyspace::{Keyspace, Part};
use crate::value::Packing;
use parking_lot::Mutex;

/// The place of an effect on a whole database.
pub(super) const WHOLE: u32 = u32::MAX;
/// Effects whose buckets and entries are fetched ahead.
const AHEAD: usize = 32;

/// An effect of a batch: what is known of it beside its bytes.
#[derive(Clone, Copy)]
pub(super) struct Dealt {
    pub(super) lsn: u64,
    /// The stable hash of its key.
    pub(super) hash: u64,
    pub(super) db: u32,
    /// Which of the lane's shards, or [`WHOLE`].
    pub(super) place: u32,
}

/// Effects for one lane, in the order of the log.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Each with where its bytes end.
    effects: Vec<(Dealt, usize)>,
}

/// Some of the shards.
pub(super) struct Lane<'a> {
    keyspace: &'a Keyspace,
    packing: &'a Packing,
    parts: Vec<LanePart<'a>>,
    /// The first record that could not be applied here. None is applied after it.
    pub(super) malformed: Option<u64>,
}

struct LanePart<'a> {
    shard: usize,
    part: &'a mut Part,
    /// The last record that it holds already.
    cut: u64,
}

impl Batch {
    /// An empty batch with room for so many bytes of effects.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), effects: Vec::new() }
    }

    /// Adds an effect at the end.
    #[inline]
    pub(super) fn push(&mut self, dealt: Dealt, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.effects.push((dealt, self.bytes.len()));
    }

    /// What it takes in memory.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.effects.len() * size_of::<(Dealt, usize)>()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.effects.clear();
    }
}

impl<'a> Lane<'a> {
    /// Deals all shards, which must come in order, to so many lanes.
    pub(super) fn deal(
        keyspace: &'a Keyspace,
        shards: Vec<(usize, &'a mut Part)>,
        cuts: &[u64],
        packing: &'a Packing,
        lanes: usize,
    ) -> Vec<Mutex<Self>> {
        assert_eq!(shards.len(), keyspace.shards(), "all shards are held");
        let mut dealt: Vec<_> =
            (0..lanes).map(|_| Self { keyspace, packing, parts: Vec::new(), malformed: None }).collect();
        for (shard, part) in shards {
            let (lane, _) = Self::of_shard(shard, lanes);
            dealt[lane].parts.push(LanePart { shard, part, cut: cuts[shard] });
        }
        dealt.into_iter().map(Mutex::new).collect()
    }

    /// The lane of a shard, and its place there.
    #[inline]
    pub(super) fn of_shard(shard: usize, lanes: usize) -> (usize, u32) {
        (shard % lanes, u32::try_from(shard / lanes).expect("there are fewer shards than that"))
    }

    /// Applies a batch, unless something before it could not be.
    pub(super) fn apply(&mut self, batch: &Batch) {
        if self.malformed.is_some() {
            return;
        }
        let mut start = 0;
        for effects in batch.effects.chunks(AHEAD) {
            for (dealt, _) in effects {
                self.hint(dealt, Space::prefetch_bucket);
            }
            for (dealt, _) in effects {
                self.hint(dealt, Space::prefetch_entry);
            }
            for (dealt, end) in effects {
                if self.apply_one(dealt, &batch.bytes[start..*end]).is_err() {
                    self.malformed = Some(dealt.lsn);
                    return;
                }
                start = *end;
            }
        }
    }

    #[inline]
    fn hint(&self, dealt: &Dealt, prefetch: impl Fn(&Space, u64)) {
        let part = self.parts.get(dealt.place as usize);
        if let Some(space) = part.and_then(|part| part.part.space(self.keyspace.space_of(dealt.db))) {
            prefetch(space, dealt.hash);
        }
    }

    fn apply_one(&mut self, dealt: &Dealt, bytes: &[u8]) -> Result<(), Malformed> {
        let Self { keyspace, packing, parts, .. } = self;
        Effect::decode_all(bytes, |db, effect| {
            if dealt.place == WHOLE {
                let past_cut = parts.iter_mut().filter(|part| dealt.lsn > part.cut);
                return past_cut.into_iter().try_for_each(|part| apply_whole(keyspace, part, db, &effect));
            }
            let LanePart { shard, part, .. } = &mut parts[dealt.place as usize];
            let space = keyspace.space_in(*shard, part, db);
            space.apply(dealt.hash, &effect, packing)?;
            if let (Some(key), false) =
                (effect.key(), matches!(effect, Effect::Stored { .. } | Effect::Forget { .. }))
            {
                space.recover_change(dealt.hash, key, dealt.lsn, 0);
            }
            drop(space.take_discarded());
            Ok(())
        })
    }
}

fn apply_whole(
    keyspace: &Keyspace,
    LanePart { shard, part, .. }: &mut LanePart<'_>,
    db: u32,
    effect: &Effect<'_>,
) -> Result<(), Malformed> {
    match *effect {
        Effect::Flush => drop(part.space_mut(keyspace.space_of(db)).map(Space::take)),
        Effect::Swap { with } => swap_items(keyspace, *shard, part, db, with),
        _ => return Err(Malformed),
    }
    Ok(())
}

/// Exchanges what two databases hold in one shard.
fn swap_items(keyspace: &Keyspace, shard: usize, part: &mut Part, db: u32, with: u32) {
    let spaces = [keyspace.space_of(db), keyspace.space_of(with)];
    if db == with || spaces.iter().all(|&space| part.space(space).is_none()) {
        return;
    }
    for db in [db, with] {
        keyspace.space_in(shard, part, db);
    }
    let (low, high) = (spaces[0].min(spaces[1]), spaces[0].max(spaces[1]));
    if let Some((one, other)) = part.two_spaces(low, high) {
        one.swap_items(other);
    }
}
