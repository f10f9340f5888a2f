//! A server in this process, asked over sockets; one module a family of commands.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod server {
    mod client;
    mod command;
    mod config;
    mod debug;
    mod harness;
    mod info;
    mod limits;
    mod logs;
    mod memory;
    mod parts;
    mod shutdown;
    mod status;
    mod store;
    mod wait;
}
