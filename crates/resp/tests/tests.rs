//! Properties of the protocol as a whole, on generated input.
//!
//! - `round_trip`: what one side writes, the other reads, however the network cuts it.
//! - `garbage`: arbitrary bytes, and the corpus of the fuzz targets, decode without a panic and without a difference
//!   between one read and many.

mod garbage;
mod harness;
mod round_trip;
