//! INFO about log and checkpoints: in the words of snapshots and of the append-only file for tools, and in its own.

use super::info::Fields;
use crate::server::Server;
use ramekin::{Database, DiskState, Progress};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// What INFO says while the data is read: how much of checkpoint and log has been. Times are in Unix seconds.
pub(crate) fn loading(progress: &Progress, begun_s: u64, now_s: u64) -> String {
    let total = progress.total_bytes.load(Relaxed);
    let done = progress.done_bytes.load(Relaxed).min(total);
    let elapsed_s = now_s.saturating_sub(begun_s);
    let left_s = u128::from(elapsed_s) * u128::from(total - done) / (u128::from(done) + 1);
    let percent = if total == 0 { 0.0 } else { 100.0 * done as f64 / total as f64 };
    let mut fields = Fields::titled("Persistence");
    fields.add("loading", 1);
    fields.add("async_loading", 0);
    fields.add("loading_start_time", begun_s);
    fields.add("loading_total_bytes", total);
    fields.add("loading_loaded_bytes", done);
    fields.add("loading_loaded_perc", format_args!("{percent:.2}"));
    // In the first second nothing is known yet.
    fields.add("loading_eta_seconds", if elapsed_s == 0 { 1 } else { left_s });
    fields.into_text()
}

/// A checkpoint is what tools know as a snapshot, and since it trims the log, as a rewrite too.
pub(super) fn persistence(_: &Server, db: &Database, fields: &mut Fields) {
    let log = db.log_stats();
    let saved = db.checkpoint_stats();
    let (is_running, seconds) = (saved.running.is_some(), |time: Option<Duration>| {
        time.map_or(-1, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
    });
    let status = if saved.error.is_none() { "ok" } else { "err" };
    fields.add_zeros(&[
        "loading",
        "async_loading",
        "current_cow_peak",
        "current_cow_size",
        "current_cow_size_age",
    ]);
    fields.add("current_fork_perc", "0.00");
    let keys = if is_running { (saved.keys_done, saved.keys_total) } else { (0, 0) };
    fields.add("current_save_keys_processed", keys.0);
    fields.add("current_save_keys_total", keys.1);
    fields.add("rdb_changes_since_last_save", saved.changes);
    fields.add("rdb_bgsave_in_progress", u8::from(is_running));
    fields.add("rdb_last_save_time", saved.saved_ms / 1000);
    fields.add("rdb_last_bgsave_status", status);
    fields.add("rdb_last_bgsave_time_sec", seconds(saved.took));
    fields.add("rdb_current_bgsave_time_sec", seconds(saved.running));
    fields.add("rdb_saves", saved.saves);
    fields.add_zeros(&["rdb_last_cow_size", "rdb_last_load_keys_expired"]);
    fields.add("rdb_last_load_keys_loaded", saved.loaded.as_ref().map_or(0, |loaded| loaded.keys));
    fields.add("aof_enabled", u8::from(log.is_some()));
    fields.add("aof_rewrite_in_progress", u8::from(is_running));
    fields.add("aof_rewrite_scheduled", 0);
    fields.add("aof_last_rewrite_time_sec", seconds(saved.took));
    fields.add("aof_current_rewrite_time_sec", seconds(saved.running));
    fields.add("aof_last_bgrewrite_status", status);
    fields.add("aof_rewrites", saved.saves);
    fields.add("aof_rewrites_consecutive_failures", saved.failures);
    let write_ok = log.as_ref().is_none_or(|log| log.is_write_ok);
    fields.add("aof_last_write_status", if write_ok { "ok" } else { "err" });
    fields.add_zeros(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"]);
    if let Some(log) = log {
        fields.add("aof_current_size", saved.bytes + saved.log_bytes);
        fields.add("aof_base_size", saved.bytes);
        fields.add("aof_pending_rewrite", 0);
        fields.add("aof_buffer_length", log.pending_bytes);
        fields.add("aof_rewrite_buffer_length", 0);
        fields.add("aof_pending_bio_fsync", u8::from(log.is_syncing));
        fields.add("aof_delayed_fsync", 0);
    }
}

/// What only this server has.
pub(super) fn ramekin(_: &Server, db: &Database, fields: &mut Fields) {
    let Some(log) = db.log_stats() else {
        fields.add("log_enabled", 0);
        return;
    };
    fields.add("log_enabled", 1);
    fields.add("log_segments", log.segments);
    fields.add("log_bytes", log.bytes);
    fields.add("log_pending_bytes", log.pending_bytes);
    fields.add("log_reservable_bytes", log.credit_bytes);
    fields.add("log_appended_lsn", db.last_lsn());
    fields.add("log_written_lsn", db.written_lsn());
    fields.add("log_durable_lsn", db.durable_lsn());
    fields.add("log_writes", log.writes);
    fields.add("log_fsyncs", log.fsyncs);
    fields.add("log_fsync_last_usec", log.fsync_last.as_micros());
    fields.add("log_fsync_max_usec", log.fsync_max.as_micros());
    fields.add("log_fsync_total_usec", log.fsync_total.as_micros());
    fields.add("log_refused_writes", log.refused);
    let (state, free, least) = db.disk_space();
    fields.add("disk_free_bytes", free);
    fields.add("disk_min_free_bytes", least);
    fields.add(
        "disk_state",
        match state {
            DiskState::Ample => "ok",
            DiskState::Short => "short",
            DiskState::Refusing => "refusing",
        },
    );
    fields.add("log_failed", u8::from(db.log_failed().is_some()));
    let saved = db.checkpoint_stats();
    fields.add("checkpoint_bytes", saved.bytes);
    fields.add("checkpoint_last_usec", saved.took.map_or(0, |took| took.as_micros()));
    fields.add("checkpoint_failures", saved.failures);
    fields.add("checkpoint_last_error", saved.error.as_deref().unwrap_or("").replace(['\r', '\n'], " "));
    fields.add("log_bytes_since_checkpoint", saved.log_bytes);
    if let Some(recovery) = db.recovery() {
        fields.add("recovery_records", recovery.records);
        fields.add("recovery_bytes", recovery.bytes);
        fields.add("recovery_epoch", recovery.epoch);
        fields.add("recovery_cut_bytes", recovery.cut.as_ref().map_or(0, |cut| cut.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_while_data_is_read_hears_how_far_it_is_and_how_long_it_takes() {
        let progress = Progress::default();
        let says = |now_s, line: &str| loading(&progress, 1000, now_s).contains(&format!("\r\n{line}\r\n"));
        assert!(says(1000, "loading_loaded_perc:0.00") && says(1000, "loading_eta_seconds:1"));
        assert!(says(1005, "loading_eta_seconds:0"), "nothing is known");
        progress.total_bytes.store(4000, Relaxed);
        progress.done_bytes.store(1000, Relaxed);
        assert!(says(1010, "loading_total_bytes:4000") && says(1010, "loading_loaded_bytes:1000"));
        assert!(says(1010, "loading_loaded_perc:25.00") && says(1010, "loading_eta_seconds:29"));
        progress.done_bytes.store(5000, Relaxed);
        assert!(says(1010, "loading_loaded_perc:100.00") && says(1010, "loading_eta_seconds:0"));
    }
}
