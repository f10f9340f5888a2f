//! INFO about what has happened: counters, commands, errors, latencies, keys.

use super::info::Fields;
use crate::server::Server;
use crate::stats::CommandStats;
use ramekin::Database;
use std::sync::atomic::Ordering::Relaxed;

/// Of which calls the latency is told, in thousandths.
const PERCENTILES: [(&str, u64); 3] = [("p50", 500), ("p99", 990), ("p99.9", 999)];

pub(super) fn stats(server: &Server, db: &Database, fields: &mut Fields) {
    let (stats, counts) = (&server.stats, db.counts());
    let [commands, input, output] = stats.rates.per_second();
    let kib = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    fields.add("total_connections_received", stats.connections.load(Relaxed));
    fields.add("total_commands_processed", stats.processed.load(Relaxed));
    fields.add("instantaneous_ops_per_sec", commands);
    fields.add("total_net_input_bytes", stats.in_bytes.load(Relaxed));
    fields.add("total_net_output_bytes", stats.out_bytes.load(Relaxed));
    fields.add_zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    fields.add("instantaneous_input_kbps", kib(input));
    fields.add("instantaneous_output_kbps", kib(output));
    fields.add("instantaneous_input_repl_kbps", "0.00");
    fields.add("instantaneous_output_repl_kbps", "0.00");
    fields.add("rejected_connections", stats.rejected_connections.load(Relaxed));
    fields.add_zeros(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    fields.add("expired_keys", counts.expired_keys);
    fields.add("expired_fields", counts.expired_fields);
    fields.add("expired_subkeys", counts.expired_fields);
    fields.add("expired_stale_perc", "0.00");
    fields.add("expired_keys_with_volatile_items_stale_perc", "0.00");
    fields.add_zeros(&["expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds"]);
    fields.add("evicted_keys", counts.evicted_keys);
    fields.add("evicted_clients", stats.evicted_clients.load(Relaxed));
    fields.add("evicted_scripts", 0);
    let (exceeded_ms, exceeding_ms) = db.memory_exceeded_ms();
    fields.add("total_eviction_exceeded_time", exceeded_ms);
    fields.add("current_eviction_exceeded_time", exceeding_ms);
    fields.add("keyspace_hits", counts.hits);
    fields.add("keyspace_misses", counts.misses);
    fields.add_zeros(&[
        "pubsub_channels",
        "pubsub_patterns",
        "pubsubshard_channels",
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
        "unexpected_error_replies",
    ]);
    fields.add("total_error_replies", stats.error_replies.load(Relaxed));
    fields.add("dump_payload_sanitizations", 0);
    fields.add("total_reads_processed", stats.reads.load(Relaxed));
    fields.add("total_writes_processed", stats.writes.load(Relaxed));
    fields.add_zeros(&[
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
        "io_threaded_freed_objects",
        "io_threaded_accept_processed",
        "io_threaded_poll_processed",
        "io_threaded_total_prefetch_batches",
        "io_threaded_total_prefetch_entries",
    ]);
    fields.add("client_query_buffer_limit_disconnections", stats.query_limit_disconnections.load(Relaxed));
    fields.add("client_output_buffer_limit_disconnections", stats.output_limit_disconnections.load(Relaxed));
    fields.add_zeros(&["reply_buffer_shrinks", "reply_buffer_expands"]);
    fields.add_zeros(&[
        "acl_access_denied_cmd",
        "acl_access_denied_key",
        "acl_access_denied_channel",
        "acl_access_denied_tls_cert",
        "acl_access_denied_db",
    ]);
    fields.add("acl_access_denied_auth", stats.errors.lock().get("WRONGPASS").copied().unwrap_or_default());
}

/// Each command that was called or refused, with its figures.
fn used(server: &Server) -> impl Iterator<Item = (&'static str, &CommandStats)> {
    let named = super::all().iter().map(|row| row.spec.name).zip(&server.stats.commands);
    named.filter(|(_, stats)| stats.calls.load(Relaxed) + stats.rejected.load(Relaxed) != 0)
}

pub(super) fn commands(server: &Server, _: &Database, fields: &mut Fields) {
    for (name, stats) in used(server) {
        let (calls, micros) = (stats.calls.load(Relaxed), stats.nanos.load(Relaxed) / 1000);
        let each = if calls == 0 { 0.0 } else { micros as f64 / calls as f64 };
        fields.add(
            &format!("cmdstat_{name}"),
            format_args!(
                "calls={calls},usec={micros},usec_per_call={each:.2},rejected_calls={},failed_calls={}",
                stats.rejected.load(Relaxed),
                stats.failed.load(Relaxed)
            ),
        );
    }
}

pub(super) fn errors(server: &Server, _: &Database, fields: &mut Fields) {
    for (code, count) in &*server.stats.errors.lock() {
        fields.add(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencies(server: &Server, _: &Database, fields: &mut Fields) {
    for (name, stats) in used(server) {
        if let Some(told) = PERCENTILES
            .iter()
            .map(|(label, thousandths)| {
                stats.percentile_us(*thousandths).map(|us| format!("{label}={us:.3}"))
            })
            .collect::<Option<Vec<_>>>()
        {
            fields.add(&format!("latency_percentiles_usec_{name}"), told.join(","));
        }
    }
}

pub(super) fn keyspace(_: &Server, db: &Database, fields: &mut Fields) {
    let now_ms = u128::from(db.now_ms());
    for number in 0..db.databases() {
        let counts = db.database_counts(number);
        if counts.keys == 0 {
            continue;
        }
        let expires = counts.expires.max(1) as u128;
        let ttl_ms = (counts.expire_sum_ms / expires).saturating_sub(now_ms);
        fields.add(
            &format!("db{number}"),
            format_args!(
                "keys={},expires={},avg_ttl={ttl_ms},keys_with_volatile_items={}",
                counts.keys, counts.expires, counts.volatile_items
            ),
        );
    }
}
