//! INFO about the server itself: its versions, clients, role and processor time.

use super::connection::REDIS_VERSION;
use super::info::Fields;
use crate::server::Server;
use crate::system;
use ramekin::Database;
use std::sync::atomic::Ordering::Relaxed;

const SECONDS_A_DAY: u64 = 86_400;

pub(super) fn server(server: &Server, _: &Database, fields: &mut Fields) {
    let (config, uname) = (server.config.snapshot(), rustix::system::uname());
    let now_us = server.now_us();
    let up_s = (now_us / 1000).saturating_sub(server.started_ms) / 1000;
    fields.add("redis_version", REDIS_VERSION);
    fields.add("server_name", "ramekin");
    fields.add("ramekin_version", env!("CARGO_PKG_VERSION"));
    fields.add("redis_git_sha1", "00000000");
    fields.add("redis_git_dirty", 0);
    fields.add("redis_build_id", 0);
    fields.add("server_mode", "standalone");
    fields.add("redis_mode", "standalone");
    let (sysname, release, machine) = (uname.sysname(), uname.release(), uname.machine());
    let words = [sysname, release, machine].map(|word| word.to_string_lossy().into_owned());
    fields.add("os", words.join(" "));
    fields.add("arch_bits", usize::BITS);
    fields.add("monotonic_clock", "quanta");
    fields.add("multiplexing_api", system::MULTIPLEXING);
    fields.add("process_id", std::process::id());
    fields.add("process_supervised", "no");
    fields.add("run_id", &server.run_id);
    fields.add("tcp_port", config.port());
    fields.add("server_time_usec", now_us);
    fields.add("uptime_in_seconds", up_s);
    fields.add("uptime_in_days", up_s / SECONDS_A_DAY);
    for name in ["hz", "configured_hz", "clients_hz"] {
        fields.add(name, config.hz());
    }
    fields.add("lru_clock", (now_us / 1_000_000) & 0xFF_FFFF);
    let executable = std::env::current_exe().unwrap_or_default();
    fields.add("executable", executable.display());
    let file = server.config.file().map(|path| path.display().to_string());
    fields.add("config_file", file.unwrap_or_default());
    fields.add("io_threads_active", u8::from(config.io_threads() > 1));
    if config.port() != 0 {
        let bind: Vec<String> =
            config.bind().iter().map(|address| format!("bind={}", address.host)).collect();
        fields.add("listener0", format!("name=tcp,{},port={}", bind.join(","), config.port()));
    }
    if let Some(path) = config.unixsocket() {
        fields.add("listener1", format!("name=unix,bind={}", path.display()));
    }
}

pub(super) fn clients(server: &Server, db: &Database, fields: &mut Fields) {
    let clients = server.clients.all();
    let largest = |bytes: &dyn Fn(&crate::clients::Client) -> u64| {
        clients.iter().map(|client| bytes(client)).max().unwrap_or_default()
    };
    let input = largest(&|client| client.query_bytes.load(Relaxed));
    let output = largest(&|client| client.output_bytes.load(Relaxed));
    let awaited = db.awaited();
    fields.add("connected_clients", server.clients.len());
    fields.add("cluster_connections", 0);
    fields.add("maxclients", server.config.snapshot().maxclients());
    fields.add("client_recent_max_input_buffer", input);
    fields.add("client_recent_max_output_buffer", output);
    fields.add("client_longest_output_list", 0);
    fields.add("client_biggest_input_buf", input);
    fields.add("blocked_clients", server.clients.blocked.load(Relaxed));
    fields.add_zeros(&["tracking_clients", "pubsub_clients"]);
    let watching = clients.iter().filter(|client| client.watching.load(Relaxed) != 0).count();
    fields.add("watching_clients", watching);
    fields.add("clients_in_timeout_table", server.clients.blocked.load(Relaxed));
    fields.add("total_watched_keys", awaited.watched);
    fields.add("total_blocking_keys", awaited.blocking);
    fields.add("total_blocking_keys_on_nokey", 0);
    let now_ms = server.db.now_ms();
    let (paused, actions) = match (server.pause.holds(false, now_ms), server.pause.holds(true, now_ms)) {
        (true, _) => ("client_pause", "all"),
        (_, true) => ("client_pause", "write"),
        _ => ("none", "none"),
    };
    fields.add("paused_reason", paused);
    fields.add("paused_actions", actions);
    fields.add("paused_timeout_milliseconds", server.pause.left_ms(now_ms));
}

pub(super) fn replication(server: &Server, db: &Database, fields: &mut Fields) {
    fields.add("role", "master");
    fields.add_zeros(&["connected_slaves", "replicas_waiting_psync"]);
    fields.add("master_failover_state", "no-failover");
    fields.add("master_replid", &server.run_id);
    fields.add("master_replid2", "0".repeat(40));
    fields.add("master_repl_offset", db.last_lsn());
    fields.add("second_repl_offset", -1);
    fields.add_zeros(&[
        "repl_backlog_active",
        "repl_backlog_size",
        "repl_backlog_first_byte_offset",
        "repl_backlog_histlen",
    ]);
}

pub(super) fn cpu(_: &Server, _: &Database, fields: &mut Fields) {
    let (all, main) = (system::cpu(), system::cpu_of_main_thread());
    let times = [
        ("used_cpu_sys", all.system),
        ("used_cpu_user", all.user),
        ("used_cpu_sys_children", all.system_children),
        ("used_cpu_user_children", all.user_children),
        ("used_cpu_sys_main_thread", main.system),
        ("used_cpu_user_main_thread", main.user),
    ];
    for (name, seconds) in times {
        fields.add(name, format_args!("{seconds:.6}"));
    }
}
