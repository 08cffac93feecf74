//! The story: a small school's records from the first person to a policy in force. It knows no database.

use crate::NOW;
use model::{
    Actor, Affiliation, Checkpoint, Claim, Device, DeviceId, DeviceKind, KnownBy, Person, PersonId,
    PolicyHash, Role, SchoolId, Scope, Timestamp, YearGroup,
};
use std::net::IpAddr;
use store::{Approval, AuditFault, Change, DocumentState, Fact, NewPolicy, Signed, Store, StoreError};
use uuid::Uuid;

const MAYA: u128 = 0x0199_0000_0000_7000_8000_0000_0000_0001;
const ADE: u128 = 0x0199_0000_0000_7000_8000_0000_0000_0002;

pub async fn tell(store: &Store) {
    assert_eq!(store.count_people().await.unwrap(), 0);
    assert_eq!(store.revisions().await.unwrap(), store::Revisions::default());
    people_come_and_change(store).await;
    devices_have_addresses(store).await;
    crate::accounts::tell(store).await;
    crate::badges::tell(store).await;
    crate::together::tell(store).await;
    claims_are_replaced_and_end(store).await;
    one_policy_is_in_force(store).await;
    posts_are_held(store).await;
    the_installation_has_notes(store).await;
    the_chain_is_whole(store).await;
    checkpoints_are_kept(store).await;
}

async fn people_come_and_change(store: &Store) {
    store.commit(&fact("add-person"), &[add_person(maya()), add_person(ade())]).await.unwrap();
    let mut people = store.people().await.unwrap();
    people.sort_by_key(|person| person.id);
    assert_eq!(people, [maya(), ade()]);
    let same_login = Person { id: PersonId(Uuid::from_u128(ADE + 7)), ..maya() };
    let refused = store.commit(&fact("add-person"), &[add_person(same_login)]).await;
    assert!(matches!(refused, Err(StoreError::Taken { what: "a login" })), "{refused:?}");

    let staff = Affiliation { scope: ash(), role: Role::Staff, year: None };
    let trustee = Affiliation { scope: Scope::Trust, role: Role::Governor, year: None };
    let moved =
        Change::SetAffiliations { person: maya().id, affiliations: vec![staff.clone(), trustee.clone()] };
    let before = store.revisions().await.unwrap();
    store.commit(&fact("move-person"), &[moved]).await.unwrap();
    let after = store.revisions().await.unwrap();
    assert_ne!(after.roster, before.roster, "others see that the roster changed");
    assert_eq!(after.policy, before.policy);
    let people = store.people().await.unwrap();
    let found = people.iter().find(|person| person.id == maya().id).unwrap();
    assert_eq!(found.affiliations, [staff.clone(), trustee.clone()], "in the order that counts");
    let both = vec![staff.clone(), trustee.clone()];
    for affiliations in [vec![trustee], Vec::new(), vec![staff], Vec::new(), both] {
        let moved = Change::SetAffiliations { person: maya().id, affiliations };
        store.commit(&fact("move-person"), &[moved]).await.unwrap();
    }
    let held = store.roles_held(maya().id).await.unwrap();
    assert_eq!(
        held,
        [Role::Governor, Role::Staff],
        "what she was here is on record, and not that she learned"
    );
    assert_eq!(store.post_holders(NOW).await.unwrap(), [], "nobody holds what is over");
    let nobody = Change::SetAffiliations { person: PersonId(Uuid::nil()), affiliations: Vec::new() };
    assert!(matches!(store.commit(&fact("move-person"), &[nobody]).await, Err(StoreError::Conflict { .. })));
}

async fn devices_have_addresses(store: &Store) {
    let device = Device {
        id: DeviceId(Uuid::from_u128(ADE + 100)),
        school: SchoolId::new("ash"),
        name: "LIB-04".to_owned(),
        kind: DeviceKind::Workstation,
        addresses: vec!["10.1.0.4".parse().unwrap(), "fd00::4".parse().unwrap()],
        assigned_to: Some(ade().id),
    };
    store.commit(&fact("add-device"), &[Change::AddDevice(device.clone())]).await.unwrap();
    assert_eq!(store.devices().await.unwrap(), vec![device.clone()]);
    let twin = Device { id: DeviceId(Uuid::from_u128(ADE + 101)), ..device.clone() };
    let refused = store.commit(&fact("add-device"), &[Change::AddDevice(twin)]).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })));
    assert_eq!(store.devices().await.unwrap(), [device], "half a change leaves nothing behind");
}

async fn claims_are_replaced_and_end(store: &Store) {
    let address: IpAddr = "10.1.0.9".parse().unwrap();
    let claim = Claim { person: ade().id, by: KnownBy::SignIn, from: NOW, until: NOW.plus_ms(100) };
    let longer = Claim { until: NOW.plus_ms(200), ..claim };
    let change = |claim| Change::ClaimAddress { address, claim, scope: ash() };
    store.commit(&fact("sign-in-to-web"), &[change(claim)]).await.unwrap();
    store.commit(&fact("sign-in-to-web"), &[change(longer)]).await.unwrap();
    let claims = store.web_claims(NOW).await.unwrap();
    assert_eq!(claims.iter().map(|held| held.claim).collect::<Vec<_>>(), [longer]);
    assert_eq!(store.web_claims(NOW.plus_ms(200)).await.unwrap(), []);
    store.commit(&fact("tidy"), &[Change::ForgetEnded { before: NOW }]).await.unwrap();
    assert_eq!(store.web_claims(NOW).await.unwrap().len(), 1);
    let end = Change::EndClaim { address: "::ffff:10.1.0.9".parse().unwrap(), person: ade().id };
    store.commit(&fact("sign-out-of-web"), &[end]).await.unwrap();
    assert_eq!(store.web_claims(NOW).await.unwrap(), []);
}

async fn one_policy_is_in_force(store: &Store) {
    let scope = Scope::Trust;
    assert_eq!(store.policy_in_force(&scope).await.unwrap(), None);
    for hash in ["aa", "bb"] {
        store.commit(&fact("propose-policy"), &[Change::ProposePolicy(policy(hash))]).await.unwrap();
    }
    assert_eq!(store.policies_waiting(&scope).await.unwrap(), 2);
    let again = store.commit(&fact("propose-policy"), &[Change::ProposePolicy(policy("aa"))]).await;
    assert!(matches!(again, Err(StoreError::Taken { .. })));
    assert_eq!(store.policies_beginning("a").await.unwrap(), [PolicyHash::new("aa")]);
    assert_eq!(store.policies_beginning("").await.unwrap().len(), 2);
    for hash in ["aa", "bb"] {
        store.commit(&fact("approve-policy"), &[Change::ApprovePolicy(approval(hash))]).await.unwrap();
    }
    let in_force = store.policy_in_force(&scope).await.unwrap().unwrap();
    assert_eq!(in_force.hash, PolicyHash::new("bb"));
    assert_eq!(in_force.edition, ("ash.toml".to_owned(), "title = \"Ash\"\r\n# ünchanged\n".to_owned()));
    assert_eq!(in_force.settings, Some(("ash.settings.toml".to_owned(), "x = 1".to_owned())));
    assert_eq!(in_force.approved.unwrap().2, "the governors met");
    let old = store.policy(&PolicyHash::new("aa")).await.unwrap().unwrap();
    assert_eq!(old.state, DocumentState::Superseded);
    let unknown = store.commit(&fact("approve-policy"), &[Change::ApprovePolicy(approval("cc"))]).await;
    assert!(matches!(unknown, Err(StoreError::Conflict { .. })));
    let still = store.policy_in_force(&scope).await.unwrap().unwrap();
    assert_eq!(still.hash, PolicyHash::new("bb"), "a failed approval leaves the old one in force");
    store.commit(&fact("approve-policy"), &[Change::ApprovePolicy(approval("aa"))]).await.unwrap();
    assert_eq!(
        store.policy_in_force(&scope).await.unwrap().unwrap().hash,
        PolicyHash::new("aa"),
        "one may go back"
    );
}

async fn posts_are_held(store: &Store) {
    let post = Change::GivePost { role: Role::Headteacher, scope: ash(), person: ade().id, from: NOW };
    store.commit(&fact("give-post"), &[post]).await.unwrap();
    assert_eq!(store.post_holders(Timestamp(NOW.0 - 1)).await.unwrap(), []);
    let holders = store.post_holders(NOW).await.unwrap();
    assert_eq!(holders.len(), 1);
    assert_eq!((holders[0].role, holders[0].person, holders[0].until), (Role::Headteacher, ade().id, None));
    let later = Timestamp(NOW.0 + 10);
    for at in [later, Timestamp(later.0 + 10)] {
        let end = Change::EndPost { role: Role::Headteacher, scope: ash(), person: ade().id, at };
        store.commit(&fact("end-post"), &[end]).await.unwrap();
    }
    assert_eq!(store.post_holders(Timestamp(NOW.0 + 9)).await.unwrap()[0].until, Some(later));
    assert_eq!(store.post_holders(later).await.unwrap(), [], "an end is not put off by another");
    assert_eq!(
        store.roles_held(ade().id).await.unwrap(),
        [Role::Headteacher],
        "what was held stays on record"
    );
    assert_eq!(store.roles_held(PersonId(Uuid::from_u128(4))).await.unwrap(), []);
}

async fn the_installation_has_notes(store: &Store) {
    for value in ["1", "2"] {
        let note = Change::NoteInstallation { name: "gate", value: value.to_owned() };
        store.commit(&fact("note"), &[note]).await.unwrap();
    }
    assert_eq!(store.installation("gate").await.unwrap().as_deref(), Some("2"));
    assert_eq!(store.installation("nothing").await.unwrap(), None);
}

async fn the_chain_is_whole(store: &Store) {
    let elsewhere = Fact { scope: ash(), ..fact("look") };
    assert_eq!(store.commit(&elsewhere, &[]).await.unwrap().sequence, 1, "each scope has a chain of its own");
    let facts = store.audit(&Scope::Trust, 0, 1_000).await.unwrap();
    assert_eq!(facts[0].action, "add-person");
    assert_eq!(facts[0].details, r#"{"why":"the \"story\""}"#);
    assert!(facts.iter().all(|row| row.scope == "trust"));
    let check = store.verify_audit(&Scope::Trust).await.unwrap();
    assert_eq!((check.facts, check.broken_at), (facts.len() as u64, None));
    assert_eq!(store.audit(&Scope::Trust, 1, 2).await.unwrap(), facts[1..3]);
    let notes = store.facts_of(&Scope::Trust, "note", 10).await.unwrap();
    let between = async |from, until, most| {
        store.facts_between((&Scope::Trust, "note"), (from, until), most).await.unwrap()
    };
    assert_eq!(between(NOW, NOW.plus_ms(1), 10).await, notes);
    assert_eq!(between(NOW, NOW.plus_ms(1), 1).await.as_slice(), &notes[..1]);
    assert!(between(NOW.plus_ms(1), NOW.plus_ms(2), 10).await.is_empty(), "later");
    assert!(between(NOW.plus_ms(-1), NOW, 10).await.is_empty(), "until before that moment");
    assert_eq!(notes.len(), 2, "of one action alone");
    assert!(notes[0].sequence > notes[1].sequence, "newest first");
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let counts = store.count_facts(&Scope::Trust, "note", always).await.unwrap();
    assert_eq!(counts.iter().map(|count| count.facts).sum::<u64>(), 2, "{counts:?}");
    assert!(counts.iter().all(|count| count.actor == notes[0].actor && count.subject == notes[0].subject));
    let never = (Timestamp(0), Timestamp(0));
    assert!(store.count_facts(&Scope::Trust, "note", never).await.unwrap().is_empty());
    assert_eq!(facts[0].details().get("why").map(String::as_str), Some("the \"story\""));
    assert_eq!(store.verify_audit(&Scope::School(SchoolId::new("elm"))).await.unwrap().facts, 0);
}

fn signed(checkpoints: &[Checkpoint]) -> Signed<'_> {
    Signed { checkpoints, ..Signed::default() }
}

/// Heads and checkpoints say where a chain has got to, and a later look finds it there.
async fn checkpoints_are_kept(store: &Store) {
    let heads = store.audit_heads().await.unwrap();
    let head = heads.iter().find(|head| head.scope == Scope::Trust).unwrap().clone();
    assert_eq!(
        store.audit_scopes().await.unwrap(),
        [ash(), Scope::School(SchoolId::new("oak")), Scope::Trust]
    );
    assert_eq!(store.newest_checkpoint(&Scope::Trust).await.unwrap(), None);
    let (key, signature) = ("aa".to_owned(), "bb".to_owned());
    let (scope, at) = (Scope::Trust.to_string(), NOW);
    let checkpoint = Checkpoint { scope, sequence: head.sequence, hash: head.hash, at, key, signature };
    let change = Change::AddCheckpoint(checkpoint.clone());
    store.commit(&fact("checkpoint"), std::slice::from_ref(&change)).await.unwrap();
    assert!(store.commit(&fact("checkpoint"), &[change]).await.is_err(), "one for each fact");
    assert_eq!(store.newest_checkpoint(&Scope::Trust).await.unwrap(), Some(checkpoint.clone()));
    let kept = store.checkpoints(&Scope::Trust).await.unwrap();
    assert_eq!(kept, std::slice::from_ref(&checkpoint));
    assert_eq!(store.verify_audit_against(&Scope::Trust, signed(&kept)).await.unwrap().fault, None);
    let other = Checkpoint { hash: "ab".to_owned(), ..checkpoint.clone() };
    let found = store.verify_audit_against(&Scope::Trust, signed(&[other])).await.unwrap();
    assert_eq!(found.broken_at, Some(checkpoint.sequence));
    assert_eq!(found.fault, Some(AuditFault::NotAsSigned { at: NOW }));
    let later = Checkpoint { sequence: 10_000, ..checkpoint };
    let found = store.verify_audit_against(&Scope::Trust, signed(&[later])).await.unwrap();
    assert_eq!(
        found.fault,
        Some(AuditFault::CutOff { reached: 10_000 }),
        "as after an old copy was put back"
    );
}

/// Two programs write at once, each with several tasks: every commit gets its place, and the chain stays whole.
pub async fn write_at_once(one: &Store, other: &Store) {
    let before = one.verify_audit(&Scope::Trust).await.unwrap().facts;
    let writers: Vec<_> = (0..40)
        .map(|number| {
            let store = if number % 2 == 0 { one.clone() } else { other.clone() };
            tokio::spawn(async move {
                let note = Change::NoteInstallation { name: "gate", value: number.to_string() };
                store.commit(&fact("note"), &[note]).await.unwrap().sequence
            })
        })
        .collect();
    let mut places = Vec::new();
    for writer in writers {
        places.push(u64::try_from(writer.await.unwrap()).unwrap());
    }
    places.sort_unstable();
    assert_eq!(places, (before + 1..=before + 40).collect::<Vec<_>>());
    assert_eq!(other.verify_audit(&Scope::Trust).await.unwrap().broken_at, None);
}

pub fn fact(action: &'static str) -> Fact {
    let actor = Actor::CommandLine { user: "technician".to_owned() };
    Fact::new(&actor, Scope::Trust, NOW, action).about("story").with("why", "the \"story\"").with("empty", "")
}

pub fn add_person(person: Person) -> Change {
    Change::AddPerson { person, scope: Scope::Trust }
}

pub fn maya() -> Person {
    let year = YearGroup::parse("R");
    Person {
        id: PersonId(Uuid::from_u128(MAYA)),
        login: "maya.oduya".to_owned(),
        display_name: "Maya Oduya".to_owned(),
        affiliations: vec![Affiliation { scope: ash(), role: Role::Learner, year }],
    }
}

pub fn ade() -> Person {
    Person {
        id: PersonId(Uuid::from_u128(ADE)),
        login: "ade.ladipo".to_owned(),
        display_name: "Ade Ládípọ̀".to_owned(),
        affiliations: vec![Affiliation { scope: ash(), role: Role::Headteacher, year: None }],
    }
}

pub fn ash() -> Scope {
    Scope::School(SchoolId::new("ash"))
}

fn policy(hash: &str) -> NewPolicy {
    NewPolicy {
        hash: PolicyHash::new(hash),
        scope: Scope::Trust,
        edition: ("ash.toml".to_owned(), "title = \"Ash\"\r\n# ünchanged\n".to_owned()),
        settings: Some(("ash.settings.toml".to_owned(), "x = 1".to_owned())),
        at: NOW,
        by: "command-line:technician".to_owned(),
        why: "a new year".to_owned(),
    }
}

fn approval(hash: &str) -> Approval {
    Approval {
        hash: PolicyHash::new(hash),
        scope: Scope::Trust,
        at: NOW,
        by: "command-line:technician".to_owned(),
        why: "the governors met".to_owned(),
    }
}
