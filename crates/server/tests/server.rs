//! A server in this process, asked over sockets; one module a family of commands.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod server {
    mod client;
    mod config;
    mod harness;
    mod limits;
    mod logs;
    mod shutdown;
    mod status;
    mod wait;
}
