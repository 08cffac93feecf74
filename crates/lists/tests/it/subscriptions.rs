//! Lists from an HTTPS server over days: what is asked again, what is proved, what is held back, who is told.

use crate::tls_server::TlsServer;
use lists::{
    Alarm, Cause, ListError, Look, Prepared, Progress, Report, Schedule, SourceState, Update, heartbeats,
    held, last_report, open_current, prepare, roll_back, self_test,
};
use model::{Category, Host, ListId, Timestamp};
use policy::image::Image;
use policy::rules::{ListFormat, ListSource, Subscription};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

const KEY: &str = "RWQnuJacDHyFrYrJ2s4kGtjMIj6TYh/LOtGIv3pYnrik6ku3pSFJSwy4";
const SIGNATURE: &str = "untrusted comment: signature\n\
    RUQnuJacDHyFrRVkZ0g2dBLiMV/4j4G2WOY3g58Awrocp+x41mBZbhNFzitt/pIy9YE179sAZQZCaR/vdbaHnJu7TIeOQyE8lwQ=\n\
    trusted comment: timestamp:1795000000\tfile:list\n\
    orrv19nMAhACK1tOX9+dMh9bk8noypg8dHd0rbV9WrF8m6Rv1KyUkIAcVHGbkxOzrwaTPzzaCn0A2cbCCiV8Aw==\n";

/// A gate's folder, a server of lists, and the time.
struct World {
    server: TlsServer,
    home: tempfile::TempDir,
    now: Timestamp,
    how: Update,
    lists: Vec<ListSource>,
}

impl World {
    /// With one list, of the category games, at `/list`.
    async fn new() -> Self {
        let server = TlsServer::start().await;
        let home = tempfile::tempdir().unwrap();
        let secrets = home.path().join("secrets");
        std::fs::create_dir(&secrets).unwrap();
        let how = Update { fetch: server.fetch(), secrets, ..Update::default() };
        let lists = vec![list("far", &server.url("/list"))];
        Self { server, home, now: Timestamp(1_800_000_000_000), how, lists }
    }

    async fn prepare(&self) -> Result<Prepared, ListError> {
        prepare(&self.lists, self.home.path(), &self.how, self.now, &mut |_| {}).await
    }

    async fn update(&self) -> (Image, Report) {
        self.prepare().await.unwrap().swap().await.unwrap()
    }

    fn hours_pass(&mut self, hours: i64) {
        self.now = self.now.plus_ms(hours * 3_600_000);
    }

    fn secret(&self, name: &str, text: &str, mode: u32) {
        let path = self.how.secrets.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
}

fn list(id: &str, source: &str) -> ListSource {
    ListSource {
        id: ListId::new(id),
        name: id.into(),
        format: ListFormat::Domains,
        source: source.into(),
        category: Category::parse("games"),
        folders: Vec::new(),
        subscription: Subscription::default(),
    }
}

fn blocks(image: &Image, host: &str) -> bool {
    !image.lookup(&Host::parse(host).unwrap()).is_empty()
}

fn names(from: usize, until: usize) -> String {
    let mut text = String::new();
    for number in from..until {
        writeln!(text, "n{number}.example").unwrap();
    }
    text
}

#[tokio::test]
async fn a_list_is_asked_for_only_if_it_changed_and_the_copy_of_one_that_did_not_counts_as_fresh() {
    let mut world = World::new().await;
    world.server.serve(
        "/list",
        "etag: \"one\"\r\nlast-modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n",
        b"a.example\n",
    );
    let (first, _) = world.update().await;
    world.hours_pass(24);
    let (second, report) = world.update().await;
    assert_eq!(first.revision(), second.revision());
    assert_eq!(report.lists[0].state, SourceState::Fresh);
    assert_eq!(report.lists[0].read_at, world.now);
    let asked = world.server.requests();
    assert!(
        asked[0].contains("accept-encoding: gzip") && !asked[0].contains("if-none-match"),
        "{}",
        asked[0]
    );
    assert!(asked[1].contains("if-none-match: \"one\""), "{}", asked[1]);
    assert!(asked[1].contains("if-modified-since: Sat, 21 Nov 2026 10:00:00 GMT"), "{}", asked[1]);

    world.server.serve("/list", "etag: \"two\"\r\n", b"a.example\nb.example\n");
    world.hours_pass(24);
    let (third, _) = world.update().await;
    assert!(blocks(&third, "b.example"));
    // A damaged copy is not what the tag speaks of.
    std::fs::write(world.home.path().join("sources/list-far"), "a.ex").unwrap();
    world.hours_pass(24);
    let (fourth, _) = world.update().await;
    assert_eq!(fourth.revision(), third.revision());
    assert!(!world.server.requests().last().unwrap().contains("if-none-match"));
}

#[tokio::test]
async fn only_lists_that_are_due_are_looked_at_and_a_failure_is_tried_again_within_the_hour() {
    let mut world = World::new().await;
    world.how.look = Look::Due;
    world.how.schedule = Schedule { refresh_hours: 10, seed: 3 };
    world.server.serve("/list", "", b"a.example\n");
    world.update().await;
    for (hours, requests) in [(2, 1), (2, 1), (8, 2), (1, 2)] {
        world.hours_pass(hours);
        let (image, report) = world.update().await;
        assert_eq!(world.server.requests().len(), requests, "after {hours} hours");
        assert!(blocks(&image, "a.example") && report.troubles().is_empty());
    }
    world.server.fail("/list", "503 Busy");
    world.hours_pass(12);
    let (_, report) = world.update().await;
    assert!(matches!(report.lists[0].state, SourceState::Copy { .. }));
    let (_, report) = world.update().await;
    assert_eq!(world.server.requests().len(), 3, "not again at once");
    let SourceState::Copy { why, .. } = &report.lists[0].state else { panic!("{:?}", report.lists[0].state) };
    assert!(why.contains("503"), "the failure is still told: {why}");
    world.server.serve("/list", "", b"a.example\n");
    world.hours_pass(2);
    let (_, report) = world.update().await;
    assert_eq!(world.server.requests().len(), 4);
    assert!(report.troubles().is_empty());
}

#[tokio::test]
async fn only_the_named_lists_are_looked_at_and_the_others_stay_as_their_copies_are() {
    let mut world = World::new().await;
    let file = world.home.path().join("near.txt");
    world.lists.push(list("other", &world.server.url("/other")));
    world.lists.push(list("near", &file.display().to_string()));
    let serve = |text: &str| {
        world.server.serve("/list", "", text.as_bytes());
        world.server.serve("/other", "", text.as_bytes());
        std::fs::write(&file, text).unwrap();
    };
    serve("a.example\n");
    world.how.look = Look::These(vec![ListId::new("far")]);
    let (image, _) = world.update().await;
    assert!(
        image.lists().iter().all(|list| list.names > 0),
        "a list without a copy is read: {:?}",
        image.lists()
    );
    serve("a.example\nb.example\n");
    let (image, report) = world.update().await;
    let names = |id: &str| report.lists.iter().find(|list| list.id.as_str() == id).unwrap().names;
    assert_eq!((names("far"), names("other"), names("near")), (2, 1, 1));
    assert!(blocks(&image, "b.example") && report.troubles().is_empty());
    assert_eq!(world.server.requests().len(), 3);
}

#[tokio::test]
async fn credentials_reach_the_lists_own_server_over_https_and_nobody_else() {
    let mut world = World::new().await;
    let other = TlsServer::start().await;
    other.serve("/elsewhere", "", b"b.example\n");
    world.how.fetch.extra_roots.extend(other.fetch().extra_roots);
    world.lists[0].subscription.credentials = Some("member".into());
    world.secret("member", "anna:open sesame", 0o600);
    world.server.serve_to("/list", "authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==", b"a.example\n");
    let (image, report) = world.update().await;
    assert!(blocks(&image, "a.example"), "{:?}", report.lists[0].state);

    world.server.redirect("/list", &other.url("/elsewhere"));
    let (image, _) = world.update().await;
    assert!(blocks(&image, "b.example"));
    assert!(!other.requests()[0].contains("authorization"), "{}", other.requests()[0]);

    for (source, mode, said) in [
        (world.server.url("/list").replace("https://", "http://"), 0o600, "expected an https address"),
        (world.server.url("/list"), 0o644, "readable by their owner alone"),
    ] {
        world.secret("member", "anna:open sesame", mode);
        world.lists[0].source = source.into();
        let (_, report) = world.update().await;
        let SourceState::Copy { since, why } = &report.lists[0].state else {
            panic!("{:?}", report.lists[0].state)
        };
        assert!(why.contains(said) && !why.contains("sesame"), "{why}");
        assert_eq!(*since, world.now, "the copy's age is known although it came from elsewhere");
    }
    world.server.fail("/list", "401 No");
    world.secret("member", "token abc", 0o600);
    let (_, report) = world.update().await;
    assert!(report.troubles()[0].contains("could not be read"), "{:?}", report.troubles());
    assert!(world.server.requests().last().unwrap().contains("authorization: Bearer abc"));
}

#[tokio::test]
async fn a_list_whose_proof_fails_is_replaced_by_its_last_good_copy() {
    let signed = b"signed.example\n";
    let hash: [u8; 32] = Sha256::digest(signed).into();
    for subscription in [
        Subscription { minisign_key: Some(KEY.into()), ..Subscription::default() },
        Subscription { sha256: Some(hash), ..Subscription::default() },
    ] {
        let mut world = World::new().await;
        world.lists[0].subscription = subscription;
        world.server.serve("/list", "", signed);
        world.server.serve("/list.minisig", "", SIGNATURE.as_bytes());
        let (image, report) = world.update().await;
        assert!(blocks(&image, "signed.example"), "{:?}", report.lists[0].state);
        assert!(world.server.requests()[0].contains("accept-encoding: identity"));
        world.server.serve("/list", "", b"signed.example\nforged.example\n");
        world.hours_pass(1);
        let (image, report) = world.update().await;
        assert!(blocks(&image, "signed.example") && !blocks(&image, "forged.example"));
        assert!(matches!(report.lists[0].state, SourceState::Copy { .. }));
    }
}

#[tokio::test]
async fn a_list_that_loses_a_fifth_is_held_back_until_a_person_accepts_it() {
    let mut world = World::new().await;
    world.server.serve("/list", "etag: \"one\"\r\n", names(0, 100).as_bytes());
    world.update().await;
    world.server.serve("/list", "etag: \"two\"\r\n", names(0, 81).as_bytes());
    let (image, report) = world.update().await;
    assert!(!blocks(&image, "n99.example") && report.troubles().is_empty(), "a little less is taken");
    world.server.serve("/list", "etag: \"three\"\r\n", names(0, 60).as_bytes());
    for _ in 0..2 {
        world.hours_pass(24);
        let (image, report) = world.update().await;
        assert!(blocks(&image, "n80.example"));
        assert_eq!(report.lists[0].alarms, [Alarm::Shrank { before: 81, after: 60 }]);
        assert!(report.troubles()[0].contains("shrank from 81 to 60"), "{:?}", report.troubles());
        assert_eq!(last_report(world.home.path()), Some(report), "it can be shown after a restart");
    }
    // While it is not due, it is still told.
    world.how.look = Look::Due;
    let (_, report) = world.update().await;
    assert_eq!(report.held_back().count(), 1);
    world.how = Update {
        look: Look::All,
        accept: vec![ListId::new("far")],
        cause: Cause::person("A. Technician", "the keeper cleaned up"),
        ..world.how
    };
    let (image, report) = world.update().await;
    assert!(!blocks(&image, "n80.example") && report.troubles().is_empty());
    world.how.accept.clear();
    let (_, report) = world.update().await;
    assert!(report.troubles().is_empty());
}

#[tokio::test]
async fn an_update_newly_lists_no_more_than_the_policy_lets_it() {
    let mut world = World::new().await;
    world.lists[0].subscription.most_new_names = Some(5);
    world.server.serve("/list", "", names(0, 50).as_bytes());
    let (_, report) = world.update().await;
    assert!(report.troubles().is_empty(), "a first reading is as large as it is");
    world.server.serve("/list", "", names(5, 56).as_bytes());
    let (image, report) = world.update().await;
    assert_eq!(report.lists[0].alarms, [Alarm::Grew { new: 6, most: 5 }]);
    assert!(blocks(&image, "n0.example") && !blocks(&image, "n55.example"));
    world.server.serve("/list", "", names(0, 55).as_bytes());
    let (image, report) = world.update().await;
    assert!(blocks(&image, "n54.example") && report.troubles().is_empty());
    // Neither is a list that could not be read before it came.
    world.lists.push(list("late", &world.server.url("/late")));
    world.lists[1].subscription.most_new_names = Some(5);
    world.update().await;
    world.server.serve("/late", "", names(0, 50).as_bytes());
    let (_, report) = world.update().await;
    assert!(report.troubles().is_empty(), "{:?}", report.troubles());
    // Another meaning by another policy is no change of the list.
    world.lists[0].category = Category::parse("gambling");
    let (_, report) = world.update().await;
    assert!(report.troubles().is_empty(), "{:?}", report.troubles());
}

#[tokio::test]
async fn a_source_that_is_silent_for_three_intervals_is_told_and_so_is_its_heartbeat() {
    let mut world = World::new().await;
    world.how.schedule = Schedule { refresh_hours: 24, seed: 1 };
    world.server.serve("/list", "", b"a.example\n");
    world.update().await;
    world.server.fail("/list", "500 Broken");
    for (hours, silent) in [(48, false), (30, true)] {
        world.hours_pass(hours);
        let (_, report) = world.update().await;
        let alarms = &report.lists[0].alarms;
        assert_eq!(alarms.iter().any(|alarm| matches!(alarm, Alarm::Silent { .. })), silent, "{alarms:?}");
        let beats = heartbeats(&world.lists, world.home.path(), &world.how.schedule, world.now);
        assert_eq!(beats[0].is_overdue, silent);
        assert!(
            beats[0].failure.is_some() && beats[0].due > world.now && beats[0].last_good < Some(world.now)
        );
    }
}

#[tokio::test]
async fn where_the_clock_was_set_back_a_source_is_due_and_overdue_and_a_failed_look_is_repeated() {
    let mut world = World::new().await;
    world.server.serve("/list", "", b"a.example\n");
    world.update().await;
    world.hours_pass(-1_000);
    let beat = |world: &World| {
        let beats = heartbeats(&world.lists, world.home.path(), &world.how.schedule, world.now);
        beats.into_iter().next().unwrap()
    };
    assert!(beat(&world).due <= world.now && beat(&world).is_overdue, "{:?}", beat(&world));
    world.server.fail("/list", "500 Broken");
    world.how.look = Look::Due;
    let (_, report) = world.update().await;
    assert!(matches!(report.lists[0].alarms[..], [Alarm::Silent { .. }]), "{:?}", report.lists[0].alarms);
    assert!(beat(&world).due > world.now);
    world.hours_pass(1);
    assert!(beat(&world).due <= world.now);
    world.server.serve("/list", "", b"a.example\n");
    let (_, report) = world.update().await;
    assert!(report.troubles().is_empty() && !beat(&world).is_overdue && beat(&world).due > world.now);
}

#[tokio::test]
async fn what_an_update_changes_is_seen_before_it_is_in_force_and_nothing_stays_of_one_that_is_left() {
    let mut world = World::new().await;
    world.lists.push(ListSource {
        category: Some(Category::ILLEGAL),
        ..list("hidden", &world.server.url("/hidden"))
    });
    world.server.serve("/list", "", b"a.example\nb.example\n");
    world.server.serve("/hidden", "", b"h.example\n");
    world.update().await;
    let before = open_current(world.home.path()).unwrap();
    world.server.serve("/list", "", b"a.example\nb.example\nc.example\n");
    world.server.serve("/hidden", "", b"h.example\ni.example\ncom\n");
    let prepared = world.prepare().await.unwrap();
    let [far, hidden] = &prepared.diff().lists[..] else { panic!("{:?}", prepared.diff()) };
    assert_eq!((far.before, far.after, far.added, far.removed), (Some(2), 3, 1, 0));
    assert_eq!(far.samples, ["c.example"]);
    assert_eq!((hidden.added, hidden.samples.len()), (2, 0));
    // Of illegal content, no name is in the report: a line alone.
    let refused = &prepared.report().lists[1].refused;
    assert_eq!((refused.len(), &refused[0].name, refused[0].line), (1, &None, 3));
    drop(prepared);
    assert_eq!(open_current(world.home.path()).unwrap().revision(), before.revision());
    let left: Vec<_> = std::fs::read_dir(world.home.path().join("sources"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("next"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let (image, _) = world.update().await;
    assert!(blocks(&image, "c.example"));
}

#[tokio::test]
async fn after_going_back_only_a_person_updates_the_lists() {
    let mut world = World::new().await;
    world.server.serve("/list", "", b"a.example\n");
    world.update().await;
    world.server.serve("/list", "", b"a.example\nb.example\n");
    world.update().await;
    let by = Cause::person("A. Technician", "the new one blocks the canteen");
    let image = roll_back(world.home.path(), None, by, world.now).await.unwrap();
    assert!(!blocks(&image, "b.example"));
    let refused = world.prepare().await;
    assert!(matches!(refused, Err(ListError::OnHold { since }) if since == world.now));
    assert!(held(world.home.path()).unwrap().words().contains("Until somebody updates them by hand"));
    world.how.cause = Cause::person("A. Technician", "mended");
    let (image, report) = world.update().await;
    assert!(blocks(&image, "b.example") && held(world.home.path()).is_none());
    assert_eq!(report.cause, world.how.cause);
    world.how.cause = Cause::schedule();
    world.update().await;
}

#[tokio::test]
async fn after_going_back_lists_of_illegal_content_are_read_on_and_nothing_that_was_left_comes_back() {
    let mut world = World::new().await;
    let illegal = ListSource { category: Some(Category::ILLEGAL), ..list("ill", &world.server.url("/ill")) };
    world.lists.push(illegal);
    let near = world.home.path().join("near.txt");
    world.lists.push(list("near", &near.display().to_string()));
    let serve = |ill: &str, rest: &str| {
        world.server.serve("/ill", "", ill.as_bytes());
        world.server.serve("/list", "", rest.as_bytes());
        std::fs::write(&near, rest).unwrap();
    };
    serve("i.example\n", "a.example\n");
    world.update().await;
    serve("i.example\n", "a.example\nb.example\n");
    world.lists.push(list("later", &world.server.url("/list")));
    world.update().await;
    roll_back(world.home.path(), None, Cause::person("A. Technician", "too much"), world.now).await.unwrap();

    for (day, ill) in (1..=6).zip(["i.example\n", "j.example\n", "k.example\n"].iter().cycle()) {
        world.now = world.now.plus_ms(day * 24 * 3_600_000);
        world.server.serve("/ill", "", ill.as_bytes());
        let (image, report) = world.update().await;
        assert!(blocks(&image, ill.trim()) && blocks(&image, "a.example"), "day {day}");
        assert!(!blocks(&image, "b.example"), "day {day}");
        assert!(report.lists.iter().all(|list| list.id.as_str() != "later"), "what was left is not read");
        assert!(held(world.home.path()).is_some() && report.troubles().is_empty());
    }
    let folders = std::fs::read_dir(world.home.path().join("images")).unwrap();
    assert_eq!(
        folders.count(),
        4 * 3,
        "of four revisions each its image, its report and what it was made of"
    );

    world.how.cause = Cause::person("A. Technician", "this one is right again");
    world.how.look = Look::These(vec![ListId::new("near")]);
    let (_, report) = world.update().await;
    let names = |id: &str| report.lists.iter().find(|list| list.id.as_str() == id).unwrap().names;
    assert_eq!((names("near"), names("far")), (2, 1), "the others stay as they are in force");
    assert!(held(world.home.path()).is_some());
    world.how.look = Look::All;
    let (image, _) = world.update().await;
    assert!(blocks(&image, "b.example") && held(world.home.path()).is_none());
}

#[tokio::test]
async fn a_test_address_that_is_not_blocked_is_an_alarm() {
    let mut world = World::new().await;
    world.lists[0].category = Some(Category::ILLEGAL);
    world.lists[0].subscription.test_address = Some("test.example".into());
    world.server.serve("/list", "", b"test.example\nx.example\n");
    let (image, report) = world.update().await;
    assert!(report.troubles().is_empty() && self_test(&image, &world.lists)[0].passed);
    world.server.serve("/list", "", b"other.example\nx.example\n");
    let (image, report) = world.update().await;
    assert_eq!(report.lists[0].alarms, [Alarm::TestFailed]);
    assert!(!self_test(&image, &world.lists)[0].passed);
    assert!(!report.troubles()[0].contains("test.example"), "{:?}", report.troubles());
}

#[tokio::test]
async fn a_test_page_is_tried_by_the_code_that_decides() {
    let mut world = World::new().await;
    world.lists[0].category = Some(Category::ILLEGAL);
    // A page of a host whose other pages are open, and its hash.
    world.lists[0].subscription.test_address = Some("big.example/test/page".into());
    let hash: String =
        Sha256::digest("big.example/test/page").iter().map(|byte| format!("{byte:02x}")).collect();
    for (format, body) in
        [(ListFormat::Urls, "big.example/test/page\n"), (ListFormat::Hashes, &*format!("{hash}\n"))]
    {
        world.lists[0].format = format;
        world.server.serve("/list", "", body.as_bytes());
        let (image, report) = world.update().await;
        assert!(report.troubles().is_empty() && self_test(&image, &world.lists)[0].passed, "{format:?}");
        let mut other = world.lists.clone();
        other[0].subscription.test_address = Some("big.example/other".into());
        assert!(!self_test(&image, &other)[0].passed, "{format:?}");
    }
}

#[tokio::test]
async fn packed_bodies_are_unpacked_and_ways_that_were_not_asked_for_are_refused() {
    let world = World::new().await;
    let packed = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    // A file that is packed itself, and once more on its way.
    world.server.serve("/list", "content-encoding: gzip\r\n", &packed(&packed(b"a.example\n")));
    let (image, report) = world.update().await;
    assert!(blocks(&image, "a.example"), "{:?}", report.lists[0].state);
    world.server.serve("/list", "content-encoding: br\r\n", b"x");
    let (_, report) = world.update().await;
    let SourceState::Copy { why, .. } = &report.lists[0].state else { panic!("{:?}", report.lists[0].state) };
    assert!(why.contains("found \"br\""), "{why}");
}

#[tokio::test]
async fn going_back_waits_for_no_update_and_what_was_prepared_before_it_is_not_put_in_force() {
    let mut world = World::new().await;
    for (hour, names) in [(0, "a.example\n"), (3, "a.example\nb.example\n"), (6, "a.example\nc.example\n")] {
        world.hours_pass(hour);
        world.server.serve("/list", "", names.as_bytes());
        if hour < 6 {
            world.update().await;
        }
    }
    world.how.cause = Cause::person("A. Technician", "one list more");
    let prepared = world.prepare().await.unwrap();
    let by = Cause::person("B. Technician", "b closes the canteen");
    let image = roll_back(world.home.path(), None, by, world.now).await.unwrap();
    assert!(!blocks(&image, "b.example"));
    let overtaken = prepared.swap().await;
    assert!(matches!(overtaken, Err(ListError::Overtaken)), "{overtaken:?}");
    let in_force = open_current(world.home.path()).unwrap();
    assert_eq!(in_force.revision(), image.revision());
    assert!(held(world.home.path()).is_some(), "whoever prepared before did not know of it");
    let (image, _) = world.update().await;
    assert!(blocks(&image, "c.example"), "prepared again it is taken");
}

#[tokio::test]
async fn one_update_after_another_finds_the_folder_free() {
    let world = World::new().await;
    world.server.serve("/list", "", b"a.example\n");
    world.prepare().await.unwrap().swap().await.unwrap();
    let mut told = Vec::new();
    let mut tell = |progress| told.push(progress);
    let second = prepare(&world.lists, world.home.path(), &world.how, world.now, &mut tell).await;
    second.unwrap().swap().await.unwrap();
    assert_eq!(told.last(), Some(&Progress::Building));
}

#[tokio::test]
async fn the_schools_own_hosts_are_not_blocked_by_any_list() {
    let mut world = World::new().await;
    world.how.own = vec![Host::parse("larkfield.example").unwrap()];
    world.server.serve("/list", "", b"larkfield.example\nother.example\n");
    let (image, report) = world.update().await;
    assert!(!blocks(&image, "larkfield.example") && blocks(&image, "other.example"));
    let refusal = &report.lists[0].refused[0];
    assert_eq!((refusal.name.as_deref(), refusal.line), (Some("larkfield.example"), 1));
}
