//! Turns to hash: as many at once as there are threads for it, fair between the networks and whatever comes from outside.

use crate::{App, AppError};
use identity::{HashingTurn, HashingZone, TooBusy};
use std::net::IpAddr;
use tokio::sync::oneshot;

impl App {
    /// Waits for a turn, two seconds at the most.
    pub(crate) async fn hashing_turn(&self, zone: HashingZone) -> Result<HashingTurn, TooBusy> {
        let (sender, turn) = oneshot::channel();
        // A turn for somebody who went away meanwhile is dropped here, and so passes on.
        self.0.hashing.ask(zone, move |turn| drop(sender.send(turn)));
        turn.await.unwrap_or(Err(TooBusy))
    }

    /// In whose queue an address waits.
    pub(crate) fn hashing_zone(&self, address: IpAddr) -> HashingZone {
        let snapshot = self.snapshot();
        let Some(network) = snapshot.network_at(address) else { return HashingZone::Outside };
        let place = snapshot.policy().networks.iter().position(|other| other.id == network.id);
        HashingZone::Inside(place.and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX))
    }
}

impl From<TooBusy> for AppError {
    fn from(error: TooBusy) -> Self {
        Self::Failed {
            theirs: "Many people are signing in just now. Wait a moment, then try again.".to_owned(),
            ours: error.to_string(),
        }
    }
}
