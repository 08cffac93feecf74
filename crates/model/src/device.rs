//! Devices, as far as the filter knows them.

use crate::{DeviceId, PersonId, SchoolId};
use std::net::IpAddr;

/// A device on the roster, known by the addresses it is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// The device's id.
    pub id: DeviceId,
    /// The school that owns it.
    pub school: SchoolId,
    /// The name on its label, such as `LIB-04`.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The fixed addresses it is reached at.
    pub addresses: Vec<IpAddr>,
    /// The one person who uses it, where it is lent to somebody.
    pub assigned_to: Option<PersonId>,
}

/// What a device is. Equipment has groups of its own and never counts as a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DeviceKind {
    /// A desktop, laptop, tablet or phone that people use.
    Workstation,
    /// A server.
    Server,
    /// A printer or copier.
    Printer,
    /// Anything else on the network: cameras, screens, boilers.
    Other,
}

impl DeviceKind {
    /// Every kind.
    pub const ALL: [DeviceKind; 4] = [Self::Workstation, Self::Server, Self::Printer, Self::Other];

    /// The name in a policy file and in the store.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Workstation => "workstation",
            Self::Server => "server",
            Self::Printer => "printer",
            Self::Other => "other",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }

    /// True for what no person sits at.
    pub fn is_equipment(self) -> bool {
        self != Self::Workstation
    }
}
