//! Imports: a file is staged, seen, approved and undone; and what it can never do.

use crate::world::{PASSWORD, World, id_of, school};
use app::{AppError, AtMachine, Fresh, Imports, UNDO_DAYS, Upload, Urgency};
use model::{
    AccountState, Action, Actor, Affiliation, Clock, ImportId, ImportKind, ImportState, Role, SchoolId,
    Scope, YearGroup,
};
use roster::Grades;
use store::AccountChange;

const DAY_MS: i64 = 24 * 3_600_000;
const HEADINGS: &str = "Adno,Forename,Surname,DOB,Year,Reg,Job title\n";

/// A first file: ten learners, a teacher.
fn first() -> String {
    let learners = (1..=10).map(|n| format!("{n:04},Child{n},Sample,0{}/09/2018,4,4B,\n", n % 9 + 1));
    format!("{HEADINGS}{}T1,Una,Example,,,4B,Class Teacher\n", learners.collect::<String>())
}

fn upload(at: &str, text: &str) -> Upload {
    Upload {
        school: SchoolId::new(at),
        kind: ImportKind::File,
        name: "pupils.csv".to_owned(),
        format: None,
        grades: Grades::YearGroups,
        leaving: None,
        bytes: text.as_bytes().to_vec(),
    }
}

struct Office {
    world: World,
    technician: Actor,
    head: Actor,
}

impl Office {
    async fn new() -> Self {
        let world = World::new("trust.toml").await;
        let technician = world.add("tariq", Role::Technician, school("ashbrook")).await;
        let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
        Self { world, technician, head }
    }

    async fn fresh(&self, login: &str) -> Fresh {
        let here: std::net::IpAddr = "10.20.0.77".parse().unwrap();
        let token = self.world.app.sign_in(login, PASSWORD, here).await.unwrap().token;
        self.world.app.fresh(&token).await.unwrap()
    }

    async fn send(&self, text: &str) -> ImportId {
        self.world.app.stage_import(&self.technician, upload("ashbrook", text)).await.unwrap()
    }

    async fn approve_as(&self, actor: &Actor, login: &str, id: ImportId) -> Result<bool, AppError> {
        let seen = self.world.app.import_view(actor, id).await?.unwrap().seen;
        let fresh = self.fresh(login).await;
        self.world.app.approve_import((actor, &fresh), id, (&seen, "the new term")).await
    }

    /// Sends a file and has the head approve it, a minute later.
    async fn apply(&self, text: &str) -> ImportId {
        let id = self.send(text).await;
        self.world.clock.advance_ms(60_000);
        let asked = self.world.app.import_view(&self.head, id).await.unwrap().unwrap().all_questions;
        if asked > 0 {
            assert!(self.world.app.answer_import(&self.head, id, (None, None)).await.unwrap());
        }
        assert!(self.approve_as(&self.head, "head", id).await.unwrap());
        self.world.clock.advance_ms(60_000);
        id
    }

    async fn undo(&self, id: ImportId) -> app::Undone {
        let fresh = self.fresh("head").await;
        self.world.app.undo_import((&self.head, &fresh), id, "the wrong file").await.unwrap().unwrap()
    }

    async fn states(&self, login: &str) -> (String, Vec<Affiliation>) {
        let account = self.world.store.account(login).await.unwrap().unwrap();
        let person = self.world.roster.get().person(account.person).cloned().unwrap();
        (format!("{} {}", person.display_name, account.state.slug()), person.affiliations.clone())
    }

    /// Everything of everybody but the audit: what an undoing must bring back.
    async fn records(&self) -> Vec<String> {
        let (store, now) = (&self.world.store, self.world.clock.now());
        let mut lines = Vec::new();
        for person in store.people().await.unwrap() {
            let states: Vec<_> =
                store.accounts_of(person.id).await.unwrap().iter().map(|account| account.state).collect();
            lines.push(format!("{person:?} {states:?}"));
        }
        for class in store.classes(now).await.unwrap() {
            lines.push(format!("{class:?}"));
        }
        lines.sort();
        lines
    }
}

fn refused(error: AppError) -> String {
    assert!(matches!(error, AppError::Refused { .. }), "{error:?}");
    error.theirs().to_owned()
}

#[tokio::test]
async fn a_first_file_waits_for_a_second_person_and_then_everybody_is_there() {
    let office = Office::new().await;
    let id = office.send(&first()).await;
    let view = office.world.app.import_view(&office.technician, id).await.unwrap().unwrap();
    assert_eq!(view.row.state, ImportState::Staged.slug());
    assert_eq!(view.sums, ["Joining, Class teacher: 1", "Joining, Year 4: 10"]);
    assert!(!view.holds.is_empty() && !view.not_approved.is_empty());
    assert_eq!(office.world.store.people().await.unwrap().len(), 2, "nothing changed yet");

    let denied = office.approve_as(&office.technician, "tariq", id).await;
    office.world.assert_denied(Action::MovePerson, denied).await;
    assert!(office.approve_as(&office.head, "head", id).await.unwrap());
    let (child, held) = office.states("c.sample").await;
    assert_eq!(child, "Child1 Sample pending");
    assert_eq!((held[0].role, held[0].year), (Role::Learner, YearGroup::parse("4")));
    assert_eq!(office.states("c.sample10").await.0, "Child10 Sample pending", "no login twice");
    assert_eq!(office.states("u.example").await.1[0].role, Role::ClassTeacher);
    let classes = office.world.store.classes(office.world.clock.now()).await.unwrap();
    assert_eq!(
        (classes[0].name.as_str(), classes[0].learners.len(), classes[0].teachers.len()),
        ("4B", 10, 1)
    );

    office.world.clock.advance_ms(60_000);
    let again = office.send(&first()).await;
    let view = office.world.app.import_view(&office.head, again).await.unwrap().unwrap();
    assert_eq!((view.sums.len(), view.same), (0, 11));
    let nothing = office.approve_as(&office.head, "head", again).await.unwrap_err();
    assert_eq!(refused(nothing), "Nothing would change. Drop it instead.");
    assert!(office.world.app.drop_import(&office.technician, again, "nothing in it").await.unwrap());
    assert_eq!(office.world.count_facts("approve-import").await, 1);
    assert_eq!(office.world.count_facts("drop-import").await, 1);
}

#[tokio::test]
async fn whoever_sent_a_file_that_surprises_never_approves_it() {
    let office = Office::new().await;
    let id = office.world.app.stage_import(&office.head, upload("ashbrook", &first())).await.unwrap();
    let sentence = refused(office.approve_as(&office.head, "head", id).await.unwrap_err());
    assert!(sentence.starts_with("You sent this file"), "{sentence}");
    // At the machine too, but in an emergency, and that is recorded.
    let clock = Clock::fixed(office.world.clock.now());
    let machine = crate::world::technician();
    let imports = Imports { store: &office.world.store, clock: &clock, actor: &machine };
    let own = imports.stage(upload("ashbrook", &first())).await.unwrap();
    let usual = imports.approve(own, None, ("the new term", Urgency::Usual)).await.unwrap_err();
    assert!(refused(usual).starts_with("You sent this file"));
    assert!(imports.approve(own, None, ("no head today", Urgency::Emergency)).await.unwrap().is_some());
    let facts = office.world.facts().await;
    let fact = facts.iter().find(|fact| fact.action == "approve-import").unwrap();
    assert_eq!(fact.details().get("emergency").map(String::as_str), Some("yes"));
}

#[tokio::test]
async fn a_small_change_is_applied_by_whoever_sent_it() {
    let office = Office::new().await;
    office.apply(&first()).await;
    let text = first().replace("0001,Child1,Sample", "0001,Child1,Example");
    let id = office.send(&text).await;
    let view = office.world.app.import_view(&office.technician, id).await.unwrap().unwrap();
    assert_eq!((view.holds.as_slice(), view.not_approved.as_str()), (&[][..], ""));
    assert_eq!(
        view.lines,
        [("changes".into(), "Child1 Sample".into(), "Surname changes: Child1 Example".into())]
    );
    assert!(office.approve_as(&office.technician, "tariq", id).await.unwrap());
    assert_eq!(office.states("c.sample").await.0, "Child1 Example pending", "the login stays");
}

#[tokio::test]
async fn what_was_seen_is_what_is_applied() {
    let office = Office::new().await;
    office.apply(&first()).await;
    let id = office.send(&first().replace(",4,4B,\n0002", ",5,5A,\n0002")).await;
    let seen = office.world.app.import_view(&office.head, id).await.unwrap().unwrap().seen;
    let other = office.send(&first().replace("Child2,Sample", "Child2,Other")).await;
    assert!(office.approve_as(&office.head, "head", other).await.unwrap());
    let fresh = office.fresh("head").await;
    let late = office.world.app.approve_import((&office.head, &fresh), id, (&seen, "the new term")).await;
    assert!(refused(late.unwrap_err()).starts_with("Something changed since"));
    let once = office.approve_as(&office.head, "head", other).await;
    assert!(once.is_err(), "nothing is applied twice");
}

#[tokio::test]
async fn leavers_are_shut_out_at_once_and_an_undoing_brings_back_all_but_their_sessions() {
    let office = Office::new().await;
    let carys = office.world.add("carys", Role::ClassTeacher, school("ashbrook")).await;
    let first = first().replace("Una,Example", "Carys,Thistlewick");
    office.apply(&first).await;
    let here: std::net::IpAddr = "10.20.0.9".parse().unwrap();
    let session = office.world.app.sign_in("carys", PASSWORD, here).await.unwrap();
    assert!(office.world.app.actor(&session.token, here).await.is_some());
    let before = office.records().await;

    let stay = first.lines().filter(|line| !line.contains("Child10") && !line.contains("Carys"));
    let without: String = stay.flat_map(|line| [line, "\n"]).collect();
    let without =
        format!("{without}T2,Vera,Example,,,4B,Class Teacher\n").replace(",4,4B,\n0002", ",5,5A,\n0002");
    let id = office.apply(&without).await;
    assert!(office.states("carys").await.0.ends_with("suspended"));
    assert!(office.states("c.sample10").await.0.ends_with("suspended"));
    assert!(office.world.app.actor(&session.token, here).await.is_none(), "the session ended");
    assert!(office.states("v.example").await.0.ends_with("pending"));

    assert!(office.world.app.sign_in("carys", PASSWORD, here).await.is_err());

    let undone = office.undo(id).await;
    assert_eq!(undone.left_alone, Vec::<String>::new());
    assert!(office.world.roster.get().person(id_of(&carys)).is_some());
    let after: Vec<String> =
        office.records().await.into_iter().filter(|line| !line.contains("Vera Example")).collect();
    assert_eq!(after, before);
    assert!(office.world.app.actor(&session.token, here).await.is_none(), "nobody is signed in again by it");
    assert!(office.states("v.example").await.0.ends_with("suspended"), "what it made rests");
    // The same file again knows everybody.
    office.world.clock.advance_ms(60_000);
    let again = office.send(&without).await;
    let view = office.world.app.import_view(&office.head, again).await.unwrap().unwrap();
    assert!(view.sums.contains(&"Coming back: 1".to_owned()), "{:?}", view.sums);
    let twice = office.fresh("head").await;
    let twice = office.world.app.undo_import((&office.head, &twice), id, "again").await.unwrap_err();
    assert!(refused(twice).starts_with("It can be undone"));
}

#[tokio::test]
async fn an_undoing_leaves_alone_whoever_changed_since_and_ends_after_seven_days() {
    let office = Office::new().await;
    office.apply(&first()).await;
    let id = office.apply(&first().replace(",4,4B,", ",5,5A,")).await;
    let person = office.world.store.account("c.sample2").await.unwrap().unwrap().person;
    let rename = store::Change::Rename { person, display_name: "Child2 Married".to_owned() };
    let fact = store::Fact::new(&office.head, Scope::Trust, office.world.clock.now(), "rename-person");
    office.world.store.commit(&fact, &[rename]).await.unwrap();
    let undone = office.undo(id).await;
    assert_eq!(undone.left_alone, ["Child2 Married"]);
    assert_eq!(office.states("c.sample").await.1[0].year, YearGroup::parse("4"));
    assert_eq!(office.states("c.sample2").await.1[0].year, YearGroup::parse("5"));

    let late = office
        .apply(&first().replace("Child3,Sample", "Child3,Later").replace("Child2,Sample", "Child2,Married"))
        .await;
    office.world.clock.advance_ms(UNDO_DAYS * DAY_MS);
    let fresh = office.fresh("head").await;
    let refusal = office.world.app.undo_import((&office.head, &fresh), late, "too late").await.unwrap_err();
    assert!(refused(refusal).starts_with("It can be undone for seven days"));
    office.world.app.forget_old_imports().await.unwrap();
    assert_eq!(office.world.store.import_content(late).await.unwrap(), None);
    assert!(office.world.store.import(late).await.unwrap().unwrap().before.is_none());
}

#[tokio::test]
async fn whoever_leads_is_never_taken_off_nor_whoever_approves() {
    let office = Office::new().await;
    office.apply(&format!("{}H1,Head,Thistlewick,,,,Headteacher\n", first())).await;
    // The head was asked about: a name that fits is a question.
    let before = office.records().await;
    let id = office.send(&first()).await;
    let view = office.world.app.import_view(&office.head, id).await.unwrap().unwrap();
    assert!(view.sums.is_empty() || view.holds.iter().any(|hold| hold.contains("stay")), "{view:?}");
    assert_eq!(office.records().await, before);
    assert!(
        office.world.roster.get().person(id_of(&office.head)).unwrap().affiliations[0].role
            == Role::Headteacher
    );
}

#[tokio::test]
async fn nobody_reaches_another_schools_people_by_an_import() {
    let office = Office::new().await;
    let elsewhere = office.world.add_pupil("amara", "4", school("whitestone")).await;
    let both = office
        .world
        .add_shared(
            "shared",
            vec![
                Affiliation { scope: school("whitestone"), role: Role::Learner, year: YearGroup::parse("4") },
                Affiliation { scope: school("ashbrook"), role: Role::Learner, year: YearGroup::parse("4") },
            ],
        )
        .await;
    let before = office.world.roster.get().person(elsewhere).cloned().unwrap();
    // The same name and year as somebody of the other school: nobody is asked about them, and nothing of them changes.
    let file = format!("{}9001,Amara,Thistlewick,,4,4B,\n9002,Shared,Thistlewick,,5,5A,\n", first());
    let id = office.send(&file).await;
    let view = office.world.app.import_view(&office.head, id).await.unwrap().unwrap();
    let asked: Vec<_> = view.questions.iter().map(|question| question.who.as_str()).collect();
    assert_eq!(asked, ["Shared Thistlewick, year group 5"]);
    assert!(!format!("{view:?}").contains(&elsewhere.to_string()));
    let foreign = office.world.app.answer_import(&office.head, id, (Some("9002"), Some(elsewhere))).await;
    assert!(refused(foreign.unwrap_err()).starts_with("Choose one of the people"));
    assert!(office.world.app.answer_import(&office.head, id, (None, None)).await.unwrap());
    assert!(office.approve_as(&office.head, "head", id).await.unwrap());
    assert_eq!(*office.world.roster.get().person(elsewhere).cloned().unwrap(), *before);
    let shared = office.world.roster.get().person(id_of(&both)).cloned().unwrap();
    let years: Vec<_> =
        shared.affiliations.iter().map(|held| held.year.map(|year| year.to_string())).collect();
    assert_eq!(years, [Some("4".to_owned()), Some("5".to_owned())], "the other school's year group stays");

    office.world.clock.advance_ms(60_000);
    let leaves = office.apply(&first()).await;
    let shared = office.world.roster.get().person(id_of(&both)).cloned().unwrap();
    assert_eq!(
        shared.affiliations.iter().map(|held| held.scope.clone()).collect::<Vec<_>>(),
        [school("whitestone")]
    );
    assert!(office.states("shared").await.0.ends_with("open"), "they go on at the other school");

    let stranger = office.world.add("other", Role::Headteacher, school("whitestone")).await;
    let app = &office.world.app;
    assert!(app.imports_view(&stranger).await.unwrap().rows.is_empty());
    assert!(app.import_view(&stranger, leaves).await.unwrap().is_none());
    assert!(app.import_faults(&stranger, leaves).await.unwrap().is_none());
    assert!(!app.drop_import(&stranger, leaves, "why not").await.unwrap());
    assert!(!app.answer_import(&stranger, leaves, (None, None)).await.unwrap());
    let proof = office.fresh("other").await;
    assert!(!app.approve_import((&stranger, &proof), leaves, ("", "why not")).await.unwrap());
    assert!(app.undo_import((&stranger, &proof), leaves, "why not").await.unwrap().is_none());
    assert!(app.import_slips((&stranger, &proof), leaves).await.unwrap().is_none());
    let sent = app.stage_import(&stranger, upload("ashbrook", &first())).await;
    office.world.assert_denied(Action::ManageAccounts, sent).await;
    let teacher = office.world.add("carys", Role::ClassTeacher, school("ashbrook")).await;
    office.world.assert_denied(Action::ManageAccounts, app.imports_view(&teacher).await).await;
}

#[tokio::test]
async fn a_year_is_rehearsed_without_a_trace_and_then_ended() {
    let office = Office::new().await;
    let text = format!("{}0040,Oldest,Sample,,6,6A,\n", first());
    office.apply(&text).await;
    let before = office.records().await;
    let clock = office.world.clock.clone();
    let machine = crate::world::technician();
    let imports = Imports { store: &office.world.store, clock: &clock, actor: &machine };
    let ends = Upload { kind: ImportKind::RollOver, bytes: Vec::new(), ..upload("ashbrook", "") };
    let facts = office.world.facts().await.len();
    let (view, changes) = imports.rehearse_upload(&ends).await.unwrap();
    assert_eq!(view.sums, ["Leaving, Year 6: 1", "Year 4 to Year 5: 10"]);
    assert!(changes > 10);
    assert_eq!(office.records().await, before, "nothing of a rehearsal stays");
    assert_eq!(office.world.facts().await.len(), facts);

    let id = imports.stage(ends).await.unwrap();
    let view = office.world.app.import_view(&office.head, id).await.unwrap().unwrap();
    assert_eq!(view.holds, ["It ends a school year."]);
    assert!(office.approve_as(&office.head, "head", id).await.unwrap());
    assert_eq!(office.states("c.sample").await.1[0].year, YearGroup::parse("5"));
    assert!(office.states("o.sample").await.0.ends_with("suspended"));
    office.world.clock.advance_ms(60_000);
    office.undo(id).await;
    assert_eq!(office.records().await, before);
}

#[tokio::test]
async fn slips_are_made_for_those_who_have_no_password_and_only_once() {
    let office = Office::new().await;
    let id = office.apply(&first()).await;
    let view = office.world.app.import_view(&office.head, id).await.unwrap().unwrap();
    assert_eq!(view.without_password, 11);
    let fresh = office.fresh("tariq").await;
    let slips = office.world.app.import_slips((&office.technician, &fresh), id).await.unwrap().unwrap();
    assert_eq!((slips.slips.len(), slips.left), (11, 0));
    let child = slips.slips.iter().find(|slip| slip.login == "c.sample").unwrap();
    assert_eq!((child.name.as_str(), child.secret.is_empty()), ("Child1 Sample", false));
    let more = office.world.app.import_slips((&office.technician, &fresh), id).await.unwrap().unwrap();
    assert_eq!((more.slips.len(), more.left), (0, 0));
    assert_eq!(office.world.count_facts("issue-password").await, 11);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_says_what_to_do_and_mistakes_leave_as_a_file() {
    let office = Office::new().await;
    let sent = office.world.app.stage_import(&office.head, upload("ashbrook", "%PDF-1.7")).await;
    assert!(refused(sent.unwrap_err()).starts_with("This is no file that can be read"));
    let empty = office.world.app.stage_import(&office.head, upload("ashbrook", "")).await;
    assert_eq!(refused(empty.unwrap_err()), "Choose a file.");
    let nowhere =
        office.world.app.stage_import(&crate::world::technician(), upload("nowhere", &first())).await;
    assert!(refused(nowhere.unwrap_err()).starts_with("There is no such school"));
    let id = office.send(&format!("{}0099,=cmd(),Sample,,Year 99,4B,\n", first())).await;
    let view = office.world.app.import_view(&office.head, id).await.unwrap().unwrap();
    assert_eq!((view.lost, view.all_faults), (1, 1));
    let file = office.world.app.import_faults(&office.head, id).await.unwrap().unwrap();
    let file = String::from_utf8(file).unwrap();
    assert!(file.starts_with("file,line,column,weight,what,how_to_mend\r\n"), "{file}");
    assert!(file.contains("13,Year,row not taken"), "{file}");
    let kept = office.world.store.import_content(id).await.unwrap().unwrap();
    assert!(kept.ends_with(b"Year 99,4B,\n"), "the bytes are kept as they were sent");
    let scope = Scope::School(SchoolId::new("ashbrook"));
    let facts = office.world.store.audit(&scope, 0, 10_000).await.unwrap();
    assert!(facts.iter().all(|fact| !fact.details.contains("Sample")), "no name in a fact");
}

#[tokio::test]
async fn an_undoing_takes_no_account_that_was_given_since() {
    let office = Office::new().await;
    let before = office.records().await;
    let id = office.apply(&first()).await;
    let (pepper, machine_actor) = (crate::world::pepper(), crate::world::technician());
    let (store, clock) = (&office.world.store, &office.world.clock);
    let machine = AtMachine { store, clock, pepper: &pepper, actor: &machine_actor };
    machine.give_administrator("u.example", "looks after accounts").await.unwrap();
    let held = office.records().await;
    let fresh = office.fresh("head").await;
    let refusal = office.world.app.undo_import((&office.head, &fresh), id, "the wrong file").await;
    let words = refused(refusal.unwrap_err());
    assert!(words.starts_with("Nothing was undone.") && words.contains("Una Example"), "{words}");
    assert!(!words.contains("Child"), "whoever has what the import gave them is not named: {words}");
    assert_eq!(office.records().await, held, "nothing of it was done");
    assert_eq!(office.world.count_facts("undo-import").await, 0);

    // The account closed by hand, the import is undone, and the account stays as it was closed.
    let given = store.account("u.example.admin").await.unwrap().unwrap();
    let close = AccountChange::SetState { account: given.id, state: AccountState::Closed, at: clock.now() };
    let fact = store::Fact::new(&office.head, Scope::Trust, clock.now(), "close-account");
    store.commit(&fact, &[store::Change::Account(close)]).await.unwrap();
    assert_eq!(office.undo(id).await.put_back, 11);
    assert!(office.states("u.example").await.0.ends_with("suspended"));
    let closed = store.account("u.example.admin").await.unwrap().unwrap();
    assert_eq!(closed.state, AccountState::Closed);
    let mine = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().filter(|line| !line.contains("Sample") && !line.contains("Example")).collect()
    };
    let after: Vec<String> =
        mine(office.records().await).into_iter().filter(|line| !line.starts_with("Class ")).collect();
    assert_eq!(after, mine(before));
}

#[tokio::test]
async fn an_undoing_leaves_alone_whoever_leads_by_now() {
    let office = Office::new().await;
    let id = office.apply(&first()).await;
    let (store, clock) = (&office.world.store, &office.world.clock);
    let moved = app::Move {
        login: "u.example".to_owned(),
        role: Role::Headteacher,
        year: None,
        reason: "she leads from today".to_owned(),
    };
    let machine = crate::world::technician();
    app::move_person(store, clock, &machine, moved).await.unwrap();
    // In a trust it stands for somebody who leads all of it.
    office.world.add("chief", Role::SeniorLeader, Scope::Trust).await;
    let owners = ["u.example".to_owned(), "chief".to_owned()];
    let pepper = crate::world::pepper();
    let machine = AtMachine { store, clock, pepper: &pepper, actor: &machine };
    machine.make_recovery(&owners, "set-up").await.unwrap();
    office.world.app.take_up_changes().await.unwrap();
    assert_eq!(office.undo(id).await.left_alone, ["Una Example"]);
    let (words, held) = office.states("u.example").await;
    assert!(words.ends_with("pending") && held[0].role == Role::Headteacher, "{words} {held:?}");
    assert_eq!(store.recovery_accounts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_leader_who_is_a_member_of_staff_first_is_not_taken_off_by_a_file() {
    let office = Office::new().await;
    let held = |role, at: &str| Affiliation { scope: school(at), role, year: None };
    let roles = vec![
        held(Role::Staff, "ashbrook"),
        held(Role::SeniorLeader, "ashbrook"),
        held(Role::Staff, "whitestone"),
    ];
    office.world.add_shared("olwen", roles.clone()).await;
    office.apply(&format!("{}T2,Olwen,Thistlewick,,,,Teaching assistant\n", first())).await;
    assert_eq!(office.states("olwen").await.1, roles, "the row is hers, and changes nothing of what she is");
    let id = office.send(&first()).await;
    let view = office.world.app.import_view(&office.head, id).await.unwrap().unwrap();
    let words = format!("{:?}", view.holds);
    assert!(words.contains("1 person with a post"), "she is named, and a person decides: {words}");
    office.world.clock.advance_ms(60_000);
    let learner = format!("{}9999,Nia,Newcomer,01/09/2018,4,4B,\n", first());
    office.apply(&learner).await;
    assert_eq!(
        office.states("olwen").await,
        ("Olwen Thistlewick open".to_owned(), roles),
        "she stays what she is"
    );
}
