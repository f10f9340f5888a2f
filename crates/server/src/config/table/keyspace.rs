//! Directives of memory, expiry, encodings and notifications.

use crate::config::directive::Directive;
use crate::config::kind::Kind;

const POLICIES: Kind = Kind::Enum(&[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
]);
const PERCENT: Kind = Kind::Int { min: 1, max: 99 };

pub(super) const ROWS: &[Directive] = &[
    Directive::used("databases", Kind::Int { min: 1, max: 65_536 }, "16", "Numbered databases.").at_start(),
    Directive::used(
        "maxmemory",
        Kind::Memory { min: 0, max: u64::MAX },
        "0",
        "Bytes of memory that the process may use before it evicts or refuses; 0: no limit.",
    ),
    Directive::used("maxmemory-policy", POLICIES, "noeviction", "What to evict at maxmemory."),
    Directive::used(
        "maxmemory-samples",
        Kind::Int { min: 1, max: 64 },
        "5",
        "Keys that an eviction adds to those it chooses from.",
    ),
    Directive::accepted(
        "maxmemory-eviction-tenacity",
        Kind::Int { min: 0, max: 100 },
        "10",
        "Effort of an eviction; here each command evicts a bounded number of keys, and the sweeper the rest.",
    ),
    Directive::used("lfu-log-factor", Kind::COUNT, "10", "How slowly the counter of OBJECT FREQ grows."),
    Directive::used(
        "lfu-decay-time",
        Kind::COUNT,
        "1",
        "Minutes after which the counter of OBJECT FREQ shrinks.",
    ),
    Directive::used(
        "query-timeout",
        Kind::COUNT,
        "30000",
        "Milliseconds after which a query is given up; 0: none is.",
    ),
    Directive::used("hz", Kind::Frequency, "10", "Background rounds a second: expiry, idle clients."),
    Directive::used(
        "active-expire-effort",
        Kind::Int { min: 1, max: 10 },
        "1",
        "Effort of the sweep for expired keys.",
    ),
    Directive::used("notify-keyspace-events", Kind::Events, "", "Classes of keyspace events to publish."),
    Directive::used(
        "list-max-listpack-size",
        Kind::Int { min: -2_147_483_648, max: 0x7fff_ffff },
        "-2",
        "Size of a packed list: elements, or -1 to -5 for 4 to 64 kb.",
    )
    .alias("list-max-ziplist-size"),
    Directive::used("hash-max-listpack-entries", Kind::LONG, "512", "Fields up to which a hash is packed.")
        .alias("hash-max-ziplist-entries"),
    Directive::used(
        "hash-max-listpack-value",
        Kind::MEMORY,
        "64",
        "Longest field or value of a packed hash.",
    )
    .alias("hash-max-ziplist-value"),
    Directive::used(
        "compression",
        Kind::Enum(&["none", "lz4", "zstd"]),
        "none",
        "How strings and records are kept that are set from now on, in memory and on disk, where that makes them smaller by an eighth; what is there already stays as it is. zstd makes texts smaller than lz4, at several times the work.",
    ),
    Directive::used(
        "compression-min-bytes",
        Kind::MEMORY,
        "64",
        "Values from this length on are compressed.",
    ),
    Directive::used(
        "set-max-intset-entries",
        Kind::LONG,
        "512",
        "Members up to which a set of integers is packed.",
    ),
    Directive::used("set-max-listpack-entries", Kind::LONG, "128", "Members up to which a set is packed."),
    Directive::used("set-max-listpack-value", Kind::LONG, "64", "Longest member of a packed set."),
    Directive::used(
        "zset-max-listpack-entries",
        Kind::LONG,
        "128",
        "Members up to which a sorted set is packed.",
    )
    .alias("zset-max-ziplist-entries"),
    Directive::used("zset-max-listpack-value", Kind::MEMORY, "64", "Longest member of a packed sorted set.")
        .alias("zset-max-ziplist-value"),
    Directive::accepted("list-compress-depth", Kind::COUNT, "0", "Ends of a list that are not compressed."),
    Directive::accepted(
        "hll-sparse-max-bytes",
        Kind::MEMORY,
        "3000",
        "Bytes up to which a HyperLogLog is sparse.",
    ),
    Directive::accepted("stream-node-max-bytes", Kind::MEMORY, "4096", "Bytes of a block of a stream."),
    Directive::accepted("stream-node-max-entries", Kind::LONG, "100", "Entries of a block of a stream."),
    Directive::used("lazyfree-lazy-eviction", Kind::Bool, "yes", "Free evicted values in the background."),
    Directive::used("lazyfree-lazy-expire", Kind::Bool, "yes", "Free expired values in the background."),
    Directive::used(
        "lazyfree-lazy-server-del",
        Kind::Bool,
        "yes",
        "Free overwritten values in the background.",
    ),
    Directive::used(
        "lazyfree-lazy-user-del",
        Kind::Bool,
        "yes",
        "Let DEL free values in the background, as UNLINK does.",
    ),
    Directive::used(
        "lazyfree-lazy-user-flush",
        Kind::Bool,
        "yes",
        "Let FLUSHALL and FLUSHDB free in the background unless told SYNC.",
    ),
    Directive::accepted(
        "activedefrag",
        Kind::Bool,
        "no",
        "Defragment memory; the allocator of Ramekin needs none.",
    ),
    Directive::accepted("active-defrag-cycle-max", PERCENT, "25", "Effort of defragmenting."),
    Directive::accepted("active-defrag-cycle-min", PERCENT, "1", "Effort of defragmenting."),
    Directive::accepted(
        "active-defrag-cycle-us",
        Kind::Int { min: 0, max: 100_000 },
        "500",
        "Length of a round of defragmenting.",
    ),
    Directive::accepted(
        "active-defrag-ignore-bytes",
        Kind::MEMORY,
        "100mb",
        "Waste at which defragmenting starts.",
    ),
    Directive::accepted(
        "active-defrag-max-scan-fields",
        Kind::Int { min: 1, max: i64::MAX },
        "1000",
        "Fields defragmented at once.",
    ),
    Directive::accepted(
        "active-defrag-threshold-lower",
        Kind::Int { min: 0, max: 1000 },
        "10",
        "Waste at which defragmenting starts.",
    ),
    Directive::accepted(
        "active-defrag-threshold-upper",
        Kind::Int { min: 0, max: 1000 },
        "100",
        "Waste at which defragmenting is at its fullest.",
    ),
    Directive::accepted(
        "activerehashing",
        Kind::Bool,
        "yes",
        "Rehash in the background; tables here grow bucket by bucket.",
    ),
    Directive::accepted(
        "jemalloc-bg-thread",
        Kind::Bool,
        "yes",
        "A thread of jemalloc, which is not used here.",
    ),
    Directive::accepted(
        "hash-seed",
        Kind::Text,
        "",
        "Seed of the hash of keys; Ramekin keeps its own in the data folder.",
    )
    .at_start()
    .sensitive(),
    Directive::accepted("locale-collate", Kind::Text, "", "Collation of SORT ALPHA; strings sort by bytes."),
    Directive::accepted("import-mode", Kind::Bool, "no", "Keep expired keys while importing."),
    Directive::accepted(
        "busy-reply-threshold",
        Kind::LONG,
        "5000",
        "Milliseconds after which a script is busy.",
    )
    .alias("lua-time-limit"),
];
