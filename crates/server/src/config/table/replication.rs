//! Directives of replication and of Redis Cluster, neither of which is served yet.

use crate::config::directive::Directive;
use crate::config::kind::Kind;

const OF_REPLICATION: &str = "A setting of replication, which is not supported yet.";
const OF_CLUSTER: &str = "A setting of Redis Cluster, which is not supported yet.";
const POSITIVE: Kind = Kind::Int { min: 1, max: 0x7fff_ffff };

const fn replication(name: &'static str, kind: Kind, default: &'static str) -> Directive {
    Directive::accepted(name, kind, default, OF_REPLICATION)
}

const fn cluster(name: &'static str, kind: Kind, default: &'static str) -> Directive {
    Directive::accepted(name, kind, default, OF_CLUSTER)
}

pub(super) const ROWS: &[Directive] = &[
    Directive::refused(
        "replicaof",
        Kind::Text,
        "",
        "Replication is not supported yet: remove the line, and copy data with a client.",
    )
    .alias("slaveof")
    .at_start(),
    replication("primaryauth", Kind::Text, "").alias("masterauth").sensitive(),
    replication("primaryuser", Kind::Text, "").alias("masteruser"),
    Directive::refused(
        "min-replicas-to-write",
        Kind::COUNT,
        "0",
        "Replication is not supported yet: writes cannot wait for replicas.",
    )
    .alias("min-slaves-to-write"),
    replication("min-replicas-max-lag", Kind::COUNT, "10").alias("min-slaves-max-lag"),
    replication("replica-announce-ip", Kind::Text, "").alias("slave-announce-ip"),
    replication("replica-announce-port", Kind::PORT, "0").alias("slave-announce-port"),
    replication("replica-announced", Kind::Bool, "yes"),
    replication("replica-ignore-disk-write-errors", Kind::Bool, "no"),
    replication("replica-ignore-maxmemory", Kind::Bool, "yes").alias("slave-ignore-maxmemory"),
    replication("replica-lazy-flush", Kind::Bool, "yes").alias("slave-lazy-flush"),
    replication("replica-priority", Kind::COUNT, "100").alias("slave-priority"),
    replication("replica-read-only", Kind::Bool, "yes").alias("slave-read-only"),
    replication("replica-serve-stale-data", Kind::Bool, "yes").alias("slave-serve-stale-data"),
    replication("repl-backlog-size", Kind::Memory { min: 1, max: 0x7fff_ffff_ffff_ffff }, "10mb"),
    replication("repl-backlog-ttl", Kind::LONG, "3600"),
    replication("repl-disable-tcp-nodelay", Kind::Bool, "no"),
    replication(
        "repl-diskless-load",
        Kind::Enum(&["disabled", "on-empty-db", "swapdb", "flush-before-load"]),
        "disabled",
    ),
    replication("repl-diskless-sync", Kind::Bool, "yes"),
    replication("repl-diskless-sync-delay", Kind::COUNT, "5"),
    replication("repl-diskless-sync-max-replicas", Kind::COUNT, "0"),
    replication("repl-mptcp", Kind::Bool, "no").at_start(),
    replication("repl-ping-replica-period", POSITIVE, "10").alias("repl-ping-slave-period"),
    replication("repl-timeout", POSITIVE, "60"),
    replication("dual-channel-replication-enabled", Kind::Bool, "no"),
    replication(
        "propagation-error-behavior",
        Kind::Enum(&["ignore", "panic", "panic-on-replicas"]),
        "ignore",
    ),
    Directive::refused(
        "cluster-enabled",
        Kind::Bool,
        "no",
        "Redis Cluster is not supported yet: run one Ramekin, it uses all cores.",
    )
    .at_start(),
    cluster("cluster-allow-pubsubshard-when-down", Kind::Bool, "yes"),
    cluster("cluster-allow-reads-when-down", Kind::Bool, "no"),
    cluster("cluster-allow-replica-migration", Kind::Bool, "yes"),
    cluster("cluster-announce-bus-port", Kind::PORT, "0"),
    cluster("cluster-announce-client-ipv4", Kind::Text, ""),
    cluster("cluster-announce-client-ipv6", Kind::Text, ""),
    cluster("cluster-announce-client-port", Kind::PORT, "0"),
    cluster("cluster-announce-client-tls-port", Kind::PORT, "0"),
    cluster("cluster-announce-hostname", Kind::Text, ""),
    cluster("cluster-announce-human-nodename", Kind::Text, ""),
    cluster("cluster-announce-ip", Kind::Text, ""),
    cluster("cluster-announce-port", Kind::PORT, "0"),
    cluster("cluster-announce-tls-port", Kind::PORT, "0"),
    cluster("cluster-blacklist-ttl", Kind::LONG, "60"),
    cluster("cluster-config-file", Kind::Text, "nodes.conf").at_start(),
    cluster("cluster-config-save-behavior", Kind::Enum(&["sync", "best-effort"]), "sync"),
    cluster("cluster-databases", POSITIVE, "1").at_start(),
    cluster("cluster-link-sendbuf-limit", Kind::MEMORY, "0"),
    cluster("cluster-manual-failover-timeout", POSITIVE, "5000"),
    cluster("cluster-migration-barrier", Kind::COUNT, "1"),
    cluster("cluster-node-timeout", Kind::LONG, "15000"),
    cluster("cluster-port", Kind::PORT, "0").at_start(),
    cluster("cluster-preferred-endpoint-type", Kind::Enum(&["ip", "hostname", "unknown-endpoint"]), "ip"),
    cluster("cluster-replica-no-failover", Kind::Bool, "no").alias("cluster-slave-no-failover"),
    cluster("cluster-replica-validity-factor", Kind::COUNT, "10").alias("cluster-slave-validity-factor"),
    cluster("cluster-require-full-coverage", Kind::Bool, "yes"),
    cluster("cluster-slot-migration-log-max-len", Kind::LONG, "1000"),
    cluster("cluster-slot-stats-enabled", Kind::Bool, "no"),
    cluster("slot-migration-max-failover-repl-bytes", Kind::Int { min: -1, max: i64::MAX }, "0"),
];
