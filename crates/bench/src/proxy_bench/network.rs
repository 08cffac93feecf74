//! The network that the bench runs in: one of its own, set as Debian sets one, whatever the machine's is set to.
//!
//! How TCP avoids congestion is the machine's choice, and costs: BBR, which some hosts of virtual machines choose, sends by
//! timers even where nothing is in the way. Every program of the bench, and the peers, are in the same network.

use crate::error::BenchError;
use crate::sys;
use std::fs;
use std::process::Command;

const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
/// What Debian's kernel chooses.
const USUAL: &str = "cubic";

/// Enters it, with every thread and program that is started from now on, where that is allowed; what to say of it.
pub(crate) fn enter() -> Result<String, BenchError> {
    let place = if sys::leave_network().is_ok() {
        set_up()?;
        "a network of its own"
    } else {
        "the machine's network, as there may be no other"
    };
    let control = fs::read_to_string(CONGESTION).map_err(BenchError::file(CONGESTION))?;
    Ok(format!("in {place}; TCP avoids congestion by {}", control.trim()))
}

fn set_up() -> Result<(), BenchError> {
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    let up = up.map_err(|source| BenchError::Start { program: "ip".into(), source })?;
    if !up.success() {
        return Err(BenchError::Silent { program: "ip".into(), expected: "a loopback interface" });
    }
    fs::write(CONGESTION, USUAL).map_err(BenchError::file(CONGESTION))
}
