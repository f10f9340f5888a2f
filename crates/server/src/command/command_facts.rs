//! What COMMAND INFO says of a row beyond the row itself: names of flags, categories, how keys are found and used.
//!
//! Most of it follows from flags and group by rule; the tables below hold what does not.

use crate::session::Replier;
use ramekin::Reply;
use ramekin::command::{Keys, Spec, flag};

/// Commands that may be run while a script takes too long.
const ALLOW_BUSY: &[&str] = &[
    "auth",
    "client|caching",
    "client|capa",
    "client|getname",
    "client|getredir",
    "client|id",
    "client|no-evict",
    "client|no-touch",
    "client|reply",
    "client|setinfo",
    "client|setname",
    "discard",
    "hello",
    "multi",
    "quit",
    "reset",
    "select",
    "shutdown",
    "unwatch",
    "watch",
];

/// Commands that a transaction refuses or cannot hold.
const NO_MULTI: &[&str] = &[
    "backup",
    "client|reply",
    "evict",
    "flush",
    "multi",
    "quarantine|list",
    "quarantine|retry",
    "quarantine|skip",
    "save",
    "shutdown",
    "watch",
];

/// Commands with `admin` or `dangerous` things about them that their flags do not say.
const DANGEROUS: &[&str] = &[
    "flushall",
    "flushdb",
    "info",
    "keys",
    "lastsave",
    "restore",
    "restore-asking",
    "role",
    "sort",
    "sort_ro",
    "swapdb",
];

/// How keys are used where it is not the rule of [`default_access`]; one entry for each key in turn.
const ACCESS: &[(&str, &[&str])] = &[
    ("append", &["RW insert"]),
    ("blmove", &["RW access delete", "RW insert"]),
    ("blmpop", &["RW access delete"]),
    ("blpop", &["RW access delete"]),
    ("brpop", &["RW access delete"]),
    ("brpoplpush", &["RW access delete", "RW insert"]),
    ("copy", &["RO access", "OW update"]),
    ("decr", &["RW access update"]),
    ("decrby", &["RW access update"]),
    ("del", &["RM delete"]),
    ("delifeq", &["RM delete"]),
    ("exists", &["RO"]),
    ("getdel", &["RW access delete"]),
    ("getex", &["RW access update"]),
    ("getset", &["RW access update"]),
    ("hdel", &["RW delete"]),
    ("hexists", &["RO"]),
    ("hgetdel", &["RW access delete"]),
    ("hgetex", &["RW access update"]),
    ("hincrby", &["RW access update"]),
    ("hincrbyfloat", &["RW access update"]),
    ("hlen", &["RO"]),
    ("hsetex", &["RW insert"]),
    ("hsetnx", &["RW insert"]),
    ("hstrlen", &["RO"]),
    ("incr", &["RW access update"]),
    ("incrby", &["RW access update"]),
    ("incrbyfloat", &["RW access update"]),
    ("linsert", &["RW insert"]),
    ("llen", &["RO"]),
    ("lmove", &["RW access delete", "RW insert"]),
    ("lmpop", &["RW access delete"]),
    ("lpop", &["RW access delete"]),
    ("lpush", &["RW insert"]),
    ("lpushx", &["RW insert"]),
    ("lrem", &["RW delete"]),
    ("lsize", &["RO"]),
    ("ltrim", &["RW delete"]),
    ("memory|usage", &["RO"]),
    ("move", &["RW access update"]),
    ("mset", &["OW update"]),
    ("msetex", &["OW update"]),
    ("msetnx", &["OW insert"]),
    ("object|encoding", &["RO"]),
    ("object|freq", &["RO"]),
    ("object|idletime", &["RO"]),
    ("object|refcount", &["RO"]),
    ("psetex", &["OW update"]),
    ("rename", &["RW access delete", "OW update"]),
    ("renamenx", &["RW access delete", "OW insert"]),
    ("restore", &["OW update"]),
    ("restore-asking", &["OW update"]),
    ("rpop", &["RW access delete"]),
    ("rpoplpush", &["RW access delete", "RW insert"]),
    ("rpush", &["RW insert"]),
    ("rpushx", &["RW insert"]),
    ("set", &["RW access update variable_flags"]),
    ("setex", &["OW update"]),
    ("setnx", &["OW insert"]),
    ("sort", &["RO access", "RO access", "OW update"]),
    ("sort_ro", &["RO access", "RO access"]),
    ("strlen", &["RO"]),
    ("touch", &["RO"]),
    ("type", &["RO"]),
    ("unlink", &["RM delete"]),
    ("watch", &["RO"]),
];

const NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];
const MULTI_SHARD_SUM: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
const MULTI_SHARD: &[&str] = &["request_policy:multi_shard", "response_policy:all_succeeded"];
const VARIES: &[&str] = &["nondeterministic_output"];
const ORDER_VARIES: &[&str] = &["nondeterministic_output_order"];
const LATENCY: &[&str] = &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];
const MEMORY: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];
const LOG_LEN: &[&str] = &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"];
const LOG_GET: &[&str] = &["request_policy:all_nodes", "nondeterministic_output"];
const WAIT: &[&str] = &["request_policy:all_shards", "response_policy:agg_min"];

/// Hints for clients and proxies.
const TIPS: &[(&str, &[&str])] = &[
    ("client|info", VARIES),
    ("client|list", VARIES),
    ("client|setinfo", NODES),
    ("client|setname", NODES),
    ("command", ORDER_VARIES),
    ("command|docs", ORDER_VARIES),
    ("command|info", ORDER_VARIES),
    ("command|list", ORDER_VARIES),
    ("commandlog|get", LOG_GET),
    ("commandlog|len", LOG_LEN),
    ("commandlog|reset", NODES),
    ("config|resetstat", NODES),
    ("config|rewrite", NODES),
    ("config|set", NODES),
    ("dbsize", &["request_policy:all_shards", "response_policy:agg_sum"]),
    ("del", MULTI_SHARD_SUM),
    ("dump", VARIES),
    ("exists", MULTI_SHARD_SUM),
    ("flushall", SHARDS),
    ("flushdb", SHARDS),
    ("hgetall", ORDER_VARIES),
    ("hkeys", ORDER_VARIES),
    ("hrandfield", VARIES),
    ("hscan", VARIES),
    ("hvals", ORDER_VARIES),
    ("info", MEMORY),
    ("keys", &["request_policy:all_shards", "nondeterministic_output_order"]),
    ("lastsave", VARIES),
    ("latency|doctor", LATENCY),
    ("latency|graph", LATENCY),
    ("latency|histogram", LATENCY),
    ("latency|history", LATENCY),
    ("latency|latest", LATENCY),
    ("latency|reset", &["request_policy:all_nodes", "response_policy:agg_sum"]),
    ("memory|doctor", MEMORY),
    ("memory|malloc-stats", MEMORY),
    ("memory|purge", SHARDS),
    ("memory|stats", MEMORY),
    ("mget", &["request_policy:multi_shard"]),
    ("mset", MULTI_SHARD),
    ("msetex", MULTI_SHARD),
    ("object|encoding", VARIES),
    ("object|freq", VARIES),
    ("object|idletime", VARIES),
    ("object|refcount", VARIES),
    ("ping", SHARDS),
    ("pttl", VARIES),
    ("randomkey", &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]),
    ("scan", &["nondeterministic_output", "request_policy:special", "response_policy:special"]),
    ("slowlog|get", LOG_GET),
    ("slowlog|len", LOG_LEN),
    ("slowlog|reset", NODES),
    ("time", VARIES),
    ("touch", MULTI_SHARD_SUM),
    ("ttl", VARIES),
    ("unlink", MULTI_SHARD_SUM),
    ("wait", WAIT),
    ("waitaof", WAIT),
];

/// The names of a row's flags.
pub(super) fn flags(spec: &Spec) -> Vec<&'static str> {
    let named = |set: &[(u32, &'static str)]| {
        set.iter().filter(|(bit, _)| spec.is(*bit)).map(|(_, name)| *name).collect::<Vec<_>>()
    };
    let mut flags = named(&[
        (flag::WRITE, "write"),
        (flag::READONLY, "readonly"),
        (flag::DENYOOM, "denyoom"),
        (flag::ADMIN, "admin"),
        (flag::PUBSUB, "pubsub"),
        (flag::NOSCRIPT, "noscript"),
        (flag::BLOCKING, "blocking"),
        (flag::LOADING, "loading"),
        (flag::STALE, "stale"),
        (flag::SKIP_MONITOR, "skip_monitor"),
        (flag::SKIP_SLOWLOG, "skip_commandlog"),
        (flag::NO_ASYNC_LOADING, "no_async_loading"),
        (flag::ASKING, "asking"),
        (flag::FAST, "fast"),
        (flag::NO_AUTH, "no_auth"),
        (flag::MOVABLE_KEYS, "movablekeys"),
    ]);
    if NO_MULTI.contains(&spec.name) {
        flags.push("no_multi");
    }
    if ALLOW_BUSY.contains(&spec.name) {
        flags.push("allow_busy");
    }
    flags
}

/// The categories of access control that a row belongs to.
pub(super) fn categories(spec: &Spec) -> Vec<&'static str> {
    let root = spec.name.split('|').next().unwrap_or_default();
    let is_container = spec.is(flag::CONTAINER);
    let group = if is_container { "" } else { spec.group };
    let connection = group == "connection" || matches!(root, "command" | "readonly" | "readwrite");
    let sorts = sorts(spec);
    let keyspace = group == "generic" && !sorts && !matches!(root, "wait" | "waitaof")
        || matches!(root, "flushall" | "flushdb" | "swapdb" | "dbsize" | "restore-asking");
    let admin = spec.is(flag::ADMIN) || matches!(root, "role" | "lastsave");
    [
        ("keyspace", keyspace),
        ("read", spec.is(flag::READONLY)),
        ("write", spec.is(flag::WRITE)),
        ("set", sorts),
        ("sortedset", sorts),
        ("list", group == "list" || sorts),
        ("hash", group == "hash"),
        ("string", group == "string"),
        ("pubsub", spec.is(flag::PUBSUB)),
        ("admin", admin),
        ("fast", spec.is(flag::FAST)),
        ("slow", !spec.is(flag::FAST)),
        ("blocking", spec.is(flag::BLOCKING)),
        ("dangerous", admin || DANGEROUS.contains(&spec.name)),
        ("connection", connection || matches!(root, "wait" | "waitaof" | "waitstore")),
        ("transaction", group == "transactions"),
    ]
    .into_iter()
    .filter_map(|(name, is)| is.then_some(name))
    .collect()
}

/// Hints for clients and proxies.
pub(super) fn tips(name: &str) -> &'static [&'static str] {
    TIPS.iter().find(|(of, _)| *of == name).map_or(&[], |(_, tips)| tips)
}

/// First key, last key and step, for clients that know no key specifications.
pub(super) fn legacy_range(spec: &Spec) -> (i64, i64, i64) {
    let position = |at: usize| i64::try_from(at).unwrap_or_default();
    match spec.keys {
        Keys::At(at) => (position(at), position(at), 1),
        Keys::Range { first, last, step } => (position(first), i64::from(last), position(step)),
        Keys::Found(_) if sorts(spec) => (1, 1, 1),
        Keys::None | Keys::Counted(_) | Keys::Found(_) | Keys::Records(_) | Keys::Table(_) => (0, 0, 0),
    }
}

/// SORT and SORT_RO: the first key is at its place, others are named by BY, GET and STORE.
pub(super) fn sorts(spec: &Spec) -> bool {
    spec.name.starts_with("sort")
}

fn default_access(spec: &Spec) -> &'static str {
    if spec.is(flag::WRITE) { "RW update" } else { "RO access" }
}

fn accesses(spec: &Spec) -> Option<&'static [&'static str]> {
    ACCESS.iter().find(|(of, _)| *of == spec.name).map(|(_, accesses)| *accesses)
}

/// How a command with these arguments uses its key of this number, from 0.
pub(super) fn access(spec: &Spec, args: &[&[u8]], nth: usize) -> &'static str {
    let reads = |arg: &&[u8]| arg.eq_ignore_ascii_case(b"get") || arg.eq_ignore_ascii_case(b"ifeq");
    match spec.name {
        "set" if args.iter().skip(3).any(reads) => "RW access update",
        "set" => "OW update",
        // Patterns name no keys that could be told; the second is the destination.
        "sort" if nth > 0 => "OW update",
        _ => accesses(spec).map_or(default_access(spec), |all| all[nth.min(all.len() - 1)]),
    }
}

/// Where keys begin and how they are found from there.
pub(super) struct KeySpec {
    access: &'static str,
    find: Find,
}

enum Find {
    /// From an argument on: last key (from there, or from the end if negative), step.
    Range { index: i64, last: i64, step: i64 },
    /// A count at an argument, and keys behind it.
    Count { index: i64, step: i64 },
    /// By words that only the command itself understands.
    Unknown,
}

/// How the keys of a row are found, in as many steps as there are ways of using them.
pub(super) fn key_specs(spec: &Spec) -> Vec<KeySpec> {
    let position = |at: usize| i64::try_from(at).unwrap_or_default();
    let accesses = accesses(spec).map_or_else(|| vec![default_access(spec)], <[_]>::to_vec);
    let first = accesses[0];
    let one = |find| vec![KeySpec { access: first, find }];
    match spec.keys {
        Keys::None | Keys::Table(_) => Vec::new(),
        // Made of two arguments.
        Keys::Records(_) => one(Find::Unknown),
        _ if sorts(spec) => (0..)
            .zip(accesses)
            .map(|(nth, access)| {
                let find = if nth == 0 { Find::Range { index: 1, last: 0, step: 1 } } else { Find::Unknown };
                KeySpec { access, find }
            })
            .collect(),
        Keys::At(at) => one(Find::Range { index: position(at), last: 0, step: 1 }),
        Keys::Counted(at) => one(Find::Count { index: position(at), step: 1 }),
        Keys::Range { first, .. } if accesses.len() > 1 => (first..)
            .zip(accesses)
            .map(|(at, access)| KeySpec {
                access,
                find: Find::Range { index: position(at), last: 0, step: 1 },
            })
            .collect(),
        Keys::Range { first, last, step } => {
            let last = if last < 0 { i64::from(last) } else { i64::from(last) - position(first) };
            one(Find::Range { index: position(first), last, step: position(step) })
        }
        // A count behind the name, or behind a timeout, and then keys, or keys and values.
        Keys::Found(_) => {
            let step = if spec.name == "msetex" { 2 } else { 1 };
            one(Find::Count { index: if spec.is(flag::BLOCKING) { 2 } else { 1 }, step })
        }
    }
}

impl KeySpec {
    /// As COMMAND INFO has it.
    pub(super) fn write(&self, out: &mut Replier<'_>) {
        out.map(3);
        out.bulk(b"flags");
        let words = self.access.split(' ');
        out.set(words.clone().count());
        words.for_each(|word| out.simple(word));
        let (begin, find, index): (&str, &str, _) = match self.find {
            Find::Range { index, .. } => ("index", "range", Some(index)),
            Find::Count { index, .. } => ("index", "keynum", Some(index)),
            Find::Unknown => ("unknown", "unknown", None),
        };
        step(out, "begin_search", begin, index.map(|index| ("index", index)).as_slice());
        match self.find {
            Find::Range { last, step: by, .. } => {
                step(out, "find_keys", find, &[("lastkey", last), ("keystep", by), ("limit", 0)]);
            }
            Find::Count { step: by, .. } => {
                step(out, "find_keys", find, &[("keynumidx", 0), ("firstkey", 1), ("keystep", by)]);
            }
            Find::Unknown => step(out, "find_keys", find, &[]),
        }
    }
}

fn step(out: &mut Replier<'_>, name: &str, kind: &str, numbers: &[(&str, i64)]) {
    out.bulk(name.as_bytes());
    out.map(2);
    out.bulk(b"type");
    out.bulk(kind.as_bytes());
    out.bulk(b"spec");
    out.map(numbers.len());
    for (name, number) in numbers {
        out.bulk(name.as_bytes());
        out.int(*number);
    }
}
