//! Where a pack lies: at this gate, at another one of the same records, or nowhere any more.
//!
//! The fact that a pack was made says at which gate. Several gates of a trust may share records; each keeps the packs that it
//! made, and what counts is the one that was made last.

use crate::export_expiry::KEPT_DAYS;
use crate::{App, AppError, words};
use model::{DAY_MS, ExportId, Timestamp};

/// Where a pack lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum PackPlace {
    /// At this gate.
    Here,
    /// At the gate of this name, until that day.
    At(String, String),
    /// It should lie at this gate until that day, and does not.
    Missing(String),
    /// Nowhere: its time is over.
    Over,
}

impl PackPlace {
    /// What whoever looks for it is told.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Here => "The pack lies at this gate.".to_owned(),
            Self::At(gate, until) => {
                format!(
                    "The pack lies at the gate {gate} until {until}. Download it there, or make it again here."
                )
            }
            Self::Missing(until) => format!(
                "The pack should lie at this gate until {until}, and does not: tell your technician. It can be made again."
            ),
            Self::Over => {
                format!(
                    "The pack is not kept any more: {KEPT_DAYS} days have passed since it was made. It can be made again."
                )
            }
        }
    }
}

impl App {
    /// Where a pack lies that was made then. One that was made again at another gate lies there, whatever is left of an earlier
    /// one here.
    pub(crate) async fn where_it_lies(&self, id: ExportId, made: Timestamp) -> Result<PackPlace, AppError> {
        let fact = self.0.parts.store.newest_fact_about(&format!("export:{id}"), &["make-export"]).await?;
        let gate = fact.and_then(|fact| fact.details().remove("gate")).unwrap_or_default();
        let is_ours = gate.is_empty() || gate == self.own_name();
        if is_ours && self.pack_path(id).exists() {
            return Ok(PackPlace::Here);
        }
        let until = made.plus_ms(KEPT_DAYS * DAY_MS);
        if until <= self.now() {
            return Ok(PackPlace::Over);
        }
        let day = words::date(&self.snapshot().policy().time_zone, until);
        Ok(if is_ours { PackPlace::Missing(day) } else { PackPlace::At(gate, day) })
    }
}
