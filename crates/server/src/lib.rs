//! The server: sessions without sockets, event loops, and the commands that are about connections and the server itself.
//!
//! [`serve`] is the entry point of a server: it opens the database that the configuration names, listens, and returns once it was
//! told to stop; [`Embedded`] is that of a program that has a database inside. Everything about data is the engine's; everything about bytes on the wire is `ramekin-resp`'s.

mod client_memory;
pub mod clients;
pub mod command;
pub mod config;
mod embedded;
mod error;
mod monitor;
mod namespaces;
mod net;
mod open_files;
mod pause;
mod run;
pub mod server;
mod session;
mod slowlog;
pub mod stats;
mod system;

pub use embedded::Embedded;
pub use error::Error;
pub use run::{Failure, Stores, open, say_to, serve};
