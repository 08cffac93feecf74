//! A zone from a real server, Knot DNS: whole, by its changes, and signed.

use lists::{Progress, Report, SourceState, Update, prepare};
use model::{Category, Host, ListId, Timestamp};
use policy::image::Image;
use policy::rules::{ListFormat, ListSource, Subscription};
use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

const SECRET: &str = "c2Nob29sZ2F0ZS10ZXN0LWtleS1vZi0zMi1ieXRlcyE=";

/// A running server; it ends with the test.
struct Knot {
    child: Child,
    log: BufReader<ChildStderr>,
    folder: tempfile::TempDir,
    at: SocketAddr,
}

impl Knot {
    fn start(algorithm: &str, names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = address_of_its_own();
        write_zone(folder.path(), 1, names);
        std::fs::create_dir(folder.path().join("db")).unwrap();
        let inside = folder.path().display();
        let config = format!(
            "server:\n  rundir: {inside}\n  listen: {}@{}\ndatabase:\n  storage: {inside}/db\n\
             log:\n  - target: stderr\n    any: info\n\
             key:\n  - id: transfer.key\n    algorithm: {algorithm}\n    secret: {SECRET}\n\
             acl:\n  - id: ours\n    key: transfer.key\n    action: transfer\n\
             template:\n  - id: default\n    storage: {inside}\n    zonefile-load: difference\n    journal-content: all\n    zonefile-sync: -1\n\
             zone:\n  - domain: rpz.example\n    file: zone\n    acl: ours\n",
            at.ip(),
            at.port()
        );
        std::fs::write(folder.path().join("knot.conf"), config).unwrap();
        // From the Debian package knot.
        let mut child = Command::new("/usr/sbin/knotd")
            .arg("-c")
            .arg(folder.path().join("knot.conf"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut knot = Self { child, log, folder, at };
        knot.wait_for("serial none -> 1");
        knot
    }

    fn change(&mut self, serial: u32, names: &[&str]) {
        write_zone(self.folder.path(), serial, names);
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
        self.wait_for(&format!("-> {serial}"));
    }

    /// Reads the log up to a line with these words.
    fn wait_for(&mut self, words: &str) {
        let mut all = String::new();
        let mut length = 0;
        while !all.get(length..).is_some_and(|line| line.contains(words)) {
            length = all.len();
            let more = self.log.read_line(&mut all).unwrap();
            assert!(more > 0, "the server ended without {words:?}:\n{all}");
        }
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback address by the number of this process, and a port by the number of the server in it. The server opens its
/// port itself, so a free one cannot be handed to it: another test could take it in between.
fn address_of_its_own() -> SocketAddr {
    static SERVERS: AtomicU16 = AtomicU16::new(10_053);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    (Ipv4Addr::new(127, 128 | high, middle, low), SERVERS.fetch_add(1, Ordering::Relaxed)).into()
}

fn write_zone(folder: &Path, serial: u32, names: &[&str]) {
    let mut zone = format!("$ORIGIN rpz.example.\n$TTL 60\n@ SOA . . {serial} 60 60 60 60\n@ NS .\n");
    for name in names {
        zone.push_str(&format!("{name} CNAME .\n*.{name} CNAME .\n"));
    }
    std::fs::write(folder.join("zone"), zone).unwrap();
}

fn source(knot: &Knot) -> ListSource {
    ListSource {
        id: ListId::new("zone"),
        name: "zone".into(),
        format: ListFormat::Rpz,
        source: format!("rpz://{}/rpz.example", knot.at).into(),
        category: Category::parse("malware"),
        folders: Vec::new(),
        subscription: Subscription { credentials: Some("key".into()), ..Subscription::default() },
    }
}

fn how(home: &Path, secret: &str) -> Update {
    let secrets = home.join("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    let path = secrets.join("key");
    std::fs::write(&path, secret).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    Update { secrets, accept: vec![ListId::new("zone")], ..Update::default() }
}

#[expect(clippy::disallowed_methods, reason = "the server signs with the machine's clock")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// The image, the report, and how many bytes came.
async fn update(source: &ListSource, home: &Path, how: &Update) -> (Image, Report, u64) {
    let mut came = 0;
    let mut tell = |progress| {
        if let Progress::Fetching { bytes, .. } = progress {
            came = bytes;
        }
    };
    let prepared = prepare(std::slice::from_ref(source), home, how, now(), &mut tell).await.unwrap();
    let (image, report) = prepared.swap().await.unwrap();
    (image, report, came)
}

fn blocks(image: &Image, host: &str) -> bool {
    !image.lookup(&Host::parse(host).unwrap()).is_empty()
}

#[tokio::test]
async fn a_zone_is_transferred_whole_then_by_its_changes_under_a_shared_key() {
    for algorithm in ["hmac-sha256", "hmac-sha512"] {
        let many: Vec<String> = (0..3_000).map(|number| format!("n{number}.test")).collect();
        let mut names: Vec<&str> = many.iter().map(String::as_str).collect();
        names.push("bad.test");
        let mut knot = Knot::start(algorithm, &names);
        let home = tempfile::tempdir().unwrap();
        let (source, how) =
            (source(&knot), how(home.path(), &format!("tsig {algorithm} transfer.key {SECRET}")));
        let (image, report, whole) = update(&source, home.path(), &how).await;
        assert_eq!(report.lists[0].state, SourceState::Fresh);
        assert!(blocks(&image, "www.bad.test") && blocks(&image, "n2999.test"));

        names.pop();
        names.push("worse.test");
        knot.change(2, &names);
        let (image, report, changes) = update(&source, home.path(), &how).await;
        assert_eq!(report.lists[0].state, SourceState::Fresh);
        assert!(!blocks(&image, "bad.test") && blocks(&image, "a.worse.test") && blocks(&image, "n7.test"));
        assert!(changes * 20 < whole, "{changes} of {whole} bytes");

        let (_, report, nothing) = update(&source, home.path(), &how).await;
        assert_eq!(report.lists[0].state, SourceState::Fresh);
        assert!(nothing <= changes);
    }
}

#[tokio::test]
async fn a_transfer_with_another_key_or_none_gives_nothing() {
    let knot = Knot::start("hmac-sha256", &["bad.test"]);
    let other = "b3RoZXItdGVzdC1rZXktdGhhdC1pcy13cm9uZy0zMg==";
    for (secret, said) in [
        (format!("tsig hmac-sha256 transfer.key {other}"), "does not take the shared key (error 16)"),
        (format!("tsig hmac-sha256 another.key {SECRET}"), "does not take the shared key (error 17)"),
        ("anna:pass".to_owned(), "tsig ALGORITHM"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let (_, report, _) = update(&source(&knot), home.path(), &how(home.path(), &secret)).await;
        let SourceState::Missing { why } = &report.lists[0].state else {
            panic!("{:?}", report.lists[0].state)
        };
        assert!(why.contains(said), "{why}");
    }
    let home = tempfile::tempdir().unwrap();
    let open = ListSource { subscription: Subscription::default(), ..source(&knot) };
    let (_, report, _) = update(&open, home.path(), &how(home.path(), "")).await;
    let SourceState::Missing { why } = &report.lists[0].state else { panic!("{:?}", report.lists[0].state) };
    assert!(why.contains("answered with code"), "{why}");
}
