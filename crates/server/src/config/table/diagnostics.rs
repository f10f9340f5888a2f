//! Directives of the server's own log, the command log and latency.

use crate::config::directive::Directive;
use crate::config::kind::Kind;

const OR_OFF: Kind = Kind::Int { min: -1, max: i64::MAX };

pub(super) const ROWS: &[Directive] = &[
    Directive::used(
        "loglevel",
        Kind::Enum(&["debug", "verbose", "notice", "warning", "nothing"]),
        "notice",
        "The least that is logged.",
    ),
    Directive::used("logfile", Kind::Text, "", "File of the server's messages; empty is standard output.")
        .at_start(),
    Directive::accepted(
        "log-format",
        Kind::Enum(&["legacy", "logfmt", "json"]),
        "legacy",
        "Form of messages.",
    ),
    Directive::accepted(
        "log-timestamp-format",
        Kind::Enum(&["legacy", "iso8601", "milliseconds"]),
        "legacy",
        "Form of times in messages.",
    ),
    Directive::accepted(
        "hide-user-data-from-log",
        Kind::Bool,
        "yes",
        "Keep data out of messages; Ramekin always does.",
    ),
    Directive::accepted("syslog-enabled", Kind::Bool, "no", "Send messages to syslog.").at_start(),
    Directive::accepted("syslog-ident", Kind::Text, "valkey", "Name for syslog.").at_start(),
    Directive::accepted(
        "syslog-facility",
        Kind::Enum(&["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]),
        "local0",
        "Facility of syslog.",
    )
    .at_start(),
    Directive::accepted("crash-log-enabled", Kind::Bool, "yes", "Report of a crash."),
    Directive::accepted("crash-memcheck-enabled", Kind::Bool, "yes", "Memory test after a crash."),
    Directive::accepted("always-show-logo", Kind::Bool, "no", "Show a logo at start.").at_start(),
    Directive::accepted("ignore-warnings", Kind::Text, "", "Warnings of the system to leave out."),
    Directive::used(
        "commandlog-execution-slower-than",
        OR_OFF,
        "10000",
        "Microseconds from which a command enters the slow log; -1 turns it off.",
    )
    .alias("slowlog-log-slower-than"),
    Directive::used("commandlog-slow-execution-max-len", Kind::LONG, "128", "Entries of the slow log.")
        .alias("slowlog-max-len"),
    Directive::used(
        "commandlog-request-larger-than",
        OR_OFF,
        "1048576",
        "Bytes from which a request is logged.",
    ),
    Directive::used(
        "commandlog-large-request-max-len",
        Kind::LONG,
        "128",
        "Entries of the log of large requests.",
    ),
    Directive::used("commandlog-reply-larger-than", OR_OFF, "1048576", "Bytes from which a reply is logged."),
    Directive::used(
        "commandlog-large-reply-max-len",
        Kind::LONG,
        "128",
        "Entries of the log of large replies.",
    ),
    Directive::used(
        "latency-monitor-threshold",
        Kind::LONG,
        "0",
        "Milliseconds from which LATENCY keeps an event; 0 turns it off.",
    ),
    Directive::accepted("latency-tracking", Kind::Bool, "yes", "Percentiles of each command's time."),
    Directive::accepted(
        "latency-tracking-info-percentiles",
        Kind::Percentiles,
        "50 99 99.9",
        "Percentiles that INFO shows.",
    ),
];
