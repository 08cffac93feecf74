//! A gate in a test: one of the shipped policies in force, and people who are added by login, role and place.

use ::history::History;
use app::views::{HistoryFilter, HistoryPlace, HistoryView};
use app::{
    App, AppError, Health, InForce, ListsPlace, Parts, Proposal, Seals, approve_policy, approved_policy,
    propose_policy, record_events,
};
use identity::{Password, Pepper, hash};
use model::{
    AccessEvent, AccountId, AccountKind, Action, Actor, Affiliation, Ask, Category, Channel, Clock,
    CurrentRoster, GateId, HandedOut, Host, IdentityMap, Known, KnownBy, ListId, Person, PersonId, Role,
    SchoolId, Scope, Target, Timestamp, Who, YearGroup, event_channel,
};
use policy::image::{Effect, Image, ImageWriter, NewEntry, NewList, Reach, Weight};
use policy::{CurrentSnapshot, Snapshot};
use std::path::Path;
use std::sync::Arc;
use store::{Account, AccountChange, AuditRow, Change, Fact, Place, Store};
use tempfile::TempDir;
use wire::SigningKey;

/// A Friday morning in November, in school time: 10:15.
pub const NOW: Timestamp = Timestamp(1_795_169_700_000);
/// Everybody's password.
pub const PASSWORD: &str = "three quiet otters";
/// Hosts of the test's own list, and their categories.
const LISTED: [(&str, &str); 5] = [
    ("gambling.schoolgate.test", "gambling"),
    ("vpn-proxy.schoolgate.test", "vpn-proxy"),
    ("encrypted-dns.schoolgate.test", "encrypted-dns"),
    ("education.schoolgate.test", "education"),
    ("illegal-test.schoolgate.test", "illegal"),
];

pub struct World {
    pub app: App,
    pub store: Store,
    pub history: History,
    pub snapshot: Arc<CurrentSnapshot>,
    pub roster: Arc<CurrentRoster>,
    pub identities: Arc<IdentityMap>,
    pub health: Arc<Health>,
    pub handed_out: Arc<HandedOut>,
    pub clock: Clock,
    /// The key that seals the audit log.
    pub key: Arc<SigningKey>,
    pub folder: TempDir,
}

/// The machine's technician, at the command line.
pub fn technician() -> Actor {
    Actor::CommandLine { user: "technician".to_owned() }
}

pub fn school(name: &str) -> Scope {
    Scope::School(SchoolId::new(name))
}

pub fn pepper() -> Pepper {
    Pepper::from_bytes(&[7; 32]).unwrap()
}

/// The text of a shipped policy.
pub fn policy_text(name: &str) -> String {
    let policies = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../policies");
    std::fs::read_to_string(policies.join(name)).unwrap()
}

pub fn proposal(name: &str, text: String) -> Proposal {
    Proposal { edition: (name.to_owned(), text), settings: None, reason: "a new year".to_owned() }
}

/// The same, but that it asks nobody for a second factor: for stories about something else.
pub fn without_second_factor(text: &str) -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some(("second_factor", _)) => "second_factor = []".to_owned(),
        Some(("second_factor_away", _)) => "second_factor_away = false".to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Puts a policy in force in records that have none.
pub async fn put_in_force(store: &Store, clock: &Clock, name: &str, text: String) -> InForce {
    let proposed = propose_policy(store, clock, &technician(), proposal(name, text)).await.unwrap();
    approve_policy(store, clock, &technician(), proposed.hash.as_str(), "the first one").await.unwrap();
    approved_policy(store).await.unwrap()
}

impl World {
    /// A gate under a shipped policy that asks nobody for a second factor, with nobody on its roster.
    pub async fn new(policy: &str) -> Self {
        Self::under(policy, without_second_factor(&policy_text(policy))).await
    }

    /// A gate under a shipped policy as it is, with nobody on its roster.
    pub async fn strict(policy: &str) -> Self {
        Self::under(policy, policy_text(policy)).await
    }

    /// A gate under a policy of this text.
    pub async fn of_text(policy: &str, text: String) -> Self {
        Self::under(policy, text).await
    }

    async fn under(policy: &str, text: String) -> Self {
        let clock = Clock::fixed(NOW);
        let store = Store::open(&Place::Memory, NOW).await.unwrap();
        let in_force = put_in_force(&store, &clock, policy, text).await;
        Self::start((store, clock), in_force, Vec::new()).await.unwrap()
    }

    async fn start(
        (store, clock): (Store, Clock),
        in_force: InForce,
        own_hosts: Vec<Host>,
    ) -> Result<Self, AppError> {
        let folder = tempfile::tempdir().unwrap();
        let (history, _) = History::open(&folder.path().join("history"), GateId(1)).unwrap();
        let snapshot = Snapshot::compile(in_force.document.policy.clone(), image(), Vec::new());
        let parts = Parts {
            store: store.clone(),
            history: history.clone(),
            snapshot: Arc::new(CurrentSnapshot::new(snapshot)),
            roster: Arc::default(),
            identities: Arc::default(),
            clock: clock.clone(),
            pepper: pepper(),
            health: Arc::new(Health::new(NOW)),
            own_hosts,
            lists: ListsPlace { folder: folder.path().join("lists"), ..ListsPlace::default() },
            handed_out: Arc::default(),
            leaks: Arc::default(),
            suggestions: Arc::default(),
            seals: Seals {
                key: Arc::new(SigningKey::read(&SigningKey::fresh().unwrap()).unwrap()),
                noted: folder.path().join("audit.checkpoints"),
                packs: folder.path().join("packs"),
            },
        };
        let (snapshot, roster) = (Arc::clone(&parts.snapshot), Arc::clone(&parts.roster));
        let (identities, health) = (Arc::clone(&parts.identities), Arc::clone(&parts.health));
        let (handed_out, key) = (Arc::clone(&parts.handed_out), Arc::clone(&parts.seals.key));
        let app = App::start(parts, in_force).await?;
        Ok(Self { app, store, history, snapshot, roster, identities, health, handed_out, clock, key, folder })
    }

    /// Another program's gate on the same records, as after a restart.
    pub async fn restarted(&self) -> Self {
        let in_force = approved_policy(&self.store).await.unwrap();
        Self::start((self.store.clone(), self.clock.clone()), in_force, Vec::new()).await.unwrap()
    }

    /// Another gate on the same records, called so, with a history and packs of its own.
    pub async fn gate(&self, name: &str) -> Self {
        let in_force = approved_policy(&self.store).await.unwrap();
        let own_hosts = vec![Host::parse(name).unwrap()];
        Self::start((self.store.clone(), self.clock.clone()), in_force, own_hosts).await.unwrap()
    }

    /// Adds somebody with an account; the actor they are once they have signed in.
    pub async fn add(&self, login: &str, role: Role, scope: Scope) -> Actor {
        self.add_affiliated(login, Affiliation { scope, role, year: None }).await
    }

    /// Adds a pupil with an account.
    pub async fn add_pupil(&self, login: &str, year: &str, scope: Scope) -> PersonId {
        let year = YearGroup::parse(year);
        match self.add_affiliated(login, Affiliation { scope, role: Role::Learner, year }).await {
            Actor::Person { id, .. } => id,
            _ => unreachable!("a pupil is a person"),
        }
    }

    async fn add_affiliated(&self, login: &str, affiliation: Affiliation) -> Actor {
        self.add_shared(login, vec![affiliation]).await
    }

    /// Adds somebody who is several things, with an account.
    pub async fn add_shared(&self, login: &str, affiliations: Vec<Affiliation>) -> Actor {
        let number = self.store.count_people().await.unwrap();
        let id =
            PersonId(uuid::Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + u128::from(number)));
        let password = Password::new(PASSWORD).unwrap();
        let person = Person {
            id,
            login: login.to_owned(),
            display_name: format!("{} Thistlewick", login[..1].to_uppercase() + &login[1..]),
            affiliations: affiliations.clone(),
        };
        let verifier = hash(&pepper(), &password, [u8::try_from(number).unwrap(); 16]).unwrap().0;
        let [account, credential] = account(&person, verifier, self.clock.now());
        let fact = Fact::new(&technician(), Scope::Trust, self.clock.now(), "add-person");
        let changes = [Change::AddPerson { person, scope: Scope::Trust }, account, credential];
        self.store.commit(&fact, &changes).await.unwrap();
        self.app.take_up_changes().await.unwrap();
        let roles = affiliations.into_iter().map(|held| (held.role, held.scope)).collect();
        Actor::Person { id, login: login.to_owned(), roles }
    }

    /// Records a page that a pupil asked for.
    pub fn visit(&self, person: PersonId, at_school: &str, host: &str, at: Timestamp) -> AccessEvent {
        let event = self.event(person, at_school, host, at);
        self.history.append(std::slice::from_ref(&event)).unwrap();
        event
    }

    /// Records a page that a pupil asked for as the running gate does.
    pub fn visit_through_gate(&self, person: PersonId, at_school: &str, host: &str) {
        let (sender, receiver) = event_channel(1);
        sender.send(self.event(person, at_school, host, self.clock.now()));
        drop(sender);
        record_events(&receiver, &self.history, &self.health);
    }

    /// Where the lists lie.
    pub fn lists_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("lists")
    }

    /// Takes the disk away from under the history.
    pub fn break_history(&self) {
        std::fs::remove_dir_all(self.folder.path()).unwrap();
    }

    /// A page that a pupil asked for, as the proxy would send it.
    pub fn event(&self, person: PersonId, at_school: &str, host: &str, at: Timestamp) -> AccessEvent {
        let person = self.roster.get().person(person).cloned().unwrap();
        let who = Who {
            address: Some("10.30.0.9".parse().unwrap()),
            school: Some(SchoolId::new(at_school)),
            people: vec![Known::lasting(&person, KnownBy::SignIn)],
            ..Who::default()
        };
        let what = Target {
            host: Host::parse(host).unwrap(),
            port: Some(443),
            path: Some("/=x?q=\"a\",b".to_owned()),
            record_type: None,
        };
        let ask = Ask { who, what, how: Channel::Https, at };
        AccessEvent::of(&ask, &self.snapshot.get().decide(&ask), "GET")
    }

    /// What a filled-in form of the history shows: a page, or the form again with what is wrong with it.
    pub async fn search(&self, actor: &Actor, filter: HistoryFilter) -> Result<HistoryView, AppError> {
        let page = filter.page.clone();
        match self.app.keep_search(actor, filter).await? {
            Ok(look) => {
                let view = self.app.history_view(actor, HistoryPlace::Kept { look, page }, None).await?;
                Ok(view.expect("whoever made a look finds it"))
            }
            Err(view) => Ok(*view),
        }
    }

    /// Every fact of every scope the tests use, oldest first within its scope.
    pub async fn facts(&self) -> Vec<AuditRow> {
        let mut facts = Vec::new();
        for scope in [Scope::Trust, school("larkfield"), school("ashbrook"), school("whitestone")] {
            facts.extend(self.store.audit(&scope, 0, 10_000).await.unwrap());
            assert_eq!(self.store.verify_audit(&scope).await.unwrap().broken_at, None);
        }
        facts
    }

    /// How many facts there are of an action.
    pub async fn count_facts(&self, action: &str) -> usize {
        self.facts().await.iter().filter(|fact| fact.action == action).count()
    }

    /// Fails unless the attempt was denied and that was recorded.
    pub async fn assert_denied<T>(&self, action: Action, attempt: Result<T, AppError>) {
        assert!(matches!(attempt, Err(AppError::Denied)), "{action:?} was not denied");
        let facts = self.facts().await;
        assert!(
            facts.iter().any(|fact| fact.action == "denied" && fact.subject == action.slug()),
            "{action:?}"
        );
    }
}

/// An open everyday account with a password that its holder chose.
fn account(person: &Person, verifier: String, now: Timestamp) -> [Change; 2] {
    let account = Account::new(AccountId(person.id.0), person, AccountKind::Standard, now, &technician());
    AccountChange::open(account, verifier).map(Change::Account)
}

fn image() -> Image {
    let mut writer = ImageWriter::default();
    let list =
        NewList { id: ListId::new("starter"), name: "Starter".into(), read_at: NOW, dropped: Vec::new() };
    let list = writer.list(list).unwrap();
    for (line, (host, category)) in (1..).zip(LISTED) {
        let host = Host::parse(host).unwrap();
        let category = Category::parse(category).unwrap();
        let (reach, effect, weight) = (Reach::Subtree, Effect::Block, Weight::Usual);
        writer.push(list, NewEntry { host: &host, reach, effect, weight, category, line });
    }
    Image::from_bytes(writer.finish().unwrap()).unwrap()
}

/// Who a person is.
pub fn id_of(actor: &Actor) -> PersonId {
    match actor {
        Actor::Person { id, .. } => *id,
        _ => unreachable!("a person"),
    }
}
