//! PLACEHOLDER of the lead: the owner of `value/` replaces it and keeps the two signatures (`Packing` has the limits under
//! which decoded collections are built).
#![allow(missing_docs)]
pub(crate) fn encode(_: &super::Value, _: &mut Vec<u8>) -> u8 {
    0
}
pub(crate) fn decode(_: u8, _: &[u8], _: &super::Packing) -> Result<super::Value, ()> {
    Err(())
}
