//! Badge sign-ins through the use cases and the store in a file, each on the disk before it is answered: a school of 300
//! infants, each on a device of their own, as many at once as a class has children.
//!
//! Left out: HTTP and TLS, and the camera; a class at one camera is in [`class_bench`](crate::class_bench), with the whole
//! program and a real browser.

use crate::BenchError;
use crate::Depth;
use crate::machine::{Disturbance, Reading};
use crate::row::{Row, Target};
use app::{
    App, AppError, Health, InForce, ListsPlace, Parts, Proposal, Seals, WhichBadges, WindowMinutes,
    WindowPlace, approve_policy, approved_policy, propose_policy,
};
use history::History;
use identity::{Password, Pepper, hash};
use model::{
    AccountId, AccountKind, Actor, Affiliation, ClassId, ClassKind, ClassPart, Clock, CurrentRoster, GateId,
    IdentityMap, Person, PersonId, Role, SchoolId, Scope, YearGroup,
};
use policy::{CurrentSnapshot, Image, Snapshot};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use store::{Account, AccountChange, Change, ClassChange, Fact, Place, Store};
use tokio::task::JoinSet;
use uuid::Uuid;
use wire::SigningKey;

const POLICY: &str = include_str!("../../../policies/first-school.toml");
const SCHOOL: &str = "larkfield";
const PASSWORD: &str = "three-quiet-otters-swim";
const CLASSES: u32 = 5;
const IN_A_CLASS: u32 = 60;
/// Children who show their badges at the same moment.
const AT_ONCE: usize = 30;
/// What the issue asks for.
const A_SECOND: f64 = 300.0;

pub(crate) fn rows(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let rounds = match depth {
        Depth::Full => 5,
        Depth::Quick => 1,
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(BenchError::Socket)?;
    runtime.block_on(measured(rounds)).map_err(|found| BenchError::Answer {
        expected: "badge sign-ins that work",
        found: found.to_string(),
    })
}

async fn measured(rounds: usize) -> Result<Vec<Row>, AppError> {
    let folder = tempfile::tempdir().map_err(failed)?;
    let school = School::new(folder.path()).await?;
    let (mut disturbance, own) = (Disturbance::default(), std::process::id());
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let before = Reading::now(&[own]);
        rates.push(school.everybody_signs_in().await?);
        disturbance += Reading::now(&[own]).since(before);
    }
    crate::say::remark(&disturbance.words());
    rates.sort_by(f64::total_cmp);
    let rate = rates.get(rates.len() / 2).copied().unwrap_or(0.0);
    let what = "badge sign-ins, each on the disk before it is answered";
    let row = Row::new(what, "per second", rate, Target::AtLeast(A_SECOND)).on(disturbance.verdict());
    Ok(vec![row.limit(syncs_a_second(folder.path()).map_err(failed)?)])
}

/// Waits for the disk that a program does alone, one after another, in a second.
fn syncs_a_second(folder: &Path) -> std::io::Result<f64> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(folder.join("synced"))?;
    let begun = Instant::now();
    for _ in 0..200 {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
    }
    Ok(200.0 / begun.elapsed().as_secs_f64())
}

/// A school of infants with badges, and an open window.
struct School {
    app: App,
    /// What each child shows.
    badges: Vec<String>,
}

impl School {
    async fn new(folder: &Path) -> Result<Self, AppError> {
        let clock = Clock::System;
        let store = Store::open(&Place::File(folder.join("records.db")), clock.now()).await?;
        let in_force = put_in_force(&store, &clock).await?;
        let pepper = Pepper::random()?;
        let (teacher, classes) = fill(&store, &clock, &pepper).await?;
        let app = App::start(parts(folder, store, &pepper, &in_force)?, in_force).await?;
        let here = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
        let session = app.sign_in("teacher", PASSWORD, here).await?;
        let fresh = app.fresh(&session.token).await.ok_or(AppError::Denied)?;
        let mut badges = Vec::new();
        for class in classes {
            let made = app.make_badges((&teacher, &fresh), class, WhichBadges::Everybody).await?;
            badges.extend(made.into_iter().flat_map(|made| made.badges).map(|badge| badge.fragment));
            let longest = WindowMinutes::CHOICES.into_iter().last().ok_or(AppError::Denied)?;
            app.open_class_window((&teacher, here), class, (longest, WindowPlace::School)).await?;
        }
        Ok(Self { app, badges })
    }

    /// Sign-ins a second.
    async fn everybody_signs_in(&self) -> Result<f64, AppError> {
        let begun = Instant::now();
        let mut waiting = JoinSet::new();
        for (number, badge) in self.badges.iter().enumerate() {
            if waiting.len() >= AT_ONCE {
                entered(waiting.join_next().await)?;
            }
            let (app, badge) = (self.app.clone(), badge.clone());
            let [.., high, low] = u32::try_from(number + 512).unwrap_or(0).to_be_bytes();
            let device = IpAddr::V4(Ipv4Addr::new(10, 20, high, low));
            waiting.spawn(async move { app.sign_in_with_badge(&badge, device).await });
        }
        while let Some(done) = waiting.join_next().await {
            entered(Some(done))?;
        }
        Ok(self.badges.len() as f64 / begun.elapsed().as_secs_f64())
    }
}

type Entered = Result<Result<app::views::WebSignInView, AppError>, tokio::task::JoinError>;

fn entered(done: Option<Entered>) -> Result<(), AppError> {
    let Some(done) = done else { return Ok(()) };
    let view = done??;
    if view.problem.is_empty() { Ok(()) } else { Err(failed(view.problem)) }
}

fn failed(found: impl ToString) -> AppError {
    AppError::Failed { theirs: String::new(), ours: found.to_string() }
}

async fn put_in_force(store: &Store, clock: &Clock) -> Result<InForce, AppError> {
    let actor = Actor::CommandLine { user: "bench".to_owned() };
    let edition = ("first-school.toml".to_owned(), POLICY.to_owned());
    let proposal = Proposal { edition, settings: None, reason: "a bench".to_owned() };
    let proposed = propose_policy(store, clock, &actor, proposal).await?;
    approve_policy(store, clock, &actor, proposed.hash.as_str(), "a bench").await?;
    approved_policy(store).await
}

/// Puts a teacher with five classes of sixty into the records.
async fn fill(store: &Store, clock: &Clock, pepper: &Pepper) -> Result<(Actor, Vec<ClassId>), AppError> {
    let (now, place) = (clock.now(), Scope::School(SchoolId::new(SCHOOL)));
    let verifier = hash(pepper, &Password::new(PASSWORD)?, [7; 16])?.0;
    let actor = Actor::CommandLine { user: "bench".to_owned() };
    let add = |number: u128, login: &str, role: Role| {
        let year = (role == Role::Learner).then(|| YearGroup::parse("1")).flatten();
        let person = Person {
            id: PersonId(Uuid::from_u128(number)),
            login: login.to_owned(),
            display_name: format!("{login} Thistlewick"),
            affiliations: vec![Affiliation { scope: place.clone(), role, year }],
        };
        let account = Account::new(AccountId(person.id.0), &person, AccountKind::Standard, now, &actor);
        let [account, credential] = AccountChange::open(account, verifier.clone()).map(Change::Account);
        [Change::AddPerson { person, scope: Scope::Trust }, account, credential]
    };
    let teacher = PersonId(Uuid::from_u128(1));
    let mut changes: Vec<Change> = add(1, "teacher", Role::ClassTeacher).into();
    let mut classes = Vec::new();
    for number in 0..CLASSES {
        let id = ClassId(Uuid::from_u128(u128::from(number) + 1));
        let (school, name, kind) =
            (SchoolId::new(SCHOOL), format!("Class {number}"), ClassKind::Registration);
        let join = |person, part| {
            let scope = place.clone();
            Change::Class(ClassChange::Join { class: id, person, part, from: now, scope })
        };
        changes.push(Change::Class(ClassChange::Add { id, school, name, kind, from: now }));
        changes.push(join(teacher, ClassPart::Teacher));
        for child in 0..IN_A_CLASS {
            let child = u128::from(number * IN_A_CLASS + child) + 10;
            changes.extend(add(child, &format!("child-{child}"), Role::Learner));
            changes.push(join(PersonId(Uuid::from_u128(child)), ClassPart::Learner));
        }
        classes.push(id);
    }
    store.commit(&Fact::new(&actor, Scope::Trust, now, "fill"), &changes).await?;
    let roles = vec![(Role::ClassTeacher, place)];
    Ok((Actor::Person { id: teacher, login: "teacher".to_owned(), roles }, classes))
}

fn parts(folder: &Path, store: Store, pepper: &Pepper, in_force: &InForce) -> Result<Parts, AppError> {
    let (history, _) = History::open(&folder.join("history"), GateId(1))?;
    let snapshot = Snapshot::compile(in_force.document.policy.clone(), Image::empty(), Vec::new());
    Ok(Parts {
        store,
        history,
        snapshot: Arc::new(CurrentSnapshot::new(snapshot)),
        roster: Arc::new(CurrentRoster::default()),
        identities: Arc::new(IdentityMap::default()),
        clock: Clock::System,
        pepper: pepper.clone(),
        health: Arc::new(Health::new(Clock::System.now())),
        own_hosts: Vec::new(),
        lists: ListsPlace { folder: folder.join("lists"), ..ListsPlace::default() },
        handed_out: Arc::default(),
        leaks: Arc::default(),
        suggestions: Arc::default(),
        seals: Seals {
            key: Arc::new(SigningKey::read(&SigningKey::fresh()?)?),
            noted: folder.join("audit.checkpoints"),
            packs: folder.join("packs"),
        },
    })
}
