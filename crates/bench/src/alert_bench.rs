//! `bench alerts`: from a pupil's request to the alert on the lead's screen, of a whole gate.
//!
//! Pupils with lent devices, each at an address of their own, ask through the gate's proxy for a page that an origin of the
//! bench serves; what they search for is what a rule finds. The safeguarding lead is signed in and waits for news as the
//! queue's page does: server-sent events say that there is some, the page is read anew, and the next wait begins half a second
//! later. The time runs from the request's first byte to the last byte of the page in which the alert stands.
//!
//! Alerts merge by person and theme, so each request is of another pair. The lead deals with each before the next one comes,
//! and the next comes at a random moment, so that it finds the gate's own rhythms at every point of them. TLS towards the
//! origin is not in it, and neither is the time in which a browser draws the page.

use crate::Depth;
use crate::error::BenchError;
use crate::gate::{Gate, Visitor, change_records, configure, demo_password, wait_until};
use crate::machine::{Disturbance, Reading};
use crate::row::{Row, Target};
use app::made_up::Random;
use model::{Affiliation, Device, DeviceId, DeviceKind, PersonId, Role, SchoolId, Scope, Theme, YearGroup};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use store::Change;

/// What must stand on the screen by then.
const TARGET_MS: f64 = 2_000.0;
/// How long an alert is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon a page's browser waits again after news; the console says so (`retry`).
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// The next request comes within so many ms of the last alert being dealt with.
const WITHIN_MS: u32 = 1_000;
const LEAD: &str = "safeguarding-lead";
const SCHOOL: &str = "larkfield";
/// A host that the starter lists allow; the configuration says where it is.
const HOST: &str = "one.education.schoolgate.test";
const LOCAL_NAME: &str =
    "[[local_name]]\nname = \"one.education.schoolgate.test\"\naddresses = [\"127.0.0.1\"]\n";
/// Of each theme something that a rule finds; it opens no alert of a theme that comes later, whose own would then be no new one.
const SEARCHES: [(Theme, &str); 13] = [
    (Theme::SelfHarm, "painless ways to die"),
    (Theme::EatingDisorders, "how to starve myself"),
    (Theme::Abuse, "my dad keeps hitting me"),
    (Theme::Grooming, "should i meet a guy from the internet"),
    (Theme::Bullying, "i am being bullied at school"),
    (Theme::Drugs, "who sells weed near me"),
    (Theme::Violence, "how to make a pipe bomb"),
    (Theme::Extremism, "how to join isis"),
    (Theme::Hate, "funny racist insults"),
    (Theme::Misogyny, "i hate women"),
    (Theme::CountyLines, "scared of a gang"),
    (Theme::Gambling, "i cant stop gambling"),
    (Theme::Distress, "what is the point of living"),
];

/// The time's middle, its 99th percentile and the most, over all pairs of person and theme.
pub(crate) fn rows(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let people: u8 = match depth {
        Depth::Full => 32,
        Depth::Quick => 16,
    };
    let home = tempfile::tempdir().map_err(BenchError::file("a folder for a gate"))?;
    let folder = home.path().join("gate");
    configure(&folder, LOCAL_NAME)?;
    drop(Gate::start("demo", &folder)?);
    change_records(&folder, &(1..=people).flat_map(pupil).collect::<Vec<_>>())?;
    let gate = Gate::start("run", &folder)?;
    let lead = gate.visitor.signed_in(LEAD, &demo_password(&folder)?)?;
    let before = Reading::now(&[std::process::id(), gate.process()]);
    let mut times = ask_and_wait(&gate, &lead, people)?;
    let disturbance: Disturbance = Reading::now(&[std::process::id(), gate.process()]).since(before);
    crate::say::remark(&format!("requests to alerts: {}", disturbance.words()));
    times.sort_by(f64::total_cmp);
    let at = |hundredths: usize| {
        times.get(times.len().saturating_sub(1) * hundredths / 100).copied().unwrap_or(f64::NAN)
    };
    let machine = disturbance.verdict();
    let row = |which: &str, ms| {
        let what =
            format!("from a request to the alert on the lead's screen, {which} of {} pairs", times.len());
        Row::new(what, "ms", ms, Target::AtMost(TARGET_MS)).on(machine)
    };
    Ok(vec![row("middle", at(50)), row("99th percentile", at(99)), row("the most", at(100))])
}

/// Sends each request and waits for its alert; the times in ms.
fn ask_and_wait(gate: &Gate, lead: &Visitor, people: u8) -> Result<Vec<f64>, BenchError> {
    let origin = origin()?;
    let (sender, seen) = channel();
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(move || watch(lead, sender, stop));
        let pairs = Pairs { gate, lead, origin, seen: &seen };
        let times = pairs.each(people);
        stop.store(true, Ordering::Relaxed);
        let watched = watching.join().map_err(|_| silent("a lead who watches to the end"))?;
        // Where the lead could not watch, that is why nothing was seen.
        watched.and(times)
    })
}

/// An alert as it stands in the queue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct OnScreen {
    link: String,
    title: String,
    who: String,
}

/// A page of the queue that has come whole.
struct Screen {
    at: Instant,
    alerts: BTreeSet<OnScreen>,
}

/// Waits for news as the page does, and reads the queue anew, until told to stop.
fn watch(lead: &Visitor, seen: Sender<Screen>, stop: &AtomicBool) -> Result<(), BenchError> {
    let show = |page: &str| seen.send(Screen { at: Instant::now(), alerts: on_screen(page) });
    let page = queue(lead)?;
    let live = attribute(&page, "data-live=\"");
    let Some((path, first)) = live.split_once("?seen=") else {
        return Err(silent("a queue that says where news comes from"));
    };
    let mut newest = first.to_owned();
    let mut is_heard = show(&page).is_ok();
    while is_heard && !stop.load(Ordering::Relaxed) {
        let news = lead.ask(&format!("{path}?seen={newest}"))?;
        if news.status != 200 {
            let found = news.status.to_string();
            return Err(BenchError::Answer { expected: "news of the queue", found });
        }
        let event = news.text;
        let again = Instant::now() + ASK_AGAIN;
        if let Some(id) = event.lines().find_map(|line| line.strip_prefix("id: ")) {
            newest = id.trim().to_owned();
        }
        if event.contains("event: news") {
            is_heard = show(&queue(lead)?).is_ok();
        }
        wait_until(again);
    }
    Ok(())
}

/// The requests, one after another.
struct Pairs<'g> {
    gate: &'g Gate,
    lead: &'g Visitor,
    origin: SocketAddr,
    seen: &'g Receiver<Screen>,
}

impl Pairs<'_> {
    fn each(&self, people: u8) -> Result<Vec<f64>, BenchError> {
        let (mut random, mut times) = (Random::new(13), Vec::new());
        let mut known = self.next_screen()?.alerts;
        for (theme, words) in SEARCHES {
            for number in 1..=people {
                wait_until(Instant::now() + Duration::from_millis(random.below(WITHIN_MS).into()));
                let begun = Instant::now();
                self.search(number, words)?;
                let (at, alert) = self.wait_for(theme, &mut known)?;
                times.push(at.saturating_duration_since(begun).as_secs_f64() * 1e3);
                self.deal_with(&alert)?;
            }
        }
        Ok(times)
    }

    /// Asks through the proxy from the pupil's address, and reads the answer to its end.
    fn search(&self, number: u8, words: &str) -> Result<(), BenchError> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(BenchError::Socket)?;
        socket.bind(&SocketAddr::new(address(number), 0).into()).map_err(BenchError::Socket)?;
        socket.connect_timeout(&self.gate.proxy.into(), PATIENCE).map_err(BenchError::Socket)?;
        let mut stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(PATIENCE)).map_err(BenchError::Socket)?;
        let (words, port) = (words.replace(' ', "+"), self.origin.port());
        let request = format!(
            "GET http://{HOST}:{port}/search?q={words} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).map_err(BenchError::Socket)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(BenchError::Socket)?;
        if answer.starts_with(b"HTTP/1.1 200") {
            return Ok(());
        }
        let found = String::from_utf8_lossy(&answer).chars().take(200).collect();
        Err(BenchError::Answer { expected: "the origin's page, through the proxy", found })
    }

    /// Waits until a new alert of one pupil and this theme stands on the screen.
    fn wait_for(
        &self,
        theme: Theme,
        known: &mut BTreeSet<OnScreen>,
    ) -> Result<(Instant, OnScreen), BenchError> {
        loop {
            let screen = self.next_screen()?;
            let is_it = |alert: &&OnScreen| {
                alert.title == theme.title() && alert.who.starts_with("Pupil ") && !known.contains(*alert)
            };
            let found = screen.alerts.iter().find(is_it).cloned();
            known.extend(screen.alerts);
            if let Some(alert) = found {
                return Ok((screen.at, alert));
            }
        }
    }

    /// The lead closes the alert, so that the queue stays one that somebody reads.
    fn deal_with(&self, alert: &OnScreen) -> Result<(), BenchError> {
        let form = "deed=judge&triage=known&words=The+class+teacher+knows";
        match self.lead.send(&alert.link, form)?.status {
            303 => Ok(()),
            other => Err(BenchError::Answer { expected: "an alert that closes", found: other.to_string() }),
        }
    }

    fn next_screen(&self) -> Result<Screen, BenchError> {
        self.seen.recv_timeout(PATIENCE).map_err(|_| silent("an alert on the screen"))
    }
}

/// A web server that answers everything with one small page.
fn origin() -> Result<SocketAddr, BenchError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(BenchError::Socket)?;
    let address = listener.local_addr().map_err(BenchError::Socket)?;
    let serve = move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4_096];
            // Whoever went away meanwhile gets no answer.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\nConnection: close\r\n\r\n\
                  <h1>Found</h1>\n",
            );
        }
    };
    thread::Builder::new().name("origin".into()).spawn(serve).map_err(BenchError::Socket)?;
    Ok(address)
}

/// Somebody in Year 4, with a device that is lent to them.
fn pupil(number: u8) -> [Change; 2] {
    let (school, id) = (SchoolId::new(SCHOOL), u128::from(number));
    let scope = Scope::School(school.clone());
    let person = model::Person {
        id: PersonId(uuid::Uuid::from_u128(0x5c41_0000 + id)),
        login: format!("made-up-{number}"),
        display_name: format!("Made Up {number}"),
        affiliations: vec![Affiliation { scope, role: Role::Learner, year: YearGroup::parse("4") }],
    };
    let device = Device {
        id: DeviceId(uuid::Uuid::from_u128(0x5c42_0000 + id)),
        school,
        name: format!("BENCH-{number:02}"),
        kind: DeviceKind::Workstation,
        addresses: vec![address(number)],
        assigned_to: Some(person.id),
    };
    [Change::AddPerson { person, scope: Scope::Trust }, Change::AddDevice(device)]
}

fn address(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 9, 0, number))
}

/// The queue's page, its slashes as they are meant.
fn queue(lead: &Visitor) -> Result<String, BenchError> {
    Ok(lead.ask("/alerts")?.text.replace("&#x2f;", "/"))
}

/// The alerts of a page of the queue.
fn on_screen(page: &str) -> BTreeSet<OnScreen> {
    let rows = page.split("<tr class=\"govuk-table__row\"").skip(1);
    rows.filter_map(|row| {
        let link = attribute(row, "href=\"");
        let (_, named) = row.split_once(&format!("href=\"{link}\">"))?;
        let (_, who) = row.split_once("Who</span>")?;
        let until_tag = |text: &str| text.split('<').next().unwrap_or_default().trim().to_owned();
        let (title, who) = (until_tag(named), until_tag(who));
        link.starts_with("/alerts/").then_some(OnScreen { link, title, who })
    })
    .collect()
}

/// What stands behind this beginning, up to the next quotation mark.
fn attribute(page: &str, begins: &str) -> String {
    let rest = page.split_once(begins).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn silent(expected: &'static str) -> BenchError {
    BenchError::Silent { program: "schoolgate".to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_search_opens_an_alert_of_its_theme_and_none_of_a_later_one() {
        let rules = monitor::Rules::shipped(monitor::Settings::usual()).expect("the rules that are shipped");
        for (place, (theme, words)) in SEARCHES.iter().enumerate() {
            let found = rules.judge(words);
            assert!(found.iter().any(|finding| finding.theme == *theme), "{words}: {found:?}");
            let later: Vec<Theme> = SEARCHES.iter().skip(place + 1).map(|(theme, _)| *theme).collect();
            assert!(!found.iter().any(|finding| later.contains(&finding.theme)), "{words}: {found:?}");
        }
    }

    #[test]
    fn the_queue_is_read_as_it_is_written() {
        let page = "<div data-live=\"/alerts/live?seen=7\"><tr class=\"govuk-table__row\" role=\"row\"><td>High</td>\
                    <td><a class=\"govuk-link\" href=\"/alerts/0198\">Bullying</a><br>why</td>\
                    <td><span>Who</span>Pupil amber-41</td></tr></div>";
        let alert = OnScreen {
            link: "/alerts/0198".to_owned(),
            title: "Bullying".to_owned(),
            who: "Pupil amber-41".to_owned(),
        };
        assert_eq!(on_screen(page), BTreeSet::from([alert]));
        assert_eq!(attribute(page, "data-live=\""), "/alerts/live?seen=7");
    }
}
