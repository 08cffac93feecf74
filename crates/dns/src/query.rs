//! Bytes become a question, a refusal, or nothing.
//!
//! Pure, and without allocation but for the host's name and a long question: a question is read where it lies. Names of a question are
//! never compressed, since nothing stands before them that they could point to.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RecordType};
use model::Host;
use smallvec::SmallVec;
use std::fmt;

/// The length of a message's head (RFC 1035, 4.1.1).
pub(crate) const HEAD_BYTES: usize = 12;
/// The largest query that is read. Real ones are far below; larger ones come from nobody who wants an answer.
pub(crate) const QUERY_LIMIT_BYTES: usize = 4_096;
/// The same by UDP: what every link takes in one piece, as for answers.
pub(crate) const UDP_QUERY_LIMIT_BYTES: usize = 1_232;
/// The most additional records of a query: `OPT` and a signature.
const MOST_ADDITIONALS: u16 = 4;
/// What every answer over UDP fits into, whatever the client offers: it passes today's links unfragmented.
const UDP_LIMIT_BYTES: u16 = 1_232;
/// What an answer over UDP fits into when the client offers nothing (RFC 1035, 4.2.1).
const UDP_LIMIT_WITHOUT_EDNS_BYTES: u16 = 512;
/// The longest name on the wire (RFC 1035, 3.1).
pub(crate) const NAME_LIMIT_BYTES: usize = 255;
/// Type and class of a question, after its name.
pub(crate) const QUESTION_END_BYTES: usize = 4;
const CLASS_IN: u16 = 1;
const TYPE_OPT: u16 = 41;
/// The option that asks for answers of even lengths (RFC 7830).
const OPTION_PADDING: u16 = 12;

/// The wire a query came by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    Udp,
    Tcp,
    /// TLS or HTTPS: nobody on the way reads along.
    Encrypted,
}

impl Wire {
    fn query_limit_bytes(self) -> usize {
        match self {
            Self::Udp => UDP_QUERY_LIMIT_BYTES,
            Self::Tcp | Self::Encrypted => QUERY_LIMIT_BYTES,
        }
    }
}

/// A well-formed question, in a form that needs no memory of its own but the host.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The message's id.
    pub(crate) id: u16,
    /// What the policy judges; `None` for the root, which is nobody's site.
    pub(crate) host: Option<Host>,
    /// The type, by number.
    pub(crate) type_number: u16,
    /// `RD`: repeated in the answer; every question is answered in full either way.
    pub(crate) recursion_desired: bool,
    /// `CD`: the client checks signatures itself.
    pub(crate) checking_disabled: bool,
    /// `DO`: the client wants signatures (RFC 3225).
    pub(crate) dnssec_ok: bool,
    /// `AD` in a query: the client understands the bit (RFC 6840, 5.7).
    pub(crate) wants_authentic: bool,
    /// The client speaks EDNS, so it can be told why.
    pub(crate) edns: bool,
    /// The answer is to be of an even length (RFC 8467), for nobody is to guess the name from it.
    pub(crate) padded: bool,
    /// The largest answer that may be sent.
    pub(crate) limit_bytes: u16,
    class: u16,
    is_exact: bool,
    wire: WireQuestion,
}

/// A question as it stands on the wire: the name with its last zero, type and class. Almost every one fits in place.
#[derive(Clone)]
struct WireQuestion {
    name_bytes: usize,
    bytes: SmallVec<[u8; 48]>,
}

/// What bytes turned out to be.
#[derive(Debug)]
pub(crate) enum Received {
    /// A question of class `IN`.
    Asked(Asked),
    /// A question that is not taken on, and the code it is answered with.
    Unfit(Asked, ResponseCode),
    /// Something that is answered with an error and without a question, since that may be what is wrong.
    Broken(Broken),
    /// Something that is not answered at all.
    Dropped,
}

/// What an answer to something broken repeats of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken {
    id: u16,
    op_code_and_rd: u8,
    code: u8,
}

/// Reads a message. Responses and what is too short for a head are dropped, since answering them could go round in
/// circles; everything else gets at least an error.
pub(crate) fn read(bytes: &[u8], wire: Wire) -> Received {
    let Some(head) = Head::read(bytes) else { return Received::Dropped };
    if head.is_response() {
        return Received::Dropped;
    }
    if head.op_code() != 0 {
        return head.broken(ResponseCode::NotImp);
    }
    // An IXFR carries one authority record (RFC 1995, 3); it is refused below, by its type.
    let fits = head.questions == 1 && head.answers == 0 && head.authorities <= 1;
    if !fits || head.additionals > MOST_ADDITIONALS || bytes.len() > wire.query_limit_bytes() {
        return head.broken(ResponseCode::FormErr);
    }
    match read_question(&head, bytes, wire) {
        None => head.broken(ResponseCode::FormErr),
        Some((asked, version)) => match unfit(&asked, version) {
            Some(code) => Received::Unfit(asked, code),
            None => Received::Asked(asked),
        },
    }
}

/// The question, and the version of EDNS it came with.
fn read_question(head: &Head, bytes: &[u8], wire: Wire) -> Option<(Asked, u8)> {
    let question = bytes.get(HEAD_BYTES..)?;
    let mut room = [0; NAME_LIMIT_BYTES];
    let (text, rest) = read_name(question, &mut room)?;
    let wire_question = WireQuestion::read(question, question.len() - rest.len())?;
    let (fixed, mut rest) = rest.split_first_chunk::<QUESTION_END_BYTES>()?;
    let [type_high, type_low, class_high, class_low] = *fixed;
    let mut edns: Option<Edns> = None;
    for number in 0..head.authorities.saturating_add(head.additionals) {
        let (record, after) = Record::read(rest)?;
        rest = after;
        if record.type_number == TYPE_OPT {
            // One at most, owned by the root, and among the additional records (RFC 6891, 6.1.1).
            if edns.is_some() || number < head.authorities || !record.of_root {
                return None;
            }
            edns = Some(Edns::read(&record)?);
        }
    }
    let offered = edns.map_or(UDP_LIMIT_WITHOUT_EDNS_BYTES, |edns| edns.payload);
    let asked = Asked {
        id: head.id,
        host: text.host(&room),
        type_number: u16::from_be_bytes([type_high, type_low]),
        recursion_desired: head.flags & 0x0100 != 0,
        wants_authentic: head.flags & 0x0020 != 0,
        checking_disabled: head.flags & 0x0010 != 0,
        dnssec_ok: edns.is_some_and(|edns| edns.dnssec_ok),
        edns: edns.is_some(),
        padded: wire == Wire::Encrypted && edns.is_some_and(|edns| edns.padded),
        limit_bytes: match wire {
            Wire::Udp => offered.clamp(UDP_LIMIT_WITHOUT_EDNS_BYTES, UDP_LIMIT_BYTES),
            Wire::Tcp | Wire::Encrypted => u16::MAX,
        },
        class: u16::from_be_bytes([class_high, class_low]),
        is_exact: text.is_exact,
        wire: wire_question,
    };
    Some((asked, edns.map_or(0, |edns| edns.version)))
}

/// Why a question is not taken on, where it is not.
fn unfit(asked: &Asked, version: u8) -> Option<ResponseCode> {
    if version != 0 {
        return Some(ResponseCode::BADVERS);
    }
    if asked.class != CLASS_IN {
        return Some(ResponseCode::Refused);
    }
    // 128 to 254 are questions about transfers, keys and signatures of a connection (RFC 6895, 3.1), 41 is `OPT`.
    match asked.type_number {
        0 | TYPE_OPT => Some(ResponseCode::FormErr),
        128..=254 => Some(ResponseCode::Refused),
        _ => None,
    }
}

impl Asked {
    /// The name on the wire, in the client's own spelling, with its last zero.
    pub(crate) fn wire_name(&self) -> &[u8] {
        self.wire.bytes.get(..self.wire.name_bytes).unwrap_or_default()
    }

    /// The whole question on the wire: name, type and class.
    pub(crate) fn wire_question(&self) -> &[u8] {
        &self.wire.bytes
    }

    /// The name on the wire with its letters in lower case, in `room`.
    pub(crate) fn lower_case_name<'a>(&self, room: &'a mut [u8; NAME_LIMIT_BYTES]) -> &'a [u8] {
        let Some(room) = room.get_mut(..self.wire.name_bytes) else { return &[] };
        // Lengths are below the letters, so that only letters change.
        for (place, byte) in room.iter_mut().zip(&self.wire.bytes) {
            *place = byte.to_ascii_lowercase();
        }
        room
    }

    /// The name, in the client's own spelling.
    pub(crate) fn name(&self) -> Name {
        Name::from_labels(labels(self.wire_name())).unwrap_or_default()
    }

    pub(crate) fn record_type(&self) -> RecordType {
        RecordType::from(self.type_number)
    }

    /// The host, where the name itself is one and not only something above it.
    pub(crate) fn exact_host(&self) -> Option<&Host> {
        self.host.as_ref().filter(|_| self.is_exact)
    }

    /// True for the root of all names.
    pub(crate) fn is_of_root(&self) -> bool {
        self.wire.name_bytes == 1
    }
}

impl WireQuestion {
    /// `bytes` begin with the question.
    fn read(bytes: &[u8], name_bytes: usize) -> Option<Self> {
        if name_bytes > NAME_LIMIT_BYTES {
            return None;
        }
        let bytes = bytes.get(..name_bytes + QUESTION_END_BYTES)?;
        Some(Self { name_bytes, bytes: SmallVec::from_slice(bytes) })
    }
}

impl fmt::Debug for WireQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WireQuestion").field(&self.bytes.get(..self.name_bytes)).finish()
    }
}

/// The labels of a name on the wire that is known to be well formed.
fn labels(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first()?;
        let (label, after) = rest.split_at_checked(usize::from(*length))?;
        bytes = after;
        (!label.is_empty()).then_some(label)
    })
}

/// The end of a name that is a host's, in the room it was read into: in lower case, a dot after each label.
struct HostText {
    length: usize,
    is_exact: bool,
}

impl HostText {
    /// What the policy judges a name by: the name itself; where a label has characters that no host name has (a
    /// printer's service name, a dot within a label), the nearest name above it that is one. `None` where there is none.
    fn host(&self, room: &[u8]) -> Option<Host> {
        let bytes = room.get(..self.length.checked_sub(1)?)?;
        let text = std::str::from_utf8(bytes).ok()?;
        // Where the last label is a number, the whole may read as an address.
        if bytes.last().is_some_and(u8::is_ascii_digit) {
            return Host::parse_asked(text).ok();
        }
        Some(Host::Name(text.into()))
    }
}

/// What a byte becomes in a host name: its lower case; 0 where no host name has it.
const LOWER: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte: u8 = 0;
    while byte < 255 {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            #[expect(clippy::indexing_slicing, reason = "the table has a place for every byte")]
            {
                table[byte as usize] = byte.to_ascii_lowercase();
            }
        }
        byte += 1;
    }
    table
};

/// Reads an uncompressed name as a host into `room`, and gives what follows it.
fn read_name<'a>(bytes: &'a [u8], room: &mut [u8; NAME_LIMIT_BYTES]) -> Option<(HostText, &'a [u8])> {
    let mut text = HostText { length: 0, is_exact: true };
    let mut rest = bytes;
    loop {
        let (length, after) = rest.split_first()?;
        if *length == 0 {
            return Some((text, after));
        }
        // 64 and above are pointers and the forms nobody uses.
        let (label, after) = after.split_at_checked(usize::from(*length)).filter(|_| *length < 64)?;
        rest = after;
        let end = text.length + label.len();
        let (place, dot) = room.get_mut(text.length..=end)?.split_at_mut(label.len());
        let mut fits = true;
        for (place, byte) in place.iter_mut().zip(label) {
            *place = LOWER.get(usize::from(*byte)).copied().unwrap_or(0);
            fits &= *place != 0;
        }
        dot.fill(b'.');
        text.length = if fits { end + 1 } else { 0 };
        text.is_exact &= fits;
    }
}

/// A record after the question, as far as it matters in a query.
struct Record<'a> {
    of_root: bool,
    type_number: u16,
    class: u16,
    ttl: [u8; 4],
    content: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let after_name = skip_name(bytes)?;
        let (fixed, rest) = after_name.split_first_chunk::<10>()?;
        let [t0, t1, c0, c1, ttl0, ttl1, ttl2, ttl3, l0, l1] = *fixed;
        let (content, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        let record = Self {
            of_root: bytes.first() == Some(&0),
            type_number: u16::from_be_bytes([t0, t1]),
            class: u16::from_be_bytes([c0, c1]),
            ttl: [ttl0, ttl1, ttl2, ttl3],
            content,
        };
        Some((record, rest))
    }
}

/// What follows a name that may end in a pointer.
pub(crate) fn skip_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            1..64 => bytes = rest.get(usize::from(*length)..)?,
            192.. => return rest.get(1..),
            64..192 => return None,
        }
    }
}

/// What a client says by its `OPT` record (RFC 6891, 6.1.3).
#[derive(Clone, Copy)]
struct Edns {
    payload: u16,
    version: u8,
    dnssec_ok: bool,
    padded: bool,
}

impl Edns {
    /// `None` where the options do not add up.
    fn read(record: &Record<'_>) -> Option<Self> {
        let [_, version, flags, _] = record.ttl;
        let mut padded = false;
        let mut options = record.content;
        while !options.is_empty() {
            let (fixed, rest) = options.split_first_chunk::<4>()?;
            let [number0, number1, length0, length1] = *fixed;
            padded |= u16::from_be_bytes([number0, number1]) == OPTION_PADDING;
            options = rest.get(usize::from(u16::from_be_bytes([length0, length1]))..)?;
        }
        Some(Self { payload: record.class, version, dnssec_ok: flags & 0x80 != 0, padded })
    }
}

/// What the policy judges a name of an answer by, as [`Asked::host`] for the name of a question.
pub(crate) fn judged_host(name: &Name) -> Option<Host> {
    let mut labels: Vec<&str> = Vec::new();
    let from_the_top: Vec<&[u8]> = name.iter().collect();
    for label in from_the_top.into_iter().rev() {
        let fits = label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        match std::str::from_utf8(label) {
            Ok(text) if fits => labels.push(text),
            _ => break,
        }
    }
    labels.reverse();
    Host::parse_asked(&labels.join(".")).ok()
}

/// The head of a message.
struct Head {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
    authorities: u16,
    additionals: u16,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let [id0, id1, flags0, flags1, numbers @ ..] = *head;
        let [q0, q1, an0, an1, ns0, ns1, ar0, ar1] = numbers;
        Some(Self {
            id: u16::from_be_bytes([id0, id1]),
            flags: u16::from_be_bytes([flags0, flags1]),
            questions: u16::from_be_bytes([q0, q1]),
            answers: u16::from_be_bytes([an0, an1]),
            authorities: u16::from_be_bytes([ns0, ns1]),
            additionals: u16::from_be_bytes([ar0, ar1]),
        })
    }

    fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    fn op_code(&self) -> u16 {
        (self.flags >> 11) & 0x0f
    }

    fn broken(&self, code: ResponseCode) -> Received {
        let [high, _] = self.flags.to_be_bytes();
        Received::Broken(Broken { id: self.id, op_code_and_rd: high & 0b0111_1001, code: code.low() })
    }
}

impl Broken {
    /// Writes the answer: a head alone.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let [id0, id1] = self.id.to_be_bytes();
        out.extend_from_slice(&[
            id0,
            id1,
            0x80 | self.op_code_and_rd,
            0x80 | self.code,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ]);
    }
}

#[cfg(test)]
mod tests;
