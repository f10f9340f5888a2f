//! INFO about the store behind.

use super::info::Fields;
use crate::server::Server;
use ramekin::Database;

/// The section `store`. Times are Unix seconds, durations microseconds unless a name says otherwise.
pub(super) fn store(server: &Server, db: &Database, fields: &mut Fields) {
    let Some(stats) = db.store_stats() else { return fields.add("store", "none") };
    let counts = db.counts();
    fields.add("store", &stats.kind);
    fields.add("store_address", &stats.address);
    let state = match (stats.is_fenced, stats.is_up, stats.read_only) {
        (true, ..) => "fenced",
        (_, false, _) => "down",
        (.., true) => "read-only",
        _ => "up",
    };
    fields.add("store_state", state);
    fields.add("store_epoch", stats.epoch);
    fields.add("store_unsettled_records", stats.unsettled_records);
    fields.add_bytes("store_unsettled_bytes", stats.unsettled_bytes);
    fields.add(
        "store_unsettled_bytes_max",
        server.config.snapshot().store_tuning().unsettled_bytes_max.unwrap_or(0),
    );
    #[expect(clippy::cast_precision_loss, reason = "seconds for people")]
    let lag_s = stats.lag_ms as f64 / 1000.0;
    fields.add("store_lag_seconds", format_args!("{lag_s:.3}"));
    fields.add("store_lag_records", stats.lag_lsn);
    fields.add("store_flushes", stats.batches);
    fields.add("store_flushed_records", stats.rows);
    let percentiles = |micros: [u64; 3]| format!("p50={},p99={},p99.9={}", micros[0], micros[1], micros[2]);
    fields.add("store_flush_usec", percentiles(stats.batch_micros));
    fields.add("store_last_flush_time", stats.last_batch_ms / 1000);
    fields.add("store_hits", counts.hits);
    fields.add("store_misses", stats.fetches);
    fields.add("store_loads", stats.fetched);
    fields.add("store_load_usec", percentiles(stats.fetch_micros));
    fields.add("store_evictions", stats.evicted);
    fields.add("store_conflicts", stats.conflicts);
    fields.add("store_outside_changes", stats.outside);
    fields.add("store_expired_rows", stats.expired);
    fields.add("store_quarantined_records", stats.quarantined);
    fields.add_bytes("store_quarantined_bytes", stats.quarantined_bytes);
    fields.add("store_errors", stats.errors);
    fields.add("store_last_error_time", stats.last_error_ms / 1000);
    fields.add("store_last_error", stats.last_error.replace(['\r', '\n'], " "));
    fields.add("store_connections_made", stats.connections);
}
