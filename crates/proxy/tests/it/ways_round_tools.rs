//! A host that tries each way round with the tools that people use for it, behind a gate that it knows nothing of; and a real
//! browser, which tries none.

use crate::transparent::Running;
use crate::ways_round::{Ech, hello};
use inspect::client_hello::may_hide_its_name;
use model::{EventOutcome, Leaks, WayRound};
use proxy::TransparentMode;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use testkit::network::SITE;

/// What is counted of each way, refused or let through.
fn counts(leaks: &Leaks) -> Vec<(WayRound, u64)> {
    let counted = WayRound::ALL.into_iter().map(|way| (way, leaks.since_start(way)));
    counted.filter(|(_, count)| *count > 0).collect()
}

/// Everything that a command of the client's says, cut off after half a minute.
fn says(running: &Running, words: &[&str]) -> String {
    let mut command = running.network.client.command("timeout");
    let output = command.args(["-k", "5", "30"]).args(words).output().unwrap();
    [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat()
}

#[test]
fn a_host_that_tries_each_way_round_is_refused_and_counted() {
    let running = Running::start(TransparentMode::Redirect);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let root = rcgen::generate_simple_self_signed(vec!["vpn.test".into()]).unwrap().cert.pem();
    let (root, login) = (file("root.pem", &root), file("login", "somebody\nsomething\n"));
    let site = SITE[0];
    let (site_tls, site_web) = (format!("{site}:443"), format!("http://{site}:80"));
    let at_site = |name: &str| format!("{name}:443:{site}");
    let (good, archive) = (at_site("good.test"), format!("web.archive.org:80:{site}"));
    let status = ["-w", "status %{http_code}", "-s", "-k"];
    let curl = |arguments: &[&'static str]| [&["curl"], &status[..], arguments].concat();
    let own = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<String>>();
    let with = |words: Vec<&'static str>, more: &[&str]| own([&words[..], more].concat());
    let openvpn = "openvpn --client --dev null --proto tcp-client --nobind --ifconfig-noexec --route-noexec \
                   --connect-timeout 10 --remap-usr1 SIGTERM";
    let ssh = "ssh -p 443 -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=20";
    let table: Vec<(WayRound, &str, Vec<String>)> = vec![
        (
            WayRound::EncryptedDns,
            "",
            with(
                curl(&["--doh-insecure", "--doh-url", "https://good.test/dns-query"]),
                &["--resolve", &good, "https://elsewhere.test/"],
            ),
        ),
        (WayRound::UnknownProtocol, "", with(ssh.split(' ').collect(), &[&format!("nobody@{site}")])),
        (
            WayRound::Vpn,
            "",
            with(
                openvpn.split_whitespace().collect(),
                &["--remote", site, "443", "--ca", &root, "--auth-user-pass", &login],
            ),
        ),
        (WayRound::Vpn, "status 000", with(curl(&["--socks5"]), &[&site_tls, "http://denied.test/"])),
        (WayRound::Vpn, "status 000", with(curl(&["-p", "-x"]), &[&site_web, "https://denied.test/"])),
        (WayRound::AddressLiteral, "status 403", with(curl(&[]), &[&format!("https://{site}/")])),
        (WayRound::AddressLiteral, "status 403", with(curl(&[]), &[&format!("http://{site}/")])),
        (
            WayRound::Fronting,
            "status 421",
            with(curl(&["-H", "Host: other.test", "--resolve"]), &[&good, "https://good.test/"]),
        ),
        (
            WayRound::TranslationOrArchive,
            "status 403",
            with(curl(&["--resolve"]), &[&archive, "http://web.archive.org/web/2020/http://denied.test/"]),
        ),
    ];
    table.into_iter().for_each(|(way, answer, words)| is_refused(&running, way, answer, &words));
    fronts_with_openssl(&running);
    hides_its_name(&running);
    tries_tor(&running, &folder.path().join("tor").display().to_string(), &file("torrc", ""));
    let today = crate::certificates::now();
    assert!(WayRound::ALL.iter().all(|way| running.leaks.let_through_today(*way, today) == 0));
    let events = running.finish();
    assert!(events.iter().all(|event| event.outcome != EventOutcome::Allowed), "{events:?}");
}

/// Runs a command, and asserts that this way is counted, and no other.
fn is_refused(running: &Running, way: WayRound, answer: &str, words: &[String]) {
    let before = counts(&running.leaks);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = says(running, &words);
    assert!(said.contains(answer), "{way:?} {words:?}: {said}");
    let before_of = |way| before.iter().find(|(other, _)| *other == way).map_or(0, |(_, count)| *count);
    let now = counts(&running.leaks);
    let new: Vec<_> =
        now.iter().filter(|(way, count)| before_of(*way) != *count).map(|(way, _)| *way).collect();
    assert_eq!(new, [way], "{words:?}: {said}");
}

/// One name in TLS, another in the request, with the tool that technicians try it with.
fn fronts_with_openssl(running: &Running) {
    let before = running.leaks.since_start(WayRound::Fronting);
    let mut command = running.network.client.command("openssl");
    command.args(["s_client", "-quiet", "-servername", "good.test", "-connect", &format!("{}:443", SITE[0])]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut asks = child.stdin.take().unwrap();
    asks.write_all(b"GET / HTTP/1.1\r\nhost: denied.test\r\nconnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();
    assert!(said.starts_with("HTTP/1.1 421"), "{said}");
    assert_eq!(running.leaks.since_start(WayRound::Fronting), before + 1);
}

/// No tool of Debian's hides its name yet: the TLS library's own hello does. It is answered under the name in the open.
fn hides_its_name(running: &Running) {
    let answered = running.network.client.spawn(|| async {
        let mut stream = TcpStream::connect((SITE[0], 443)).unwrap();
        stream.write_all(&hello("cloudflare-ech.com", &["h2"], Ech::AsBrowsersDo)).unwrap();
        let mut first = [0; 1];
        stream.read_exact(&mut first).map(|()| first[0])
    });
    assert_eq!(answered.join().unwrap().unwrap(), 22, "a handshake goes on");
    assert_eq!(running.leaks.since_start(WayRound::EncryptedHello), 1);
}

/// Tor itself, told of a bridge; it says what it does as it goes on.
fn tries_tor(running: &Running, folder: &str, torrc: &str) {
    let bridge = format!("{}:443", SITE[0]);
    let mut command = running.network.client.command("timeout");
    command.args(["-k", "5", "90", "tor", "-f", torrc, "--defaults-torrc", torrc]);
    command.args(["--DataDirectory", folder, "--SocksPort", "0", "--UseBridges", "1", "--Bridge", &bridge]);
    command.args(["--Log", "info stdout"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    for line in lines.map_while(Result::ok) {
        said.push(line);
        if running.leaks.since_start(WayRound::Tor) > 0 {
            break;
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    assert!(running.leaks.since_start(WayRound::Tor) > 0, "{}", said.join("\n"));
}

/// What Chromium says first to a server.
fn chromiums_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("--host-resolver-rules=MAP * 127.0.0.1:{}", listener.local_addr().unwrap().port());
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--no-proxy-server", &to])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--timeout=60000", "--dump-dom", "https://good.test/"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = chromium.spawn().unwrap();
    // It opens connections ahead on which it may say nothing, and others for affairs of its own.
    let (heard, hellos) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let heard = heard.clone();
            std::thread::spawn(move || first_record(stream).map(|record| heard.send(record)));
        }
    });
    let for_good = |hello: &Vec<u8>| hello.windows(9).any(|part| part == b"good.test");
    let hello = std::iter::from_fn(|| hellos.recv_timeout(Duration::from_secs(90)).ok()).find(for_good);
    let _ = child.kill();
    let _ = child.wait();
    hello.unwrap()
}

fn first_record(mut stream: TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let mut content = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut content)?;
    Ok([head.to_vec(), content].concat())
}

#[tokio::test]
async fn a_real_browsers_hello_looks_as_if_it_hid_its_name_and_is_no_way_round() {
    let hello = tokio::task::spawn_blocking(chromiums_hello).await.unwrap();
    assert!(may_hide_its_name(&hello), "the extension, with noise in it");
    assert!(hello.len() > 1_200, "a post-quantum key share: {}", hello.len());
    crate::ways_round::passes_uncounted("good.test", hello).await;
}
