//! What the fuzz targets share: each target is one line that calls one function here.
//!
//! Every function is an oracle: besides "no panic" it says what must hold whatever the bytes.

pub mod archives;
pub mod https;
pub mod icap;
pub mod images;
pub mod logs;
pub mod packs;
pub mod readers;
pub mod rosters;
pub mod secrets;
pub mod transfers;
pub mod wires;
