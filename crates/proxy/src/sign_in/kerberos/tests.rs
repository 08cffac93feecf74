use super::super::keytab::tests::{entry, file};
use super::*;
use proptest::prelude::*;

const REALM: &str = "ASH.EXAMPLE";
const SERVICE: [&str; 2] = ["HTTP", "gate.ash.example"];
const GENERAL_STRING: u8 = 0x1b;
const GENERALIZED_TIME: u8 = 0x18;
const BIT_STRING: u8 = 3;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T10:00:00Z").unwrap()
}

fn field(tag: u8, inside: &[u8]) -> Vec<u8> {
    element(context_byte(tag), &[inside])
}

fn whole(number: u32) -> Vec<u8> {
    let bytes: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let first = bytes.first().copied().unwrap_or(0x80);
    let sign: &[u8] = if first >= 0x80 { &[0] } else { &[] };
    element(INTEGER, &[sign, &bytes])
}

fn string(text: &str) -> Vec<u8> {
    element(GENERAL_STRING, &[text.as_bytes()])
}

fn principal(parts: &[&str]) -> Vec<u8> {
    let parts: Vec<u8> = parts.iter().flat_map(|part| string(part)).collect();
    element(SEQUENCE, &[&field(0, &whole(1)), &field(1, &element(SEQUENCE, &[&parts]))])
}

fn at(moment: Timestamp) -> Vec<u8> {
    let digits: String = moment.to_string().chars().take(19).filter(char::is_ascii_digit).collect();
    element(GENERALIZED_TIME, &[digits.as_bytes(), b"Z"])
}

fn bits(set: &[usize]) -> Vec<u8> {
    let mut bytes = [0_u8; 5];
    set.iter().for_each(|bit| bytes[1 + bit / 8] |= 0x80 >> (bit % 8));
    element(BIT_STRING, &[&bytes])
}

fn sealed(etype: u8, version: Option<u32>, cipher: &[u8]) -> Vec<u8> {
    let version = version.map(|version| field(1, &whole(version))).unwrap_or_default();
    element(SEQUENCE, &[&field(0, &whole(etype.into())), &version, &field(2, &element(OCTETS, &[cipher]))])
}

/// What a client shows; each test changes what it is about.
#[derive(Clone)]
struct Show {
    service: Vec<&'static str>,
    service_realm: &'static str,
    service_key: Vec<u8>,
    etype: Etype,
    version: Option<u32>,
    client: Vec<&'static str>,
    realm: &'static str,
    transit: &'static [u8],
    flags: Vec<usize>,
    from: Timestamp,
    until: Timestamp,
    session: Etype,
    proof_client: Option<&'static [&'static str]>,
    proof_at: Timestamp,
    options: Vec<usize>,
}

impl Default for Show {
    fn default() -> Self {
        Self {
            service: SERVICE.to_vec(),
            service_realm: REALM,
            service_key: vec![7; 32],
            etype: Etype::Aes256Sha1,
            version: Some(3),
            client: vec!["amara"],
            realm: REALM,
            transit: b"",
            flags: Vec::new(),
            from: now().plus_ms(-3_600_000),
            until: now().plus_ms(3_600_000),
            session: Etype::Aes256Sha384,
            proof_client: None,
            proof_at: now(),
            options: vec![MUTUAL_REQUIRED],
        }
    }
}

impl Show {
    fn session_key(&self) -> Key {
        Key::new(self.session, &vec![9; self.session.key_bytes()]).unwrap()
    }

    fn request(&self) -> Vec<u8> {
        let key = element(
            SEQUENCE,
            &[
                &field(0, &whole(self.session.number().into())),
                &field(1, &element(OCTETS, &[&vec![9; self.session.key_bytes()]])),
            ],
        );
        let transited =
            element(SEQUENCE, &[&field(0, &whole(1)), &field(1, &element(OCTETS, &[self.transit]))]);
        let fields = [
            field(0, &bits(&self.flags)),
            field(1, &key),
            field(2, &string(self.realm)),
            field(3, &principal(&self.client)),
            field(4, &transited),
            field(5, &at(self.from)),
            field(7, &at(self.until)),
        ];
        let part = element(application_byte(3), &[&element(SEQUENCE, &[&fields.concat()])]);
        let service_key = Key::new(self.etype, &self.service_key).unwrap();
        let part = service_key.encrypt(Usage::Ticket, [1; 16], &part).unwrap();
        let ticket = [
            field(0, &whole(5)),
            field(1, &string(self.service_realm)),
            field(2, &principal(&self.service)),
            field(3, &sealed(self.etype.number(), self.version, &part)),
        ];
        let ticket = element(application_byte(1), &[&element(SEQUENCE, &[&ticket.concat()])]);
        let proof = [
            field(0, &whole(5)),
            field(1, &string(self.realm)),
            field(2, &principal(self.proof_client.unwrap_or(&self.client))),
            field(4, &whole(123_456)),
            field(5, &at(self.proof_at)),
        ];
        let proof = element(application_byte(2), &[&element(SEQUENCE, &[&proof.concat()])]);
        let proof = self.session_key().encrypt(Usage::Authenticator, [2; 16], &proof).unwrap();
        let request = [
            field(0, &whole(5)),
            field(1, &whole(14)),
            field(2, &bits(&self.options)),
            field(3, &ticket),
            field(4, &sealed(self.session.number(), None, &proof)),
        ];
        element(application_byte(14), &[&element(SEQUENCE, &[&request.concat()])])
    }
}

/// A service with two keys, the newer one number 3.
struct Service {
    keytab: ArcSwap<Keytab>,
    realms: HashMap<String, SchoolId>,
    shown: Mutex<Shown>,
}

impl Service {
    fn new() -> Self {
        let keytab =
            file(&[entry(REALM, &SERVICE, 2, (18, &[6; 32])), entry(REALM, &SERVICE, 3, (18, &[7; 32]))]);
        let keytab = ArcSwap::from_pointee(Keytab::parse(&keytab).unwrap());
        Self { keytab, realms: HashMap::new(), shown: Mutex::default() }
    }

    fn accept(&self, show: &Show) -> Result<Accepted, TicketRefused> {
        self.accept_bytes(&show.request())
    }

    fn accept_bytes(&self, request: &[u8]) -> Result<Accepted, TicketRefused> {
        let Self { keytab, realms, shown } = self;
        Acceptor { keytab, realms, shown }.accept(request, now(), [3; 16])
    }
}

#[test]
fn a_good_ticket_says_who_it_is_and_its_moment_comes_back_under_the_sessions_key() {
    let show = Show::default();
    let accepted = Service::new().accept(&show).unwrap();
    assert_eq!((accepted.name.as_str(), accepted.realm.as_str(), accepted.school), ("amara", REALM, None));
    assert_eq!(accepted.until, show.until);
    let answer = accepted.answer.unwrap();
    let mut fields = Reader::new(Reader::new(&answer).take_inside(application(15)).unwrap().content);
    assert_eq!((number(&mut fields, 0), number(&mut fields, 1)), (Some(5), Some(15)));
    let cipher = Sealed::read(fields.take_inside(context(2)).unwrap()).unwrap();
    let part = show.session_key().decrypt(Usage::Answer, cipher.cipher).unwrap();
    let mut part = Reader::new(Reader::new(&part).take_inside(application(27)).unwrap().content);
    assert_eq!((time(&mut part, 0), number(&mut part, 1)), (Some(now()), Some(123_456)));
    let quiet = Show { options: Vec::new(), ..show };
    assert!(Service::new().accept(&quiet).unwrap().answer.is_none());
}

#[test]
fn every_other_ticket_is_refused_for_its_own_reason() {
    use TicketRefused as R;
    let far = |ms| now().plus_ms(ms);
    let usual = Show::default;
    for (what, show, refused) in [
        ("another service", Show { service: vec!["HTTP", "other.ash.example"], ..usual() }, R::NoKey),
        ("another kind of service", Show { service: vec!["host", "gate.ash.example"], ..usual() }, R::NoKey),
        ("a service of another realm", Show { service_realm: "ELM.EXAMPLE", ..usual() }, R::NoKey),
        ("a key that was taken away", Show { version: Some(1), ..usual() }, R::NoKey),
        ("the older key under the newer number", Show { service_key: vec![6; 32], ..usual() }, R::Forged),
        ("a key of nobody", Show { service_key: vec![8; 32], version: None, ..usual() }, R::Forged),
        ("a client of another realm", Show { realm: "ELM.EXAMPLE", ..usual() }, R::OtherRealm),
        ("a service as client", Show { client: vec!["host", "pc"], ..usual() }, R::OtherRealm),
        ("somebody else's proof", Show { proof_client: Some(&["ben"]), ..usual() }, R::Forged),
        ("an ended ticket", Show { until: far(-301_000), ..usual() }, R::OutOfDate),
        ("one that has not begun", Show { from: far(301_000), ..usual() }, R::OutOfDate),
        ("an invalid one", Show { flags: vec![INVALID], ..usual() }, R::OutOfDate),
        ("a proof of long ago", Show { proof_at: far(-301_000), ..usual() }, R::ClocksApart),
        ("a proof of some day", Show { proof_at: far(301_000), ..usual() }, R::ClocksApart),
        (
            "a session's key as the service's",
            Show { options: vec![USE_SESSION_KEY], ..usual() },
            R::Unreadable,
        ),
    ] {
        assert_eq!(Service::new().accept(&show).unwrap_err(), refused, "{what}");
    }
}

#[test]
fn both_keys_count_while_a_password_is_changed_and_clocks_may_stray_five_minutes() {
    let usual = Show::default;
    for show in [
        Show { service_key: vec![6; 32], version: Some(2), ..usual() },
        Show { service_key: vec![6; 32], version: None, ..usual() },
        Show { until: now().plus_ms(-299_000), ..usual() },
        Show { from: now().plus_ms(299_000), ..usual() },
        Show { proof_at: now().plus_ms(-300_000), ..usual() },
        Show { session: Etype::Aes128Sha1, ..usual() },
        Show { session: Etype::Aes128Sha256, ..usual() },
    ] {
        assert!(Service::new().accept(&show).is_ok());
    }
}

#[test]
fn what_was_shown_before_counts_no_second_time() {
    let service = Service::new();
    let show = Show::default();
    assert!(service.accept(&show).is_ok());
    assert_eq!(service.accept(&show).unwrap_err(), TicketRefused::ShownBefore);
    let later = Show { proof_at: now().plus_ms(1_000), ..show };
    assert!(service.accept(&later).is_ok());
}

#[test]
fn where_realms_are_listed_each_stands_for_its_school_and_no_other_counts() {
    let mut service = Service::new();
    service.realms = HashMap::from([("ELM.EXAMPLE".to_owned(), SchoolId::new("elm"))]);
    let from_elm = Show { realm: "ELM.EXAMPLE", ..Show::default() };
    assert_eq!(service.accept(&from_elm).unwrap().school, Some(SchoolId::new("elm")));
    assert_eq!(service.accept(&Show::default()).unwrap_err(), TicketRefused::OtherRealm);
    let by_way = Show { transit: b"OAK.EXAMPLE", ..from_elm.clone() };
    assert_eq!(service.accept(&by_way).unwrap_err(), TicketRefused::OtherRealm);
    let looked_at = Show { flags: vec![TRANSITED_POLICY_CHECKED], proof_at: now().plus_ms(1_000), ..by_way };
    assert!(service.accept(&looked_at).is_ok());
}

#[test]
fn weak_ciphers_are_refused_before_anything_is_tried() {
    let request = Show::default().request();
    // `etype [0] INTEGER 18` of the ticket: the first of its kind in the request.
    let etype = [0xa0, 3, 2, 1, 18];
    let found = request.windows(5).position(|part| part == etype).unwrap();
    for weak in [1, 3, 16, 23, 24] {
        let mut changed = request.clone();
        changed[found + 4] = weak;
        assert_eq!(Service::new().accept_bytes(&changed).unwrap_err(), TicketRefused::WeakCipher);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Service::new().accept_bytes(&bytes).is_err());
        let _ = (Ticket::read(&bytes).is_some(), Authenticator::read(&bytes).is_some());
        prop_assert!(Ticket::read(&element(application_byte(3), &[&bytes])).is_none());
    }

    #[test]
    fn a_request_with_one_byte_changed_is_refused_or_says_the_same(flip in any::<prop::sample::Index>(), bit in 0..8) {
        let mut request = Show::default().request();
        let at = flip.index(request.len());
        request[at] ^= 1_u8 << bit;
        if let Ok(accepted) = Service::new().accept_bytes(&request) {
            prop_assert_eq!((accepted.name.as_str(), accepted.realm.as_str()), ("amara", REALM));
        }
    }
}
