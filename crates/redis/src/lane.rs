//! How far a lane has come: a hash of five numbers.

use crate::session::{Session, number_of, odd};
use ramekin::store::StoreError;
use ramekin_resp::Frame;

/// What a lane's key says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    pub(crate) watermark: u64,
    pub(crate) version: u64,
    pub(crate) written: u64,
}

/// The fields of a lane's key, as [`lane_of`] takes them.
pub(crate) const LANE_FIELDS: [&[u8]; 5] = [b"epoch", b"sequence", b"watermark", b"version", b"written"];

/// Puts the command that reads a lane.
pub(crate) fn put_read_lane(session: &mut Session, name: &[u8]) {
    let mut words: Vec<&[u8]> = vec![b"HMGET", name];
    words.extend(LANE_FIELDS);
    session.put(&words);
}

/// The lane that the server's answer is; none if there is none.
pub(crate) fn lane_of(frame: Frame) -> Result<Option<Lane>, StoreError> {
    let Frame::Array(fields) = frame else { return Err(odd("HMGET")) };
    let numbers: Vec<Option<u64>> = fields.iter().map(number_of).collect();
    let [Some(epoch), Some(sequence), Some(watermark), Some(version), Some(written)] = numbers[..] else {
        return Ok(None);
    };
    Ok(Some(Lane { epoch, sequence, watermark, version, written }))
}

/// Puts the command that writes a lane.
pub(crate) fn put_write_lane(session: &mut Session, name: &[u8], lane: &Lane) {
    let numbers =
        [lane.epoch, lane.sequence, lane.watermark, lane.version, lane.written].map(|n| n.to_string());
    let mut words: Vec<&[u8]> = vec![b"HSET", name];
    for (field, number) in LANE_FIELDS.iter().zip(&numbers) {
        words.extend([field, number.as_bytes()]);
    }
    session.put(&words);
}
