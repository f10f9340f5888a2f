//! The namespaces of a running server: how they are opened, and what the configuration says to all of them.
//!
//! A namespace follows the directives of the server: `appendfsync`, `save`, limits of the process, how a store is used. Of its own
//! it has its store, and limits of keys and bytes with their policy.

use crate::config::Config;
use crate::error::Error;
use crate::net::Mailbox;
use crate::run::{Stores, apply_to, checkpoint_rules, log_sync, store_behind};
use crate::server::Server;
use ramekin::{CheckpointRules, Database, NamespaceOptions, Namespaces, StoreTuning};
use std::path::Path;
use std::sync::Arc;

/// A namespace settles over one connection and fetches over two: there may be many.
const LANES: u32 = 1;
const LOADERS: u32 = 2;

/// In the data folder, where those of the namespaces are.
pub(crate) const FOLDER: &str = "namespaces";

/// Gets the namespaces of a server ready, and says how many there are.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn start(server: &Arc<Server>, stores: Arc<Stores>) -> Result<(), Error> {
    let config = server.config.snapshot();
    let mut options = NamespaceOptions::default();
    options.database.databases = u32::try_from(config.databases()).unwrap_or(16);
    options.database.appendfsync = log_sync(config.appendfsync());
    options.database.checkpoints = rules(&config, &options.database.checkpoints);
    options.idle_timeout_ms = config.namespace_idle_timeout_ms();
    let weak = Arc::downgrade(server);
    options.stores = Some(Box::new(move |address: &str, folder: &Path| {
        let server = weak.upgrade().ok_or("the server has ended")?;
        let mut options = store_behind(&server.config.snapshot(), stores(address, folder)?);
        (options.lanes, options.loaders, options.attach, options.read_only) = (LANES, LOADERS, None, false);
        Ok(options)
    }));
    let weak = Arc::downgrade(server);
    options.opened = Some(Box::new(move |db| {
        if let Some(server) = weak.upgrade() {
            follow(db, &server.loops.lock());
            follow_config(db, &server.config.snapshot());
        }
    }));
    let namespaces = Namespaces::open(&server.db, config.dir().join(FOLDER), options)
        .map_err(|error| Error(error.to_string()))?;
    if !namespaces.is_empty() {
        crate::run::say(&format!("{} namespaces, each is opened when it is used", namespaces.len()));
    }
    server.set_namespaces(namespaces);
    Ok(())
}

/// Has loops told of the progress of a database's log and store.
pub(crate) fn follow(db: &Database, loops: &[Arc<Mailbox>]) {
    let mailboxes = loops.to_vec();
    db.on_log_progress(Box::new(move || mailboxes.iter().for_each(|mailbox| mailbox.note_progress())));
    let mailboxes = loops.to_vec();
    db.on_store_progress(Box::new(move || mailboxes.iter().for_each(|mailbox| mailbox.note_progress())));
}

/// The rules by which checkpoints of a namespace are taken: its log may be smaller than the server's.
pub(crate) fn rules(config: &Config, own: &CheckpointRules) -> CheckpointRules {
    let rules = checkpoint_rules(config);
    CheckpointRules { log_bytes_min: rules.log_bytes_min.min(own.log_bytes_min), ..rules }
}

/// Does to a namespace what the directives say now.
pub(crate) fn follow_config(db: &Database, config: &Config) {
    apply_to(db, config);
    db.set_appendfsync(log_sync(config.appendfsync()));
    db.set_checkpoint_rules(rules(config, &NamespaceOptions::default().database.checkpoints));
    tune_store(db, config);
}

/// The same for its store alone, to which it has connections of its own number.
pub(crate) fn tune_store(db: &Database, config: &Config) {
    db.tune_store(&StoreTuning { loaders: None, ..config.store_tuning() });
}
