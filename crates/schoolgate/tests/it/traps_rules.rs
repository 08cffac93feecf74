//! Traps of rules: what a line says beyond a name, of whom it speaks and how it is answered, from a file on disk through
//! an update into answers over the wire.

use crate::resolver::Start;
use crate::traps::{
    Is::{self, Blocked, Leads, NoSuchName, Nothing, Open, Refused, Sent},
    LEARNER, fits, learners, outside, run,
};
use hickory_proto::rr::RecordType as Type;
use lists::Update;
use model::{
    Affiliation, Category, Claim, Device, DeviceId, DeviceKind, KnownBy, ListId, Person, PersonId, Role,
    SchoolId, Scope, Timestamp,
};
use policy::image::Image;
use policy::rules::{ListFormat, ListSource, Subscription};
use testkit::upstream::{Says, Zone, a};

/// A printer of the school has this address.
const PRINTER: &str = "127.0.0.3";
/// Somebody who learns has signed in here.
const SIGNED_IN: &str = "127.0.0.4";
/// Where lists send people.
const WALL: [u8; 4] = [203, 0, 113, 99];

/// A line from whom for what comes back how.
type Asked = (&'static str, &'static str, Type, Is);

/// A list's text, whether it may send people elsewhere, and what it makes of questions.
struct RuleTrap {
    trap: &'static str,
    format: ListFormat,
    rewrites: bool,
    text: &'static str,
    asked: &'static [Asked],
}

const RULE_TRAPS: &[RuleTrap] = &[
    RuleTrap {
        trap: "a rule for a type of question says nothing of the others",
        format: ListFormat::AdGuard,
        rewrites: false,
        text: "||only.example^$dnstype=AAAA|HTTPS\n||but.example^$dnstype=~A\n||unknown.example^$dnstype=MADEUP\n",
        asked: &[
            (LEARNER, "only.example", Type::A, Open),
            (LEARNER, "only.example", Type::AAAA, Blocked),
            (LEARNER, "www.only.example", Type::HTTPS, Blocked),
            (LEARNER, "but.example", Type::A, Open),
            (LEARNER, "but.example", Type::TXT, Blocked),
            (LEARNER, "unknown.example", Type::A, Open),
        ],
    },
    RuleTrap {
        trap: "denyallow leaves a name and all below it out of the rule",
        format: ListFormat::AdGuard,
        rewrites: false,
        text: "||tree.example^$denyallow=good.tree.example|fine.tree.example\n",
        asked: &[
            (LEARNER, "tree.example", Type::A, Blocked),
            (LEARNER, "bad.tree.example", Type::A, Blocked),
            (LEARNER, "notgood.tree.example", Type::A, Blocked),
            (LEARNER, "good.tree.example", Type::A, Open),
            (LEARNER, "www.fine.tree.example", Type::A, Open),
        ],
    },
    RuleTrap {
        trap: "a rule for a client is for that client, by address, range or the device's name",
        format: ListFormat::AdGuard,
        rewrites: false,
        text: "||address.example^$client=127.0.0.2\n||range.example^$client=127.0.0.2/31\n\
               ||name.example^$client='lib-printer'\n||not.example^$client=~127.0.0.2\n",
        asked: &[
            (LEARNER, "address.example", Type::A, Blocked),
            (PRINTER, "address.example", Type::A, Open),
            (LEARNER, "range.example", Type::A, Blocked),
            (PRINTER, "range.example", Type::A, Blocked),
            (SIGNED_IN, "range.example", Type::A, Open),
            (LEARNER, "name.example", Type::A, Open),
            (PRINTER, "name.example", Type::A, Blocked),
            (LEARNER, "not.example", Type::A, Open),
            (PRINTER, "not.example", Type::A, Blocked),
        ],
    },
    RuleTrap {
        trap: "a rule for a tag is for devices and people of that kind",
        format: ListFormat::AdGuard,
        rewrites: false,
        text: "||printers.example^$ctag=device_printer\n||children.example^$ctag=user_child\n\
               ||others.example^$ctag=~device_printer\n",
        asked: &[
            (LEARNER, "printers.example", Type::A, Open),
            (PRINTER, "printers.example", Type::A, Blocked),
            (LEARNER, "children.example", Type::A, Open),
            (SIGNED_IN, "children.example", Type::A, Blocked),
            (LEARNER, "others.example", Type::A, Blocked),
            (PRINTER, "others.example", Type::A, Open),
        ],
    },
    RuleTrap {
        trap: "conditions of one rule must all hold, and an important rule passes by an exception",
        format: ListFormat::AdGuard,
        rewrites: false,
        text: "||both.example^$client=127.0.0.2,dnstype=A\n||over.example^$client=127.0.0.0/8,dnstype=A,important\n\
               @@||over.example^\n||lifted.example^\n@@||lifted.example^$client=127.0.0.3\n",
        asked: &[
            (LEARNER, "both.example", Type::A, Blocked),
            (PRINTER, "both.example", Type::A, Open),
            (LEARNER, "over.example", Type::A, Blocked),
            (LEARNER, "lifted.example", Type::A, Blocked),
            (PRINTER, "lifted.example", Type::A, Open),
        ],
    },
    RuleTrap {
        trap: "a list that may do so answers with codes, addresses and other names",
        format: ListFormat::AdGuard,
        rewrites: true,
        text: "||none.example^$dnsrewrite=NXDOMAIN\n||nothing.example^$dnsrewrite=NOERROR\n\
               ||refused.example^$dnsrewrite=REFUSED;;\n||sent.example^$dnsrewrite=203.0.113.99\n\
               ||record.example^$dnsrewrite=NOERROR;A;203.0.113.99\n||alias.example^$dnsrewrite=wall.example\n\
               ||whole.example^$dnsrewrite=NOERROR;CNAME;wall.example\n||text.example^$dnsrewrite=NOERROR;TXT;hello\n\
               ||lifted.example^$dnsrewrite=203.0.113.99\n@@||lifted.example^$dnsrewrite\n\
               ||typed.example^$dnstype=A,dnsrewrite=203.0.113.99\n",
        asked: &[
            (LEARNER, "none.example", Type::A, Blocked),
            (LEARNER, "nothing.example", Type::A, Nothing),
            (LEARNER, "refused.example", Type::A, Refused),
            (LEARNER, "sent.example", Type::A, Sent(WALL)),
            (LEARNER, "www.sent.example", Type::A, Sent(WALL)),
            (LEARNER, "sent.example", Type::AAAA, Nothing),
            (LEARNER, "sent.example", Type::HTTPS, Nothing),
            (LEARNER, "record.example", Type::A, Sent(WALL)),
            (LEARNER, "alias.example", Type::A, Leads("wall.example")),
            (LEARNER, "whole.example", Type::A, Leads("wall.example")),
            (LEARNER, "text.example", Type::A, Open),
            (LEARNER, "lifted.example", Type::A, Open),
            (LEARNER, "typed.example", Type::A, Sent(WALL)),
        ],
    },
    RuleTrap {
        trap: "a list that may not send people elsewhere blocks instead",
        format: ListFormat::AdGuard,
        rewrites: false,
        text: "||sent.example^$dnsrewrite=203.0.113.99\n||alias.example^$dnsrewrite=wall.example\n\
               ||refused.example^$dnsrewrite=REFUSED\n",
        asked: &[
            (LEARNER, "sent.example", Type::A, Blocked),
            (LEARNER, "alias.example", Type::A, Blocked),
            (LEARNER, "refused.example", Type::A, Refused),
        ],
    },
    RuleTrap {
        trap: "response policy zones: triggers, actions, and the nearer over the wider",
        format: ListFormat::Rpz,
        rewrites: true,
        text: "$ORIGIN rpz.example.\n$TTL 60\n@ SOA . . 1 60 60 60 60\n@ NS .\nexact.example CNAME .\n\
               *.below.example CNAME .\nnodata.example CNAME *.\ndrop.example CNAME rpz-drop.\n\
               *.tree.example CNAME .\ngood.tree.example CNAME rpz-passthru.\nself.example CNAME self.example.\n\
               *.self.example CNAME .\nsent.example A 203.0.113.99\nalias.example CNAME wall.example.\n\
               tcp.example CNAME rpz-tcp-only.\n32.7.100.51.198.rpz-ip CNAME .\n\
               32.2.0.0.127.rpz-client-ip CNAME .\nns.example.rpz-nsdname CNAME .\n",
        asked: &[
            (LEARNER, "exact.example", Type::A, Blocked),
            (LEARNER, "www.exact.example", Type::A, Open),
            (LEARNER, "below.example", Type::A, Open),
            (LEARNER, "www.below.example", Type::A, Blocked),
            (LEARNER, "nodata.example", Type::A, Blocked),
            (LEARNER, "drop.example", Type::A, Blocked),
            (LEARNER, "bad.tree.example", Type::A, Blocked),
            (LEARNER, "good.tree.example", Type::A, Open),
            (LEARNER, "self.example", Type::A, Open),
            (LEARNER, "www.self.example", Type::A, Blocked),
            (LEARNER, "sent.example", Type::A, Sent(WALL)),
            (LEARNER, "alias.example", Type::A, Leads("wall.example")),
            (LEARNER, "tcp.example", Type::A, Open),
            (LEARNER, "in-range.example", Type::A, Blocked),
            (LEARNER, "ns.example", Type::A, Open),
        ],
    },
    RuleTrap {
        trap: "a zone that may not send people elsewhere blocks instead",
        format: ListFormat::Rpz,
        rewrites: false,
        text: "$ORIGIN rpz.example.\n$TTL 60\nsent.example A 203.0.113.99\nalias.example CNAME wall.example.\n",
        asked: &[(LEARNER, "sent.example", Type::A, Blocked), (LEARNER, "alias.example", Type::A, Blocked)],
    },
    RuleTrap {
        trap: "dnsmasq's settings: names that lead nowhere, servers of their own, and other settings",
        format: ListFormat::Dnsmasq,
        rewrites: true,
        text: "address=/one.example/two.example/0.0.0.0\naddress=/three.example/#\naddress=/four.example/::\n\
               local=/five.example/\nserver=/six.example/\nserver=/good.one.example/#\n\
               address=/real.example/203.0.113.99\nserver=/lan.example/10.0.0.1\nserver=203.0.113.1\n\
               address=/#/0.0.0.0\ncache-size=1000\nlocal=/*casino.example/\n--address=/seven.example/0.0.0.0 # why\n",
        asked: &[
            (LEARNER, "one.example", Type::A, Blocked),
            (LEARNER, "www.two.example", Type::A, Blocked),
            (LEARNER, "notone.example", Type::A, Open),
            (LEARNER, "three.example", Type::AAAA, Blocked),
            (LEARNER, "four.example", Type::A, Blocked),
            (LEARNER, "five.example", Type::A, Blocked),
            (LEARNER, "six.example", Type::A, Blocked),
            (LEARNER, "www.good.one.example", Type::A, Open),
            (LEARNER, "real.example", Type::A, Open),
            (LEARNER, "lan.example", Type::A, Open),
            (LEARNER, "anything.example", Type::A, Open),
            (LEARNER, "bigcasino.example", Type::A, Blocked),
            (LEARNER, "seven.example", Type::A, Blocked),
            (LEARNER, "nobody.example", Type::A, NoSuchName),
        ],
    },
];

#[tokio::test]
async fn rules_hold_for_whom_and_for_what_they_say_and_are_answered_as_they_say() {
    for RuleTrap { trap, format, rewrites, text, asked } in RULE_TRAPS {
        let mut start = Start::new(learners(|_| ()), of_file(text, *format, *rewrites).await);
        start.people = vec![learner()];
        start.devices = vec![printer()];
        let (resolver, _upstream, _events) = run(start, the_outside(asked)).await;
        let until = Timestamp(resolver.clock.now().0 + 3_600_000);
        let claim = Claim { person: learner().id, by: KnownBy::SignIn, from: resolver.clock.now(), until };
        resolver.identities.claim(SIGNED_IN.parse().unwrap(), claim);
        for (from, name, kind, is) in *asked {
            let answer = resolver.ask(from, &format!("{name}."), *kind).await;
            assert!(fits(&answer, *is), "{trap}: {from} {name} {kind} should be {is:?}, found {answer}");
        }
    }
}

/// The image of a list that stands in a file.
async fn of_file(text: &str, format: ListFormat, rewrites: bool) -> Image {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    std::fs::write(&file, text).unwrap();
    let list = ListSource {
        id: ListId::new("made-up"),
        name: "Made up".into(),
        format,
        source: file.display().to_string().into(),
        category: Category::parse("gambling"),
        folders: Vec::new(),
        subscription: Subscription { rewrites, ..Subscription::default() },
    };
    let images = folder.path().join("images");
    let how = Update::default();
    let prepared = lists::prepare(&[list], &images, &how, Timestamp(0), &mut |_| ()).await.unwrap();
    prepared.swap().await.unwrap().0
}

/// Every name leads to one address, but for the one that leads into a listed range.
fn the_outside(asked: &[Asked]) -> Zone {
    let mut zone: Zone = asked.iter().map(|(_, name, ..)| outside(name)).collect();
    zone.extend([outside("wall.example")]);
    let name = "in-range.example.";
    zone.insert((name.to_owned(), Type::A), Says::Records(vec![a(name, 60, [198, 51, 100, 7])]));
    zone.remove(&("nobody.example.".to_owned(), Type::A));
    zone
}

fn printer() -> Device {
    Device {
        id: DeviceId::parse("00000000-0000-0000-0000-000000000007").unwrap(),
        school: SchoolId::new("ash"),
        name: "LIB-Printer".into(),
        kind: DeviceKind::Printer,
        addresses: vec![PRINTER.parse().unwrap()],
        assigned_to: None,
    }
}

fn learner() -> Person {
    let scope = Scope::School(SchoolId::new("ash"));
    Person {
        id: PersonId::parse("00000000-0000-0000-0000-000000000001").unwrap(),
        login: "person1".into(),
        display_name: "Person One".into(),
        affiliations: vec![Affiliation { scope, role: Role::Learner, year: None }],
    }
}
