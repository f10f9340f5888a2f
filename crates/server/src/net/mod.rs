//! Sockets and event loops: a thin shell around sessions.
//!
//! Each loop is one thread with an epoll of its own (by mio) and the connections that were dealt to it. A turn of a loop
//! reads what has arrived and runs it, then hands the log's new records to the operating system in one write, then sends
//! what may leave. Loops talk to each other through [`Mailbox`]es only.

mod connection;
mod event_loop;
mod listen;
mod loading;
mod mailbox;

pub(crate) use connection::{Accepted, Stream};
pub(crate) use event_loop::EventLoop;
pub(crate) use listen::{Listener, listen, listen_at};
pub(crate) use loading::serve_while;
pub(crate) use mailbox::{Mailbox, Message};
