//! A made-up school with a console of its own: one account for each role, all with the same password.

use app::{
    App, Health, InForce, ListsPlace, Parts, Proposal, Seals, approve_policy, approved_policy, propose_policy,
};
use console::{Console, ConsoleConfig};
use history::History;
use identity::{Password, Pepper};
use lists::ReadList;
use model::{
    AccountId, AccountKind, Actor, Affiliation, Category, Clock, CurrentRoster, GateId, IdentityMap, ListId,
    Person, PersonId, Role, Roster, SchoolId, Scope, Timestamp, YearGroup,
};
use policy::file::Document;
use policy::image::Image;
use policy::rules::ListFormat;
use policy::{CurrentSnapshot, Snapshot};
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use store::{Account, AccountChange, Change, Fact, Place, Store};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wire::SigningKey;

/// When the school opens, in UTC.
const OPENED: &str = "2026-11-23T10:15:00Z";
/// Everybody's password here.
pub const PASSWORD: &str = "otter lantern gravel";
const FIRST_SCHOOL: &str = include_str!("../../../../policies/first-school.toml");

/// A running console.
pub struct School {
    /// Where it listens.
    pub address: SocketAddr,
    /// The revision of lists that may be gone back to.
    pub earlier_lists: String,
    /// What to trust it by.
    pub root: CertificateDer<'static>,
    /// Its use cases.
    pub app: App,
    /// Its records, for what is done at the machine.
    pub store: Store,
    /// Its time.
    pub clock: Clock,
    /// What its passwords are mixed with.
    pub pepper: Pepper,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
    _history: TempDir,
}

/// The login of whoever has this role.
pub fn login(role: Role) -> String {
    format!("{}.sample", role.slug())
}

impl School {
    /// Opens the school.
    pub async fn open() -> Self {
        Self::open_under(policy_text(FIRST_SCHOOL), Vec::new()).await
    }

    /// Opens it under a policy that asks staff for a second step away from school; at school are the addresses up to
    /// 127.127.255.255.
    pub async fn open_with_an_outside() -> Self {
        let text = policy_text(FIRST_SCHOOL);
        let text = text.replacen("second_factor_away = false", "second_factor_away = true", 1);
        Self::open_under(text.replacen("127.0.0.0/8", "127.0.0.0/9", 1), Vec::new()).await
    }

    /// Opens the first school of a trust, with these in the records besides.
    pub async fn open_in_trust(besides: Vec<Change>) -> Self {
        let policy = policy_text(include_str!("../../../../policies/trust.toml"));
        Self::open_under(policy, besides).await
    }

    async fn open_under(policy: String, besides: Vec<Change>) -> Self {
        let clock = Clock::fixed(opened());
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Place::Memory, clock.now()).await.unwrap();
        let pepper = Pepper::random().unwrap();
        let in_force = put_in_force(&store, &clock, policy).await;
        let app = use_cases((&store, &pepper, &clock), in_force, folder.path(), besides).await;
        let kept = lists::images(&folder.path().join("lists"));
        let earlier_lists = kept[1].revision.clone();
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let config = ConsoleConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            cert_chain_pem: key.cert.pem(),
            key_pem: key.signing_key.serialize_pem(),
            certificate_page: None,
            clock: clock.clone(),
        };
        let console = Console::bind(config, app.clone()).await.unwrap();
        let address = console.local_addr();
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(console.run(async move {
            let _ = stopped.await;
        }));
        let root = key.cert.der().clone();
        Self { address, earlier_lists, root, app, store, clock, pepper, stop, done, _history: folder }
    }

    /// Closes it, and waits until it is closed.
    pub async fn close(self) {
        let _ = self.stop.send(());
        self.done.await.unwrap();
    }
}

async fn use_cases(
    (store, pepper, clock): (&Store, &Pepper, &Clock),
    in_force: InForce,
    folder: &std::path::Path,
    besides: Vec<Change>,
) -> App {
    let now = clock.now();
    let document = &in_force.document;
    let hash = identity::hash(pepper, &Password::new(PASSWORD).unwrap(), [7; 16]).unwrap();
    let mut changes = everybody(document, &hash.0);
    for change in besides {
        let accounts = match &change {
            Change::AddPerson { person, .. } => Vec::from(account(person, hash.0.clone(), now)),
            _ => Vec::new(),
        };
        changes.push(change);
        changes.extend(accounts);
    }
    store.commit(&fact(now), &changes).await.unwrap();
    let parts = Parts {
        handed_out: Arc::default(),
        leaks: Arc::default(),
        suggestions: Arc::default(),
        store: store.clone(),
        history: History::open(&folder.join("history"), GateId(1)).unwrap().0,
        snapshot: Arc::new(CurrentSnapshot::new(Snapshot::compile(
            document.policy.clone(),
            Image::empty(),
            Vec::new(),
        ))),
        roster: Arc::new(CurrentRoster::new(Roster::new(Vec::new(), Vec::new()))),
        identities: Arc::new(IdentityMap::default()),
        clock: clock.clone(),
        pepper: pepper.clone(),
        health: Arc::new(Health::new(now)),
        own_hosts: Vec::new(),
        lists: ListsPlace { folder: lists_in(folder, now), ..ListsPlace::default() },
        seals: Seals {
            key: Arc::new(SigningKey::read(&SigningKey::fresh().unwrap()).unwrap()),
            noted: folder.join("audit.checkpoints"),
            packs: folder.join("packs"),
        },
    };
    let app = App::start(parts, in_force).await.unwrap();
    app.set_console_address("https://localhost");
    app
}

/// Has the policy approved as a technician does it at the machine.
async fn put_in_force(store: &Store, clock: &Clock, policy: String) -> InForce {
    let actor = Actor::CommandLine { user: "technician".to_owned() };
    let (edition, reason) = (("policy.toml".to_owned(), policy), "the tests' school".to_owned());
    let proposal = Proposal { edition, settings: None, reason: reason.clone() };
    let proposed = propose_policy(store, clock, &actor, proposal).await.unwrap();
    approve_policy(store, clock, &actor, proposed.hash.as_str(), &reason).await.unwrap();
    approved_policy(store).await.unwrap()
}

/// A policy that ships, but that it asks nobody for a second factor who has none.
fn policy_text(shipped: &str) -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some(("second_factor", _)) => "second_factor = []".to_owned(),
        Some(("second_factor_away", _)) => "second_factor_away = false".to_owned(),
        _ => line.to_owned(),
    };
    shipped.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Two images: one of a list, and in force one of that list and another.
fn lists_in(folder: &std::path::Path, now: Timestamp) -> PathBuf {
    let folder = folder.join("lists");
    let list = |name: &str| {
        let mut list = ReadList::new(ListId::new(name), name.into(), now);
        let text = format!("{name}.example\ncom\n");
        let games = Category::parse("games").unwrap();
        lists::read_bytes(ListFormat::Domains, text.as_bytes(), games, &mut list);
        list
    };
    for lists in [vec![list("one")], vec![list("one"), list("two")]] {
        lists::write(&folder, &lists::build(&lists).unwrap()).unwrap();
    }
    folder
}

fn fact(now: Timestamp) -> Fact {
    Fact::new(&Actor::Program, Scope::Trust, now, "open-the-tests-school")
}

fn everybody(document: &Document, verifier: &str) -> Vec<Change> {
    let school: SchoolId = document.policy.schools.first().unwrap().id.clone();
    let scope = Scope::School(school);
    let mut changes = Vec::new();
    for (number, role) in Role::ALL.into_iter().enumerate() {
        let id = PersonId(uuid::Uuid::from_u128(number as u128 + 1));
        let year = (role == Role::Learner).then(|| YearGroup::parse("5").unwrap());
        let person = Person {
            id,
            login: login(role),
            display_name: format!("Robin {}", role.title()),
            affiliations: vec![Affiliation { scope: scope.clone(), role, year }],
        };
        let [account, credential] = account(&person, verifier.to_owned(), opened());
        changes.push(Change::AddPerson { person, scope: scope.clone() });
        changes.extend([account, credential]);
    }
    changes
}

pub fn opened() -> Timestamp {
    Timestamp::parse(OPENED).unwrap()
}

/// An open everyday account with a password that its holder chose.
fn account(person: &Person, verifier: String, now: Timestamp) -> [Change; 2] {
    let account = Account::new(AccountId(person.id.0), person, AccountKind::Standard, now, &Actor::Program);
    AccountChange::open(account, verifier).map(Change::Account)
}
