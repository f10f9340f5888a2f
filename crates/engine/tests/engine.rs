//! The engine through its public surface: commands in, answers out.
//!
//! - `common`: a session on a simulated disk and clock, and answers as text.
//! - `hash`: the commands on hashes; `hash_expiry`: what expires in them.

mod common;
mod hash;
mod hash_expiry;
