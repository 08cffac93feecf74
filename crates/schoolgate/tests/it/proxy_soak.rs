//! A day's mixed traffic in a short time: forty seconds as usual, fifteen minutes where `SCHOOLGATE_LONG` is 1, as
//! `cargo xtask test --long` sets it.
//!
//! Everybody at once reads, uploads, talks by WebSocket, meets blocks and bad certificates, goes past unread, gives up in
//! the middle, and is let down by origins in every way, while the policy and the lists are put in force anew all the time.
//! Every answer is compared with what it must be, every visit is looked for in the history, and once all have gone the
//! program must hold no more than before.
//!
//! Each kind of traffic goes at a pace of its own, so that a slow machine has the same mix; in the long run a third as fast,
//! so that a download of the history (100,000 rows) holds all visits.

use crate::gate::{Gate, shipped_policy};
use crate::lists::{propose, said, write_names};
use crate::proxy_soak_checks::{Held, are_recorded_once, is_flat};
use crate::proxy_soak_client::{Client, Words};
use crate::proxy_soak_visitors::{
    BLOCKED, CHANGING, EXPIRED, FAULTY, GOOD, KINDS, Origins, UNREAD, Visitor, Visits,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::ops::RangeFrom;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use testkit::seeded::Seeded;
use tokio::task::JoinSet;

/// How long what was held for the load may take to go.
const SETTLES: Duration = Duration::from_secs(60);

/// How long the load lasts, and by how much each pace is slower.
fn lasts() -> (Duration, u32) {
    let long = std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1");
    if long { (Duration::from_secs(900), 3) } else { (Duration::from_secs(40), 1) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_mixed_traffic_has_every_answer_right_every_visit_recorded_and_leaves_nothing_behind() {
    let gate = Gate::start().await;
    write_names(&gate, 0..10);
    propose(&gate, &policy(0)).await;
    gate.sign_in_to_web("elsie").await;
    let visits = Arc::<Visits>::default();
    // No document is put in force twice.
    let mut rounds = 1..;
    soak(&gate, &visits, lasts().0 / 4, &mut rounds).await;
    let before = settled(&gate, None).await;
    soak(&gate, &visits, lasts().0, &mut rounds).await;
    let after = settled(&gate, Some(before)).await;
    is_flat(before, after).unwrap();

    for site in [GOOD, FAULTY, EXPIRED, CHANGING, BLOCKED] {
        let numbers = visits.of(site);
        assert!(numbers.len() > 10, "enough of {site} to tell: {}", numbers.len());
        let of_site = format!(",{site},");
        recorded(&gate, &format!("host={site}"), |rows| {
            are_recorded_once(&numbers, rows.filter(|row| row.contains(&of_site)))
        })
        .await;
    }
    for (site, outcome, part, expected) in [
        (UNREAD, "allowed", ",tunnel,", visits.unread.load(Ordering::Relaxed)),
        (GOOD, "failed", ",tunnel,", visits.untrusting.load(Ordering::Relaxed)),
        (EXPIRED, "refused-origin", "soak-", visits.of(EXPIRED).len()),
    ] {
        let of_site = format!(",{site},");
        recorded(&gate, &format!("host={site}&outcome={outcome}"), |rows| {
            match rows.filter(|row| row.contains(&of_site) && row.contains(part)).count() {
                found if found == expected => Ok(()),
                found => Err(format!("{expected} of {site} were {outcome}, {found} are in the history")),
            }
        })
        .await;
    }
    let lead = gate.console_browser("headteacher").await.text().await.unwrap();
    assert!(lead.contains("Nothing was lost since start"), "{lead}");
}

/// Waits until the rows of a filter are as they must be: an event is there seconds after its visit.
async fn recorded(gate: &Gate, filter: &str, check: impl Fn(std::str::Lines<'_>) -> Result<(), Words>) {
    let since = Instant::now();
    loop {
        let csv = gate.history_csv("safeguarding-lead", filter).await;
        match check(csv.lines()) {
            Ok(()) => return,
            Err(words) => assert!(since.elapsed() < SETTLES, "{filter}: {words}"),
        }
    }
}

/// What the program holds once all clients have gone; where there is something to compare it with, as soon as it is no more.
async fn settled(gate: &Gate, before: Option<Held>) -> Held {
    let held =
        || Held { memory_kib: gate.memory_kib(), descriptors: gate.descriptors(), threads: gate.threads() };
    let since = Instant::now();
    let (mut last, mut same) = (held(), 0);
    while since.elapsed() < SETTLES && same < 8 && before.is_none_or(|before| is_flat(before, last).is_err())
    {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = held();
        same = if now.descriptors == last.descriptors { same + 1 } else { 0 };
        last = now;
    }
    last
}

/// The shipped policy with what the soak needs: a list that changes, a host that is passed unread, and one that every
/// other round denies.
fn policy(round: usize) -> String {
    let text = shipped_policy();
    // With a most, an upload that does not say its length would be refused.
    let text = text.replace(", most_mib = 200", "");
    let scratch = "[[group.allow]]\nhost = \"scratch.mit.edu\"\n";
    assert!(text.contains(scratch), "the shipped policy has this entry");
    let denied = format!("[[group.deny]]\nhost = \"{CHANGING}\"\nwhy = \"A test asks for it\"\n\n{scratch}");
    let text = if round % 2 == 1 { text.replacen(scratch, &denied, 1) } else { text };
    format!(
        "# Round {round}\n{text}\n[[bypass]]\nhost = \"{UNREAD}\"\nwhy = \"A test asks for it\"\n\n[[list]]\nid = \"more\"\n\
         name = \"More games\"\nformat = \"domains\"\nsource = \"more.txt\"\ncategory = \"games\"\n"
    )
}

/// Everybody at once for this long, and meanwhile round after round of another policy.
async fn soak(gate: &Gate, visits: &Arc<Visits>, lasts: Duration, rounds: &mut RangeFrom<usize>) {
    let origins = Arc::new(Origins::start(gate).await);
    let school = CertificateDer::from_pem_file(gate.address("authority")).unwrap();
    let client = Client::new(&gate.address("proxy"), school, gate.authority.der());
    let (until, slower) = (Instant::now() + lasts, self::lasts().1);
    let mut everybody = JoinSet::new();
    for (seed, (kind, pace_ms)) in (1..).zip(KINDS) {
        let (client, origins, visits) = (client.clone(), Arc::clone(&origins), Arc::clone(visits));
        let visitor = Visitor { client, origins, visits, luck: Seeded::new(seed), until };
        everybody.spawn(visitor.go(*kind, Duration::from_millis(*pace_ms) * slower));
    }
    while Instant::now() < until {
        change(gate, rounds.next().unwrap()).await;
    }
    while let Some(ended) = everybody.join_next().await {
        let (kind, times) = ended.unwrap();
        assert!(times > 0, "{kind:?} did not come to pass");
    }
}

/// Another policy and other lists in force.
async fn change(gate: &Gate, round: usize) {
    propose(gate, &policy(round)).await;
    write_names(gate, 0..10 + round % 3);
    let updated =
        gate.command(&["lists", "update", "--reason", "a test asks for it", "--accept", "more"]).await;
    assert!(updated.status.success(), "{}", said(&updated));
}
