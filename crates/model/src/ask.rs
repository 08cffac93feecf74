//! A question to the policy: who wants to reach what, how, and when.

use crate::{Claim, Device, GroupId, Host, NetworkId, Person, SchoolId, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// One question to [`Verdict`](crate::Verdict)'s maker.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who asks, and how that is known.
    pub who: Who,
    /// What they want to reach.
    pub what: Target,
    /// The way the question came.
    pub how: Channel,
    /// When.
    pub at: Timestamp,
}

/// Who asks, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// The address the question came from.
    pub address: Option<IpAddr>,
    /// The school whose network the address lies in.
    pub school: Option<SchoolId>,
    /// The network the address lies in.
    pub network: Option<NetworkId>,
    /// The device at that address.
    pub device: Option<Arc<Device>>,
    /// The people who may be behind it: none when unknown; several where an address is shared, and then every
    /// one's denials count.
    pub people: Vec<Known>,
    /// The group, where the question names one instead of anybody in particular (the explain form, a simulation).
    pub named_group: Option<GroupId>,
}

/// A person, how and when they came to be known, and when that ends.
#[derive(Clone, Debug)]
pub struct Known {
    /// The person.
    pub person: Arc<Person>,
    /// How they came to be known.
    pub by: KnownBy,
    /// Since when; `None` for what has no beginning that we saw, such as a device that is lent to somebody.
    pub since: Option<Timestamp>,
    /// Until when; `None` where no end is set.
    pub until: Option<Timestamp>,
}

impl Known {
    /// Somebody who is known without a beginning and an end: by their device, or because the question names them.
    pub fn lasting(person: &Arc<Person>, by: KnownBy) -> Self {
        Self { person: Arc::clone(person), by, since: None, until: None }
    }

    /// Somebody who is known by a claim.
    pub fn by_claim(person: &Arc<Person>, claim: &Claim) -> Self {
        Self { person: Arc::clone(person), by: claim.by, since: Some(claim.from), until: Some(claim.until) }
    }
}

/// How a person came to be known. At one address the strongest way counts, in this order, strongest first: see
/// [`KnownBy::rank`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KnownBy {
    /// They gave their password to the proxy, on this connection.
    Proxy,
    /// They showed the proxy a Kerberos ticket of the school's domain, on this connection.
    Ticket,
    /// They signed in on the school's page from this address.
    SignIn,
    /// The network told us (RADIUS accounting) who signed the device at this address in to it.
    Radius,
    /// The device at this address is lent to them.
    Device,
    /// The question named them (the explain form, a simulation).
    Named,
}

impl KnownBy {
    /// Every way.
    pub const ALL: [KnownBy; 6] =
        [Self::Proxy, Self::Ticket, Self::SignIn, Self::Radius, Self::Device, Self::Named];

    /// How strong it is, 0 the strongest: what somebody said of themselves on the connection, then at the address, then
    /// what the network says of the device there, then whom it is lent to. A question that names somebody stands alone.
    pub fn rank(self) -> u8 {
        match self {
            Self::Named | Self::Proxy | Self::Ticket => 0,
            Self::SignIn => 1,
            Self::Radius => 2,
            Self::Device => 3,
        }
    }

    /// The name in history.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Ticket => "ticket",
            Self::SignIn => "sign-in",
            Self::Radius => "radius",
            Self::Device => "device",
            Self::Named => "named",
        }
    }

    /// Reads the name in history.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.slug() == text)
    }
}

/// What somebody wants to reach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The host.
    pub host: Host,
    /// The port, where one is known (DNS knows none).
    pub port: Option<u16>,
    /// Path and query, once the request itself is readable; `None` for DNS and for a tunnel.
    pub path: Option<String>,
    /// The type of a DNS question, by number; `None` where it is none.
    pub record_type: Option<u16>,
}

impl Target {
    /// A host alone.
    pub fn host(host: Host) -> Self {
        Self { host, port: None, path: None, record_type: None }
    }
}

/// The way a request came in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Channel {
    /// A DNS question.
    Dns,
    /// Plain HTTP through the proxy.
    Http,
    /// A tunnel through the proxy, before or without inspection: only the host is known.
    Tunnel,
    /// A request inside an inspected TLS connection.
    Https,
    /// A question of the explain form or the command line; nothing is fetched.
    Explain,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 5] = [Self::Dns, Self::Http, Self::Tunnel, Self::Https, Self::Explain];

    /// The name in history.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Http => "http",
            Self::Tunnel => "tunnel",
            Self::Https => "https",
            Self::Explain => "explain",
        }
    }

    /// Reads the name in history.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.slug() == text)
    }
}
