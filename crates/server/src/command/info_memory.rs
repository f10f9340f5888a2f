//! INFO about memory.
//!
//! `used_memory` is what the allocator has given and not got back. A program whose allocator does not count shows what is
//! resident beyond what it had before it opened its database.

use super::info::Fields;
use crate::server::Server;
use crate::system::{at_start_bytes, resident_bytes, system_bytes};
use ramekin::{Database, memory};
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of memory, as INFO and MEMORY tell them.
pub(super) struct Figures {
    /// In use by the process.
    pub(super) used: u64,
    /// Held by the allocator, free blocks included.
    pub(super) held: u64,
    /// Resident in all.
    pub(super) resident: u64,
    /// The most that was ever used.
    pub(super) peak: u64,
    /// In use before the database was opened.
    pub(super) startup: u64,
    /// Of buffers of clients.
    pub(super) clients: u64,
    /// Of the tables, without entries.
    pub(super) tables: u64,
    /// Appended to the log and not yet written.
    pub(super) log: u64,
}

impl Figures {
    /// The figures of this moment.
    pub(super) fn of(server: &Server, db: &Database) -> Self {
        let (resident, highest) = resident_bytes();
        let (resident_at_start, used_at_start) = at_start_bytes();
        let (used, peak, startup) = match memory::used_bytes() {
            Some(used) => (used, memory::peak_bytes(), used_at_start),
            None => {
                let beyond = |resident: u64| resident.saturating_sub(resident_at_start);
                (beyond(resident), beyond(highest), 0)
            }
        };
        let held = memory::allocator().map_or(used, |allocator| (allocator.held_bytes)());
        let clients = server.clients.all();
        let buffers = |client: &crate::clients::Client| {
            client.query_bytes.load(Relaxed)
                + client.query_free_bytes.load(Relaxed)
                + client.output_bytes.load(Relaxed)
        };
        Self {
            used,
            held: held.max(used),
            resident,
            peak: peak.max(used),
            startup,
            clients: clients.iter().map(|client| buffers(client)).sum(),
            tables: (0..db.databases()).map(|number| db.tables(number).bytes as u64).sum(),
            log: db.log_stats().map_or(0, |stats| stats.pending_bytes),
        }
    }

    /// What is not data: what was there before it, tables, buffers, the log's.
    pub(super) fn overhead(&self) -> u64 {
        (self.startup + self.tables + self.clients + self.log).min(self.used)
    }

    /// What is data.
    pub(super) fn dataset(&self) -> u64 {
        self.used - self.overhead()
    }

    /// What is data, in percent of all that came after the start.
    pub(super) fn dataset_percent(&self) -> f64 {
        percent(self.dataset(), self.used.saturating_sub(self.startup)).min(100.0)
    }
}

/// `part` of `whole` in percent.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    percent(part, whole) / 100.0
}

pub(super) fn memory(server: &Server, db: &Database, fields: &mut Fields) {
    let (figures, config) = (Figures::of(server, db), server.config.snapshot());
    fields.add_bytes("used_memory", figures.used);
    fields.add_bytes("used_memory_rss", figures.resident);
    fields.add_bytes("used_memory_peak", figures.peak);
    fields.add("used_memory_peak_perc", format_args!("{:.2}%", percent(figures.used, figures.peak)));
    fields.add("used_memory_overhead", figures.overhead());
    fields.add("used_memory_startup", figures.startup);
    fields.add("used_memory_dataset", figures.dataset());
    fields.add("used_memory_dataset_perc", format_args!("{:.2}%", figures.dataset_percent()));
    fields.add("allocator_allocated", figures.used);
    fields.add("allocator_active", figures.held);
    fields.add("allocator_resident", figures.resident);
    fields.add("allocator_muzzy", 0);
    fields.add_bytes("total_system_memory", system_bytes());
    fields.add_bytes("container_memory_limit", crate::system::limit_bytes().unwrap_or(0));
    fields.add_bytes("used_memory_lua", 0);
    fields.add_zeros(&[
        "used_memory_vm_eval",
        "used_memory_scripts_eval",
        "number_of_cached_scripts",
        "number_of_functions",
        "number_of_libraries",
        "used_memory_vm_functions",
    ]);
    fields.add_bytes("used_memory_vm_total", 0);
    fields.add("used_memory_functions", 0);
    fields.add_bytes("used_memory_scripts", 0);
    fields.add_bytes("maxmemory", config.maxmemory());
    fields.add("maxmemory_policy", config.maxmemory_policy());
    add_fragmentation(&figures, fields);
    add_compression(db, fields);
    fields.add_zeros(&[
        "mem_not_counted_for_evict",
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_replicas_repl_buffer",
        "mem_clients_slaves",
    ]);
    fields.add("mem_clients_normal", figures.clients);
    fields.add_zeros(&["mem_cluster_links", "mem_cluster_slot_import", "mem_cluster_slot_export"]);
    fields.add("mem_aof_buffer", figures.log);
    fields.add("mem_allocator", memory::allocator().map_or("unknown", |allocator| allocator.name));
    fields.add_zeros(&["mem_overhead_db_hashtable_rehashing", "active_defrag_running"]);
    fields.add("lazyfree_pending_objects", memory::waiting_to_be_freed().0);
    fields.add("lazyfreed_objects", memory::freed_later());
}

/// What is compressed, and what that saves.
fn add_compression(db: &Database, fields: &mut Fields) {
    let stats = db.compression_stats();
    fields.add("compression", db.compression().name());
    fields.add("compressed_values", stats.values);
    fields.add("compressed_bytes_before", stats.raw_bytes);
    fields.add("compressed_bytes", stats.bytes);
    fields.add("compression_ratio", format_args!("{:.2}", ratio(stats.bytes as u64, stats.raw_bytes as u64)));
    fields.add("compression_dictionaries", stats.dictionaries);
    fields.add("compression_dictionary_bytes", stats.dictionary_bytes);
}

/// Three stages: what is in use, what the allocator holds for it, what the system has given to the process.
fn add_fragmentation(figures: &Figures, fields: &mut Fields) {
    let stages = [
        ("allocator_frag", figures.held, figures.used),
        ("allocator_rss", figures.resident, figures.held),
        ("rss_overhead", figures.resident, figures.resident),
        ("mem_fragmentation", figures.resident, figures.used),
    ];
    for (name, outer, inner) in stages {
        fields.add(&format!("{name}_ratio"), format_args!("{:.2}", ratio(outer, inner)));
        fields.add(&format!("{name}_bytes"), i128::from(outer) - i128::from(inner));
    }
}
