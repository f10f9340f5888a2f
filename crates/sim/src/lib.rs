//! Simulation for tests: workloads under injected crashes, compared with a plain model of what was acknowledged.
//!
//! Everything here is decided by a seed, so that a failure can be run again. Nothing of it ships.
//!
//! - [`log_crash`]: the log alone, against a list of records
//! - [`db_crash`]: a whole database, against the data set after each record; its work is a [`workload`], its time a
//!   [`clock`], and a [`dataset`] is what is compared
//! - [`store_crash`]: a database with a store behind it, against a second database without one
//! - [`garbage`]: any bytes where the engine expects its own; the fuzz targets run the same properties

pub mod clock;
pub mod dataset;
pub mod db_crash;
pub mod garbage;
pub mod log_crash;
pub mod store_crash;
pub mod workload;
