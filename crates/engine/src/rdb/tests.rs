//! Whole files and payloads: samples of every encoding, round trips, and what damage does.

mod damage;
mod round_trip;
mod samples;
