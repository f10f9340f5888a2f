"""INFO: the sections and fields that tools read, and what they count."""

import re

from harness.resp import Verbatim
from harness.server import parse_info

SECTIONS = [
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "commandstats",
    "errorstats",
    "keyspace",
]


# What redis_exporter turns into metrics for a server without replicas, cluster or modules.
EXPORTED = """
uptime_in_seconds process_id redis_version os tcp_port run_id config_file connected_clients blocked_clients
maxclients cluster_connections tracking_clients clients_in_timeout_table client_recent_max_input_buffer
client_recent_max_output_buffer allocator_active allocator_allocated allocator_resident allocator_frag_bytes
allocator_frag_ratio allocator_rss_bytes allocator_rss_ratio used_memory used_memory_rss used_memory_peak
used_memory_lua used_memory_vm_eval used_memory_scripts_eval used_memory_overhead used_memory_startup
used_memory_dataset used_memory_vm_functions used_memory_scripts used_memory_functions number_of_cached_scripts
number_of_functions number_of_libraries maxmemory maxmemory_policy mem_fragmentation_ratio mem_fragmentation_bytes
mem_clients_slaves mem_clients_normal mem_cluster_links mem_aof_buffer mem_replication_backlog
mem_not_counted_for_evict mem_total_replication_buffers rss_overhead_ratio rss_overhead_bytes total_system_memory
lazyfree_pending_objects lazyfreed_objects active_defrag_running migrate_cached_sockets loading async_loading
rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status
rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec rdb_saves rdb_last_cow_size rdb_last_load_keys_expired
rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_time_sec
aof_current_rewrite_time_sec aof_last_cow_size aof_last_bgrewrite_status aof_last_write_status current_cow_size
current_cow_peak current_cow_size_age current_fork_perc current_save_keys_processed current_save_keys_total
total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes
total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes instantaneous_input_kbps
instantaneous_output_kbps rejected_connections sync_full sync_partial_ok sync_partial_err expired_keys
expired_stale_perc expired_time_cap_reached_count expire_cycle_cpu_milliseconds evicted_keys evicted_clients
evicted_scripts keyspace_hits keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels latest_fork_usec
slave_expires_tracked_keys active_defrag_hits active_defrag_misses active_defrag_key_hits active_defrag_key_misses
total_active_defrag_time current_active_defrag_time total_eviction_exceeded_time current_eviction_exceeded_time
unexpected_error_replies total_error_replies total_reads_processed total_writes_processed dump_payload_sanitizations
io_threaded_reads_processed io_threaded_writes_processed acl_access_denied_auth acl_access_denied_cmd
acl_access_denied_key acl_access_denied_channel tracking_total_keys tracking_total_items tracking_total_prefixes
role connected_slaves master_replid master_replid2 master_repl_offset second_repl_offset repl_backlog_active
repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen used_cpu_sys used_cpu_user
used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread used_cpu_user_main_thread cluster_enabled
""".split()


def test_info_has_the_sections_that_tools_ask_for(client):
    for section in SECTIONS:
        text = client("INFO", section)
        assert text.startswith(b"# " + section.title().encode()) or text.lower().startswith(
            b"# " + section.encode()
        ), section
        assert text.count(b"\r\n# ") == 0, section
    assert client("INFO", "nosuch") == b""
    two = client("INFO", "server", "cpu")
    assert b"# Server" in two and b"# CPU" in two and b"# Memory" not in two


def test_info_without_arguments_leaves_out_commandstats_and_all_brings_them(client):
    client("PING")
    assert b"# Commandstats" not in client("INFO")
    assert b"# Commandstats" in client("INFO", "all") and b"cmdstat_ping:calls=" in client("INFO", "everything")
    assert b"# Latencystats" in client("INFO", "everything")


def test_info_is_a_verbatim_string_in_resp3(client3):
    assert isinstance(client3("INFO"), Verbatim)


def test_every_info_field_that_redis_exporter_reads_is_there(client):
    client("SET", "k", 1)
    info = parse_info(client("INFO", "everything"))
    missing = [name for name in EXPORTED if name not in info]
    assert not missing
    assert "redis_mode" in info or "server_mode" in info
    assert re.fullmatch(r"keys=1,expires=0,avg_ttl=0(,.*)?", info["db0"])
    assert re.fullmatch(
        r"calls=\d+,usec=\d+,usec_per_call=[\d.]+,rejected_calls=\d+,failed_calls=\d+", info["cmdstat_set"]
    )
    assert re.fullmatch(r"p50=[\d.]+,p99=[\d.]+,p99.9=[\d.]+", info["latency_percentiles_usec_set"])
    assert re.fullmatch(r"\d+\.\d+", info["used_cpu_sys"])
    assert re.fullmatch(r"[0-9a-f]{40}", info["run_id"]) and re.fullmatch(r"[0-9a-f]{40}", info["master_replid"])
    assert info["used_memory_human"].endswith(("B", "K", "M", "G"))


def test_info_counts_hits_misses_errors_and_commands(client, server):
    assert client("CONFIG", "RESETSTAT") == b"OK"
    client("SET", "k", 1)
    for _ in range(3):
        client("GET", "k")
    client("GET", "nokey")
    client("GET")
    client("INCR", "k", "x")
    client("LPUSH", "k", 1)
    info = parse_info(client("INFO", "everything"))
    assert info["keyspace_hits"] == "3" and info["keyspace_misses"] == "1"
    assert info["cmdstat_get"].startswith("calls=4,") and "rejected_calls=1,failed_calls=0" in info["cmdstat_get"]
    assert "failed_calls=1" in info["cmdstat_lpush"]
    assert info["errorstat_WRONGTYPE"] == "count=1" and info["errorstat_ERR"] == "count=2"
    assert info["total_error_replies"] == "3"
