//! Logs of other systems: from a line on a wire to one small event that is the same whoever sent it.
//!
//! Left out: Windows' event XML and EVTX (an agent that sends JSON or CEF is understood), osquery, NetFlow.
//!
//! Invariants: every reader is pure, takes any bytes, keeps to bounds and never fails: what is not understood is an event
//! of no known kind, with its line. The line is kept as it came.

pub(crate) mod cef;
pub(crate) mod eve;
pub(crate) mod event;
pub(crate) mod fields;
pub(crate) mod frames;
pub(crate) mod normalise;
pub(crate) mod said;
pub(crate) mod syslog;
pub(crate) mod windows;
