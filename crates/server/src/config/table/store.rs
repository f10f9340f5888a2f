//! Directives of the store behind, and of namespaces.

use crate::config::directive::Directive;
use crate::config::kind::Kind;

pub(super) const ROWS: &[Directive] = &[
    Directive::used(
        "store",
        Kind::Address,
        "",
        "The database in which all data settles and from which evicted keys come back: `postgresql://user@host/name`, `redis://host/0`, `sqlite:PATH`, or nothing.",
    )
    .needs_restart()
    .sensitive(),
    Directive::used(
        "flush-interval",
        Kind::Seconds,
        "30",
        "Seconds, or fractions of one, after which a change has settled in the store at the latest.",
    ),
    Directive::used(
        "flush-bytes",
        Kind::MEMORY,
        "16mb",
        "Changes settle sooner once so many bytes are unsettled.",
    ),
    Directive::used(
        "evict-interval",
        Kind::Seconds,
        "60",
        "Seconds after which a key that has settled and was not used leaves memory; 0: only when memory is short.",
    ),
    Directive::used(
        "max-connections",
        Kind::Int { min: 5, max: 1000 },
        "10",
        "Connections to the store: two that settle, two that look after it and own it, the others fetch rows.",
    ),
    Directive::used(
        "store-unsettled-max",
        Kind::MEMORY,
        "1gb",
        "So many bytes of changes may wait for the store.",
    ),
    Directive::used(
        "store-unsettled-policy",
        Kind::Enum(&["wait", "refuse"]),
        "wait",
        "What becomes of writes beyond that: they wait, or are refused with STOREFULL.",
    ),
    Directive::used(
        "store-quarantine-max",
        Kind::MEMORY,
        "64mb",
        "Rows that the store refuses are set aside, up to so many bytes.",
    ),
    Directive::used(
        "store-poll-interval",
        Kind::Seconds,
        "0.5",
        "Seconds between two looks for what others have changed in the store.",
    ),
    Directive::used(
        "store-flush",
        Kind::Bool,
        "no",
        "Whether FLUSHALL and FLUSHDB may remove the rows of the store.",
    ),
    Directive::used(
        "store-read-only",
        Kind::Bool,
        "no",
        "Only look at the store: nothing can be changed, here or there.",
    )
    .needs_restart(),
    Directive::used(
        "store-attach",
        Kind::Enum(&["no", "memory", "store"]),
        "no",
        "For one start: take a store that is another folder's or is not as this folder knows it. `memory` writes all that is in memory to it, `store` drops what is in memory.",
    )
    .needs_restart(),
    Directive::used(
        "namespace-idle-timeout",
        Kind::Seconds,
        "60",
        "Seconds after which a namespace that no connection is in is closed; it is opened again when it is used.",
    ),
    Directive::used(
        "store-detach",
        Kind::Bool,
        "no",
        "For one start without `store`: the folder has no store any more, and what was evicted is only there.",
    )
    .needs_restart(),
];
