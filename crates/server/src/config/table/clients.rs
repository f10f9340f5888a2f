//! Directives of the network and of clients.

use crate::config::directive::Directive;
use crate::config::kind::Kind;

const GATE: Kind = Kind::Enum(&["no", "yes", "local"]);

pub(super) const ROWS: &[Directive] = &[
    Directive::used("bind", Kind::Addresses, "127.0.0.1 -::1", "Addresses to listen on; none turns TCP off.")
        .needs_restart(),
    Directive::used("port", Kind::PORT, "6379", "TCP port; 0 turns TCP off.").needs_restart(),
    Directive::used("tcp-backlog", Kind::COUNT, "511", "Connections that may wait to be accepted.")
        .at_start(),
    Directive::used("unixsocket", Kind::Text, "", "Path of a Unix socket to listen on.").at_start(),
    Directive::used(
        "unixsocketperm",
        Kind::Mode,
        "0",
        "Permissions of the Unix socket; 0 leaves them to the umask.",
    )
    .at_start(),
    Directive::accepted("unixsocketgroup", Kind::Text, "", "Group that owns the Unix socket.").at_start(),
    Directive::used(
        "protected-mode",
        Kind::Bool,
        "yes",
        "Refuse clients of other machines while no password is set.",
    ),
    Directive::used("requirepass", Kind::Text, "", "Password that clients give with AUTH.").sensitive(),
    Directive::used(
        "maxclients",
        Kind::Int { min: 1, max: 4_294_967_295 },
        "10000",
        "Connections at the same time.",
    ),
    Directive::used("timeout", Kind::COUNT, "0", "Seconds after which an idle client is closed; 0 is never."),
    Directive::used(
        "tcp-keepalive",
        Kind::COUNT,
        "300",
        "Seconds between probes of an idle connection; 0 is none.",
    ),
    Directive::used(
        "client-query-buffer-limit",
        Kind::Memory { min: 1 << 20, max: 0x7fff_ffff_ffff_ffff },
        "1gb",
        "Bytes of unread requests at which a client is closed.",
    ),
    Directive::used(
        "proto-max-bulk-len",
        Kind::Memory { min: 1 << 20, max: 0x7fff_ffff_ffff_ffff },
        "512mb",
        "Longest single argument, in bytes.",
    ),
    Directive::used(
        "client-output-buffer-limit",
        Kind::OutputLimits,
        "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
        "Bytes of unread replies at which a client is closed: class, hard limit, soft limit, seconds over the soft one.",
    ),
    Directive::used("io-threads", Kind::Cores, "cores", "Event loops; by default one for each usable core.")
        .needs_restart(),
    Directive::used(
        "enable-debug-command",
        GATE,
        "no",
        "Who may call DEBUG: nobody, all, or clients of this machine.",
    )
    .at_start(),
    Directive::used(
        "enable-protected-configs",
        GATE,
        "no",
        "Who may change protected directives with CONFIG SET.",
    )
    .at_start(),
    Directive::accepted("enable-module-command", GATE, "no", "Who may call MODULE; there are no modules.")
        .at_start(),
    Directive::used(
        "maxmemory-clients",
        Kind::MemoryOrPercent,
        "0",
        "Memory that the buffers of all clients may take, in bytes or as a share of `maxmemory`; above it the largest are closed. 0: no limit.",
    ),
    Directive::accepted(
        "max-new-connections-per-cycle",
        Kind::Int { min: 1, max: 1000 },
        "10",
        "Connections accepted at once.",
    ),
    Directive::accepted(
        "max-new-tls-connections-per-cycle",
        Kind::Int { min: 1, max: 1000 },
        "1",
        "TLS connections accepted at once.",
    ),
    Directive::accepted("mptcp", Kind::Bool, "no", "Multipath TCP.").at_start(),
    Directive::accepted("bind-source-addr", Kind::Text, "", "Address for connections that the server makes."),
    Directive::accepted("socket-mark-id", Kind::Int { min: 0, max: 4_294_967_295 }, "0", "Mark on sockets.")
        .at_start(),
    Directive::accepted(
        "prefetch-batch-max-size",
        Kind::Int { min: 0, max: 128 },
        "16",
        "Keys prefetched together; Ramekin prefetches each batch as a whole.",
    ),
    Directive::accepted(
        "tracking-table-max-keys",
        Kind::LONG,
        "1000000",
        "Keys remembered for client-side caching.",
    ),
    Directive::accepted("acllog-max-len", Kind::LONG, "128", "Entries of the ACL log."),
    Directive::accepted(
        "acl-pubsub-default",
        Kind::Enum(&["allchannels", "resetchannels"]),
        "resetchannels",
        "Channels that new users may use.",
    ),
    Directive::refused("aclfile", Kind::Text, "", "Files of users are not supported yet: set `requirepass`.")
        .at_start(),
    Directive::accepted(
        "extended-redis-compatibility",
        Kind::Bool,
        "no",
        "Present as Redis where Valkey differs.",
    ),
    Directive::refused("rdma-bind", Kind::Text, "", "RDMA is not supported: use `bind` and TCP.")
        .needs_restart(),
    Directive::accepted("rdma-port", Kind::PORT, "0", "RDMA port."),
    Directive::accepted(
        "rdma-rx-size",
        Kind::Int { min: 65536, max: 16_777_216 },
        "1048576",
        "RDMA receive buffer.",
    )
    .at_start(),
    Directive::accepted(
        "rdma-completion-vector",
        Kind::Int { min: -1, max: 1024 },
        "-1",
        "RDMA completion vector.",
    )
    .at_start(),
];
