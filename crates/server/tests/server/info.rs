//! INFO.

use super::harness::{Client, Server};
use std::collections::HashMap;

/// What monitoring tools read (redis_exporter's list for a single server) and has to be there with a number or a word.
const READ_BY_TOOLS: &[&str] = &[
    "acl_access_denied_auth",
    "active_defrag_hits",
    "active_defrag_running",
    "allocator_active",
    "allocator_allocated",
    "allocator_frag_bytes",
    "allocator_frag_ratio",
    "allocator_resident",
    "allocator_rss_bytes",
    "allocator_rss_ratio",
    "aof_base_size",
    "aof_buffer_length",
    "aof_current_rewrite_time_sec",
    "aof_current_size",
    "aof_delayed_fsync",
    "aof_enabled",
    "aof_last_bgrewrite_status",
    "aof_last_cow_size",
    "aof_last_rewrite_time_sec",
    "aof_last_write_status",
    "aof_pending_bio_fsync",
    "aof_pending_rewrite",
    "aof_rewrite_buffer_length",
    "aof_rewrite_in_progress",
    "aof_rewrite_scheduled",
    "blocked_clients",
    "client_biggest_input_buf",
    "client_longest_output_list",
    "client_recent_max_input_buffer",
    "client_recent_max_output_buffer",
    "clients_in_timeout_table",
    "cluster_enabled",
    "connected_clients",
    "connected_slaves",
    "dump_payload_sanitizations",
    "evicted_clients",
    "evicted_keys",
    "expire_cycle_cpu_milliseconds",
    "expired_keys",
    "expired_stale_perc",
    "expired_subkeys",
    "expired_time_cap_reached_count",
    "instantaneous_input_kbps",
    "instantaneous_ops_per_sec",
    "instantaneous_output_kbps",
    "io_threaded_reads_processed",
    "io_threads_active",
    "keyspace_hits",
    "keyspace_misses",
    "latest_fork_usec",
    "lazyfree_pending_objects",
    "lazyfreed_objects",
    "loading",
    "master_repl_offset",
    "maxclients",
    "maxmemory",
    "mem_aof_buffer",
    "mem_clients_normal",
    "mem_clients_slaves",
    "mem_cluster_links",
    "mem_fragmentation_bytes",
    "mem_fragmentation_ratio",
    "mem_not_counted_for_evict",
    "mem_total_replication_buffers",
    "migrate_cached_sockets",
    "module_fork_in_progress",
    "number_of_cached_scripts",
    "number_of_functions",
    "number_of_libraries",
    "process_id",
    "pubsub_channels",
    "pubsub_patterns",
    "pubsubshard_channels",
    "rdb_bgsave_in_progress",
    "rdb_changes_since_last_save",
    "rdb_current_bgsave_time_sec",
    "rdb_last_bgsave_status",
    "rdb_last_bgsave_time_sec",
    "rdb_last_cow_size",
    "rdb_last_load_keys_expired",
    "rdb_last_load_keys_loaded",
    "rdb_last_save_time",
    "rdb_saves",
    "rejected_connections",
    "repl_backlog_active",
    "repl_backlog_first_byte_offset",
    "repl_backlog_histlen",
    "repl_backlog_size",
    "rss_overhead_bytes",
    "rss_overhead_ratio",
    "second_repl_offset",
    "slave_expires_tracked_keys",
    "sync_full",
    "sync_partial_err",
    "sync_partial_ok",
    "total_active_defrag_time",
    "total_blocking_keys",
    "total_commands_processed",
    "total_connections_received",
    "total_error_replies",
    "total_forks",
    "total_net_input_bytes",
    "total_net_output_bytes",
    "total_net_repl_input_bytes",
    "total_net_repl_output_bytes",
    "total_reads_processed",
    "total_system_memory",
    "total_watched_keys",
    "total_writes_processed",
    "tracking_clients",
    "tracking_total_items",
    "tracking_total_keys",
    "tracking_total_prefixes",
    "unexpected_error_replies",
    "uptime_in_seconds",
    "used_cpu_sys",
    "used_cpu_sys_children",
    "used_cpu_sys_main_thread",
    "used_cpu_user",
    "used_cpu_user_children",
    "used_cpu_user_main_thread",
    "used_memory",
    "used_memory_dataset",
    "used_memory_functions",
    "used_memory_lua",
    "used_memory_overhead",
    "used_memory_peak",
    "used_memory_rss",
    "used_memory_scripts",
    "used_memory_scripts_eval",
    "used_memory_startup",
    "used_memory_vm_eval",
    "used_memory_vm_functions",
    "used_memory_vm_total",
    "watching_clients",
];

fn fields(client: &mut Client, command: &str) -> HashMap<String, String> {
    let text = client.ask(command);
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn sections(client: &mut Client, command: &str) -> Vec<String> {
    client.ask(command).lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect()
}

#[test]
fn everything_that_tools_read_is_there() {
    let server = Server::start(&[]);
    let fields = fields(&mut server.client(), "INFO everything");
    for name in READ_BY_TOOLS {
        let value = fields.get(*name).unwrap_or_else(|| panic!("INFO has no field {name}"));
        assert!(value == "ok" || value.parse::<f64>().is_ok(), "{name} is {value}");
    }
    for (name, value) in [("role", "master"), ("mem_allocator", "unknown"), ("server_mode", "standalone")] {
        assert_eq!(fields[name], value);
    }
}

#[test]
fn sections_are_chosen_by_name_and_come_in_one_order() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let default = sections(&mut client, "INFO");
    assert_eq!(default.first().unwrap(), "Server");
    assert_eq!(sections(&mut client, "INFO default"), default);
    let missing = ["Commandstats", "Latencystats"];
    let all = sections(&mut client, "INFO all");
    assert_eq!(sections(&mut client, "INFO Everything"), all);
    assert_eq!(
        all.iter().filter(|name| !missing.contains(&name.as_str())).cloned().collect::<Vec<_>>(),
        default
    );
    assert!(missing.iter().all(|name| all.contains(&(*name).to_owned())));
    assert_eq!(sections(&mut client, "INFO keyspace CPU nothing"), ["CPU", "Keyspace"]);
    assert_eq!(sections(&mut client, "INFO commandstats default").len(), default.len() + 1);
    assert_eq!(client.ask("INFO nothing"), "");
}

#[test]
fn figures_follow_what_happens() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut other = server.client();
    for command in
        ["SET k v", "SET e v PX 100000", "SELECT 3", "HSET h f v", "HEXPIRE h 100 FIELDS 1 f", "GET none"]
    {
        client.ask(command);
    }
    client.ask("SELECT 0");
    client.ask("GET k");
    client.ask("GET k x");
    client.ask("LPUSH k x");
    other.ask("WATCH a b");
    let now = fields(&mut client, "INFO all");
    assert_eq!((now["keyspace_hits"].as_str(), now["keyspace_misses"].as_str()), ("1", "1"));
    assert_eq!((now["watching_clients"].as_str(), now["total_watched_keys"].as_str()), ("1", "2"));
    assert_eq!(now["connected_clients"], "2");
    assert!(now["db0"].starts_with("keys=2,expires=1,avg_ttl="));
    assert!(now["db3"].starts_with("keys=1,expires=0,avg_ttl=0,keys_with_volatile_items=1"));
    assert!(
        now["cmdstat_get"].starts_with("calls=2,")
            && now["cmdstat_get"].ends_with("rejected_calls=1,failed_calls=0")
    );
    assert!(now["cmdstat_lpush"].ends_with("rejected_calls=0,failed_calls=1"));
    assert_eq!((now["errorstat_ERR"].as_str(), now["errorstat_WRONGTYPE"].as_str()), ("count=1", "count=1"));
    assert_eq!(now["total_error_replies"], "2");
    let latencies = &now["latency_percentiles_usec_set"];
    assert!(latencies.starts_with("p50=") && latencies.contains(",p99=") && latencies.contains(",p99.9="));
    assert!(now["log_appended_lsn"].parse::<u64>().unwrap() >= 4);
    let memory: Vec<u64> = ["used_memory_overhead", "used_memory", "used_memory_peak", "total_system_memory"]
        .iter()
        .map(|name| now[*name].parse().unwrap())
        .collect();
    assert!(memory.is_sorted(), "{memory:?}");
    client.ask("CONFIG RESETSTAT");
    let now = fields(&mut client, "INFO all");
    assert_eq!((now["keyspace_hits"].as_str(), now["total_error_replies"].as_str()), ("0", "0"));
    assert!(!now.contains_key("cmdstat_get") && !now.contains_key("errorstat_ERR"));
}

#[test]
fn a_pause_and_a_waiting_client_are_seen() {
    let server = Server::start(&[]);
    let (mut client, mut waiting) = (server.client(), server.client());
    waiting.send("BLPOP nowhere 0");
    while fields(&mut client, "INFO clients")["blocked_clients"] != "1" {}
    assert_eq!(fields(&mut client, "INFO clients")["total_blocking_keys"], "1");
    client.ask("CLIENT PAUSE 100000 WRITE");
    let paused = fields(&mut client, "INFO clients");
    assert_eq!(
        (paused["paused_reason"].as_str(), paused["paused_actions"].as_str()),
        ("client_pause", "write")
    );
    client.ask("CLIENT UNPAUSE");
    assert_eq!(fields(&mut client, "INFO clients")["paused_timeout_milliseconds"], "0");
}

#[test]
fn info_stands_in_a_transaction_and_in_memory_alone() {
    let server = Server::start(&["--appendonly", "no"]);
    let mut client = server.client();
    assert_eq!(
        [client.ask("MULTI"), client.ask("SET k v"), client.ask("INFO keyspace")],
        ["OK", "QUEUED", "QUEUED"]
    );
    assert!(client.ask("EXEC").contains("db0:keys=1"));
    assert_eq!(fields(&mut client, "INFO persistence")["aof_enabled"], "0");
    assert_eq!(fields(&mut client, "INFO ramekin")["log_enabled"], "0");
}
