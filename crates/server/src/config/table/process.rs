//! Directives of the process: how it is started, watched and stopped.

use crate::config::directive::Directive;
use crate::config::kind::Kind;

const STOP: Kind = Kind::Set(&["default", "save", "nosave", "now", "force", "safe", "failover"]);

pub(super) const ROWS: &[Directive] = &[
    Directive::refused(
        "daemonize",
        Kind::Bool,
        "no",
        "Ramekin stays in the foreground: start it from systemd, a container or with `&`.",
    )
    .at_start(),
    Directive::used("pidfile", Kind::Text, "", "File that holds the process id while the server runs.")
        .at_start(),
    Directive::accepted(
        "supervised",
        Kind::Enum(&["upstart", "systemd", "auto", "no"]),
        "no",
        "Report readiness to a supervisor; with systemd use Type=simple.",
    )
    .at_start(),
    Directive::accepted(
        "shutdown-on-sigint",
        STOP,
        "default",
        "How SIGINT stops the server; it stops cleanly.",
    ),
    Directive::accepted(
        "shutdown-on-sigterm",
        STOP,
        "default",
        "How SIGTERM stops the server; it stops cleanly.",
    ),
    Directive::used("shutdown-timeout", Kind::COUNT, "10", "Seconds that a clean stop may take."),
    Directive::accepted("set-proc-title", Kind::Bool, "yes", "Name of the process.").at_start(),
    Directive::accepted(
        "proc-title-template",
        Kind::Text,
        "{title} {listen-addr} {server-mode}",
        "Form of the name of the process.",
    ),
    Directive::accepted(
        "oom-score-adj",
        Kind::Enum(&["no", "yes", "relative", "absolute"]),
        "no",
        "Tell the kernel whom to end first.",
    ),
    Directive::accepted("oom-score-adj-values", Kind::OomScores, "0 200 800", "Values of oom-score-adj."),
    Directive::accepted(
        "disable-thp",
        Kind::Bool,
        "yes",
        "Turn off transparent huge pages; without fork they do no harm.",
    )
    .at_start(),
    Directive::accepted("server-cpulist", Kind::Text, "", "Cores of the server; use `taskset`.")
        .alias("server_cpulist")
        .at_start(),
    Directive::accepted("bio-cpulist", Kind::Text, "", "Cores of background threads.")
        .alias("bio_cpulist")
        .at_start(),
    Directive::accepted("bgsave-cpulist", Kind::Text, "", "Cores of a snapshot.")
        .alias("bgsave_cpulist")
        .at_start(),
    Directive::accepted("aof-rewrite-cpulist", Kind::Text, "", "Cores of a rewrite.")
        .alias("aof_rewrite_cpulist")
        .at_start(),
    Directive::accepted("availability-zone", Kind::Text, "", "Zone that HELLO and INFO show."),
];
