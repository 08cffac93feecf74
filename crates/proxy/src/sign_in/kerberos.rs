//! Verifying a Kerberos request (`AP-REQ`): who shows a ticket for this service (RFC 4120, section 3.2).
//!
//! Left out: user-to-user tickets, channel bindings, delegated tickets (what a client hands over is not looked at), the
//! groups in a ticket of Active Directory, and addresses in tickets.
//!
//! Invariants: any bytes are somebody or a refusal, never a panic; nothing of a ticket is believed before its check value
//! was right under one of the service's own keys; the same request counts once.

use super::cipher::{Etype, Key, Usage};
use super::keytab::{Keytab, Wanted};
use super::replay::{Showing, Shown};
use crate::der::{
    Element, INTEGER, OCTETS, Reader, SEQUENCE, application, application_byte, context, context_byte,
    element, moment, small_number,
};
use arc_swap::ArcSwap;
use model::{SchoolId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How far clocks may be apart (RFC 4120, section 1.5: "typically five minutes").
const SKEW_MS: i64 = 300_000;
/// Keys of one kind and number that are tried; a rotation leaves two.
const MOST_TRIED: usize = 8;
/// Bits of `APOptions` and `TicketFlags` (RFC 4120, sections 5.5.1 and 5.3).
const USE_SESSION_KEY: usize = 1;
const MUTUAL_REQUIRED: usize = 2;
const INVALID: usize = 7;
const TRANSITED_POLICY_CHECKED: usize = 12;

/// Why somebody is not let in. None of it names anybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum TicketRefused {
    #[error("it cannot be read")]
    Unreadable,
    #[error("it is encrypted in a way that proves nothing any more")]
    WeakCipher,
    #[error("it is for a service, a realm or a key that is not in the keytab")]
    NoKey,
    #[error("it does not fit its key")]
    Forged,
    #[error("it is out of date")]
    OutOfDate,
    #[error("the clocks of device and gate are more than five minutes apart")]
    ClocksApart,
    #[error("its client's realm is not one of the school's")]
    OtherRealm,
    #[error("it was shown before")]
    ShownBefore,
    #[error("too many were shown in the last ten minutes")]
    NoRoom,
}

/// Who showed a good ticket.
#[derive(Debug)]
pub(super) struct Accepted {
    /// The client's name within its realm.
    pub(super) name: String,
    pub(super) realm: String,
    pub(super) school: Option<SchoolId>,
    /// When the ticket ends.
    pub(super) until: Timestamp,
    /// `AP-REP`, where the client asks the service to prove itself too.
    pub(super) answer: Option<Vec<u8>>,
}

/// Whose tickets are taken.
pub(super) struct Acceptor<'a> {
    pub(super) keytab: &'a ArcSwap<Keytab>,
    /// The realms of clients, and whose people they hold; empty: the service's own, any school's people.
    pub(super) realms: &'a HashMap<String, SchoolId>,
    pub(super) shown: &'a Mutex<Shown>,
}

impl Acceptor<'_> {
    /// Verifies a request; `confounder` is random, for the answer.
    pub(super) fn accept(
        &self,
        request: &[u8],
        now: Timestamp,
        confounder: [u8; 16],
    ) -> Result<Accepted, TicketRefused> {
        let request = ApReq::read(request).ok_or(TicketRefused::Unreadable)?;
        let ticket = self.open(&request.ticket)?;
        let ticket = Ticket::read(&ticket).ok_or(TicketRefused::Unreadable)?;
        ticket.is_in_date(now)?;
        let etype = Etype::parse(ticket.key.0).ok_or(TicketRefused::WeakCipher)?;
        let session = Key::new(etype, ticket.key.1).ok_or(TicketRefused::Unreadable)?;
        if Etype::parse(request.authenticator.etype) != Some(etype) {
            return Err(TicketRefused::Forged);
        }
        let sealed = request.authenticator.cipher;
        let proof = session.decrypt(Usage::Authenticator, sealed).ok_or(TicketRefused::Forged)?;
        let proof = Authenticator::read(&proof).ok_or(TicketRefused::Unreadable)?;
        if proof.realm != ticket.realm || proof.name != ticket.name {
            return Err(TicketRefused::Forged);
        }
        if (proof.at.0.saturating_sub(now.0)).abs() > SKEW_MS {
            return Err(TicketRefused::ClocksApart);
        }
        let school = self.school_of(&ticket, request.ticket.realm)?;
        match self.shown.lock().unwrap_or_else(PoisonError::into_inner).note(sealed, now, 2 * SKEW_MS) {
            Showing::First => {}
            Showing::Again => return Err(TicketRefused::ShownBefore),
            Showing::NoRoom => return Err(TicketRefused::NoRoom),
        }
        let name = single_name(&ticket.name).ok_or(TicketRefused::OtherRealm)?;
        let answer = request.wants_answer.then(|| proof.answer(&session, confounder)).flatten();
        Ok(Accepted { name, realm: ticket.realm.to_owned(), school, until: ticket.until, answer })
    }

    /// Decrypts a ticket with whichever of the service's keys it is for.
    fn open(&self, ticket: &SealedTicket<'_>) -> Result<Vec<u8>, TicketRefused> {
        let Sealed { etype, version, cipher } = ticket.sealed;
        let etype = Etype::parse(etype).ok_or(TicketRefused::WeakCipher)?;
        let keytab = self.keytab.load();
        let wanted = Wanted { realm: ticket.realm, name: &ticket.service, etype, version };
        let mut refused = TicketRefused::NoKey;
        for key in keytab.keys(&wanted).take(MOST_TRIED) {
            match key.decrypt(Usage::Ticket, cipher) {
                Some(opened) => return Ok(opened),
                None => refused = TicketRefused::Forged,
            }
        }
        Err(refused)
    }

    /// The school that a client's realm stands for. Where tickets came by way of other realms, the realm that gave this one
    /// must have looked at the way.
    fn school_of(&self, ticket: &Ticket<'_>, service_realm: &str) -> Result<Option<SchoolId>, TicketRefused> {
        if ticket.realm != service_realm && !ticket.transit.is_empty() && !ticket.is_transit_checked {
            return Err(TicketRefused::OtherRealm);
        }
        if self.realms.is_empty() {
            return (ticket.realm == service_realm).then_some(None).ok_or(TicketRefused::OtherRealm);
        }
        self.realms.get(ticket.realm).cloned().map(Some).ok_or(TicketRefused::OtherRealm)
    }
}

/// A person's name has one part; those of services and of second accounts have more.
fn single_name(name: &[&[u8]]) -> Option<String> {
    match name {
        [only] => std::str::from_utf8(only).ok().filter(|name| !name.is_empty()).map(str::to_owned),
        _ => None,
    }
}

/// Something encrypted (`EncryptedData`).
#[derive(Clone, Copy)]
struct Sealed<'a> {
    etype: u32,
    version: Option<u32>,
    cipher: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn read(sequence: Element<'a>) -> Option<Self> {
        let mut fields = Reader::new(sequence.content);
        let etype = number(&mut fields, 0)?;
        let version = match fields.take_inside(context(1)) {
            Some(version) => Some(small_number(version.content)?),
            None => None,
        };
        let cipher = fields.take_inside(context(2))?.content;
        Some(Self { etype, version, cipher })
    }
}

/// What a client sends (`AP-REQ`).
struct ApReq<'a> {
    wants_answer: bool,
    ticket: SealedTicket<'a>,
    authenticator: Sealed<'a>,
}

/// A ticket as the client has it (`Ticket`): it can read whom it is for, and no more.
struct SealedTicket<'a> {
    realm: &'a str,
    service: Vec<&'a [u8]>,
    sealed: Sealed<'a>,
}

impl<'a> ApReq<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(Reader::new(bytes).take_inside(application(14))?.content);
        if (number(&mut fields, 0)?, number(&mut fields, 1)?) != (5, 14) {
            return None;
        }
        let options = fields.take_inside(context(2))?.content;
        if bit(options, USE_SESSION_KEY) {
            return None;
        }
        let ticket = fields.take_if(context(3))?;
        Some(Self {
            wants_answer: bit(options, MUTUAL_REQUIRED),
            ticket: SealedTicket::read(ticket.content)?,
            authenticator: Sealed::read(fields.take_inside(context(4))?)?,
        })
    }
}

impl<'a> SealedTicket<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(Reader::new(bytes).take_inside(application(1))?.content);
        if number(&mut fields, 0)? != 5 {
            return None;
        }
        let realm = text(&mut fields, 1)?;
        let service = name(&mut fields, 2)?;
        Some(Self { realm, service, sealed: Sealed::read(fields.take_inside(context(3))?)? })
    }
}

/// What stands in a ticket (`EncTicketPart`), as far as it counts here.
struct Ticket<'a> {
    is_invalid: bool,
    is_transit_checked: bool,
    key: (u32, &'a [u8]),
    realm: &'a str,
    name: Vec<&'a [u8]>,
    transit: &'a [u8],
    from: Timestamp,
    until: Timestamp,
}

impl<'a> Ticket<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(Reader::new(bytes).take_inside(application(3))?.content);
        let flags = fields.take_inside(context(0))?.content;
        let mut key = Reader::new(fields.take_inside(context(1))?.content);
        let key = (number(&mut key, 0)?, key.take_inside(context(1))?.content);
        let realm = text(&mut fields, 2)?;
        let name = name(&mut fields, 3)?;
        let mut transited = Reader::new(fields.take_inside(context(4))?.content);
        transited.take_if(context(0))?;
        let transit = transited.take_inside(context(1))?.content;
        let signed_in = time(&mut fields, 5)?;
        let from = match fields.take_if(context(6)) {
            Some(start) => moment(start.content)?,
            None => signed_in,
        };
        Some(Self {
            is_invalid: bit(flags, INVALID),
            is_transit_checked: bit(flags, TRANSITED_POLICY_CHECKED),
            key,
            realm,
            name,
            transit,
            from,
            until: time(&mut fields, 7)?,
        })
    }

    fn is_in_date(&self, now: Timestamp) -> Result<(), TicketRefused> {
        let begun = self.from.plus_ms(-SKEW_MS) <= now;
        let ended = self.until.plus_ms(SKEW_MS) < now;
        if self.is_invalid || !begun || ended { Err(TicketRefused::OutOfDate) } else { Ok(()) }
    }
}

/// What only the ticket's owner could encrypt just now (`Authenticator`).
struct Authenticator<'a> {
    realm: &'a str,
    name: Vec<&'a [u8]>,
    at: Timestamp,
    /// The moment and its microseconds, as they are encoded.
    stamp: (&'a [u8], &'a [u8]),
}

impl<'a> Authenticator<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(Reader::new(bytes).take_inside(application(2))?.content);
        if number(&mut fields, 0)? != 5 {
            return None;
        }
        let realm = text(&mut fields, 1)?;
        let name = name(&mut fields, 2)?;
        fields.take_if(context(3));
        let microseconds = fields.take_if(context(4))?.content;
        let time = fields.take_if(context(5))?.content;
        Some(Self { realm, name, at: moment(time)?, stamp: (time, microseconds) })
    }

    /// `AP-REP`: the client's own moment, given back under the session's key.
    fn answer(&self, session: &Key, confounder: [u8; 16]) -> Option<Vec<u8>> {
        let (time, microseconds) = self.stamp;
        let stamp = [element(context_byte(0), &[time]), element(context_byte(1), &[microseconds])].concat();
        let part = element(application_byte(27), &[&element(SEQUENCE, &[&stamp])]);
        let cipher = session.encrypt(Usage::Answer, confounder, &part)?;
        let numbered =
            |field: u8, number: u8| element(context_byte(field), &[&element(INTEGER, &[&[number]])]);
        let cipher = element(context_byte(2), &[&element(OCTETS, &[&cipher])]);
        let sealed = element(SEQUENCE, &[&numbered(0, session.etype().number()), &cipher]);
        let sealed = element(context_byte(2), &[&sealed]);
        let fields = element(SEQUENCE, &[&numbered(0, 5), &numbered(1, 15), &sealed]);
        Some(element(application_byte(15), &[&fields]))
    }
}

fn number(fields: &mut Reader<'_>, tag: u32) -> Option<u32> {
    small_number(fields.take_inside(context(tag))?.content)
}

fn text<'a>(fields: &mut Reader<'a>, tag: u32) -> Option<&'a str> {
    std::str::from_utf8(fields.take_inside(context(tag))?.content).ok()
}

fn time(fields: &mut Reader<'_>, tag: u32) -> Option<Timestamp> {
    moment(fields.take_if(context(tag))?.content)
}

/// The parts of a `PrincipalName`; its kind is only a hint (RFC 4120, section 6.2).
fn name<'a>(fields: &mut Reader<'a>, tag: u32) -> Option<Vec<&'a [u8]>> {
    let mut name = Reader::new(fields.take_inside(context(tag))?.content);
    name.take_if(context(0))?;
    let mut parts = Reader::new(name.take_inside(context(1))?.content);
    let parts: Vec<&[u8]> = std::iter::from_fn(|| parts.take()).map(|part| part.content).collect();
    (!parts.is_empty()).then_some(parts)
}

/// A bit of a bit string, the first is number 0.
fn bit(content: &[u8], number: usize) -> bool {
    let byte = content.get(1 + number / 8).copied().unwrap_or(0);
    byte & (0x80 >> (number % 8)) != 0
}

#[cfg(test)]
mod tests;
