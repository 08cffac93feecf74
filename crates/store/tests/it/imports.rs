//! The story of imports: put down, answered, applied or dropped once, undone once, forgotten; and what the school's system
//! calls people.

use crate::NOW;
use crate::story::{ade, fact, maya};
use model::{ClassId, ClassKind, ClassPart, ImportId, ImportKind, ImportState, SchoolId, Scope, Timestamp};
use store::{Change, ClassChange, ImportChange, NewImport, PersonSource, Store, StoreError};
use uuid::Uuid;

pub async fn tell(store: &Store) {
    imports_are_decided_once(store).await;
    sources_are_known_again(store).await;
    a_rehearsal_leaves_nothing(store).await;
    classes_end_and_open_again(store).await;
}

fn ash() -> SchoolId {
    SchoolId::new("ash")
}

fn new(number: u128) -> NewImport {
    NewImport {
        id: ImportId(Uuid::from_u128(number)),
        school: ash(),
        kind: if number.is_multiple_of(2) { ImportKind::RollOver } else { ImportKind::File },
        name: "pupils.csv".to_owned(),
        format: (number == 1).then(|| "csv".to_owned()),
        grades: "year-groups".to_owned(),
        leaving: number.is_multiple_of(2).then(|| "6".to_owned()),
        hash: "00ff".to_owned(),
        content: vec![0, 255, 10, 13],
        at: NOW.plus_ms(i64::try_from(number).unwrap()),
        by: "command-line:technician".to_owned(),
    }
}

async fn commit(store: &Store, change: ImportChange) -> Result<(), StoreError> {
    store.commit(&fact("change-import"), &[Change::Import(change)]).await.map(|_| ())
}

fn by() -> (String, String) {
    ("program".to_owned(), "a new term".to_owned())
}

async fn imports_are_decided_once(store: &Store) {
    for number in [1, 2] {
        commit(store, ImportChange::Stage(Box::new(new(number)))).await.unwrap();
    }
    let (first, second) = (new(1).id, new(2).id);
    let found = store.import(first).await.unwrap().unwrap();
    assert!(found.staged == NewImport { content: Vec::new(), ..new(1) });
    assert!((found.state, found.has_content) == (ImportState::Staged, true));
    assert_eq!(store.import_content(first).await.unwrap(), Some(vec![0, 255, 10, 13]));
    let order: Vec<_> = store.imports().await.unwrap().into_iter().map(|row| row.staged.id).collect();
    assert_eq!(order, [second, first], "the newest first");

    for person in [Some(maya().id), None] {
        let answer = ImportChange::Answer { id: first, school: ash(), source: "0001".to_owned(), person };
        commit(store, answer).await.unwrap();
        assert_eq!(store.import_answers(first).await.unwrap(), [("0001".to_owned(), person)]);
    }
    let at = NOW.plus_ms(100);
    let applied = || ImportChange::Apply {
        id: first,
        at,
        by: by(),
        outcome: "Joining: 1".to_owned(),
        before: "{}".to_owned(),
    };
    commit(store, applied()).await.unwrap();
    assert!(matches!(commit(store, applied()).await, Err(StoreError::Conflict { .. })));
    let drop = |id| ImportChange::Drop { id, at, by: by() };
    assert!(matches!(commit(store, drop(first)).await, Err(StoreError::Conflict { .. })));
    commit(store, drop(second)).await.unwrap();
    let found = store.import(first).await.unwrap().unwrap();
    assert_eq!((found.state, found.outcome.as_str()), (ImportState::Applied, "Joining: 1"));
    assert_eq!(found.decided, Some((at, by().0, by().1)));
    assert_eq!(found.before.as_deref(), Some("{}"));
    let undo = || ImportChange::Undo { id: first, at, by: by() };
    commit(store, undo()).await.unwrap();
    assert!(matches!(commit(store, undo()).await, Err(StoreError::Conflict { .. })));
    let found = store.import(first).await.unwrap().unwrap();
    assert_eq!((found.state, found.before, found.undone.is_some()), (ImportState::Undone, None, true));

    commit(store, ImportChange::Forget { before: at }).await.unwrap();
    assert!(store.import_content(first).await.unwrap().is_some(), "it was decided then, not before");
    commit(store, ImportChange::Forget { before: at.plus_ms(1) }).await.unwrap();
    assert_eq!(store.import_content(first).await.unwrap(), None);
    assert!(!store.import(second).await.unwrap().unwrap().has_content);
    assert_eq!(store.import_answers(first).await.unwrap(), []);
    assert!(store.import(ImportId(Uuid::nil())).await.unwrap().is_none());
    assert!(!store.accounts_with_password().await.unwrap().is_empty());
}

async fn sources_are_known_again(store: &Store) {
    let link = |source: &str, person, born: Option<&str>| ImportChange::Link {
        school: ash(),
        link: PersonSource { source: source.to_owned(), person, born: born.map(str::to_owned), left: None },
        at: NOW,
    };
    commit(store, link("0001", maya().id, Some("2018-09-01"))).await.unwrap();
    commit(store, link("0002", ade().id, None)).await.unwrap();
    let taken = commit(store, link("0002", maya().id, None)).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "an id is one person's");
    commit(store, link("0003", maya().id, Some("2018-09-01"))).await.unwrap();
    let left = |left: Option<Timestamp>| ImportChange::SetLeft { school: ash(), person: maya().id, left };
    commit(store, left(Some(NOW))).await.unwrap();
    let mut found = store.person_sources(&ash()).await.unwrap();
    found.sort_by(|one, other| one.source.cmp(&other.source));
    let found: Vec<_> = found
        .iter()
        .map(|link| (link.source.as_str(), link.person, link.born.as_deref(), link.left))
        .collect();
    let expected = [("0002", ade().id, None, None), ("0003", maya().id, Some("2018-09-01"), Some(NOW))];
    assert_eq!(found, expected);
    commit(store, left(None)).await.unwrap();
    commit(store, ImportChange::Unlink { school: ash(), person: ade().id }).await.unwrap();
    let found = store.person_sources(&ash()).await.unwrap();
    assert!(found.len() == 1 && found[0].left.is_none());
    assert!(store.person_sources(&SchoolId::new("elm")).await.unwrap().is_empty());
}

async fn a_rehearsal_leaves_nothing(store: &Store) {
    let name = |name: &str| Change::Rename { person: maya().id, display_name: name.to_owned() };
    let chain = store.audit(&fact("x").scope, 0, 10_000).await.unwrap().len();
    store.rehearse(&fact("rehearse"), &[name("Rehearsed")]).await.unwrap();
    let nobody = Change::Rename { person: model::PersonId(Uuid::nil()), display_name: String::new() };
    assert!(matches!(store.rehearse(&fact("rehearse"), &[nobody]).await, Err(StoreError::Conflict { .. })));
    let named = |people: Vec<model::Person>| {
        people.into_iter().find(|person| person.id == maya().id).unwrap().display_name
    };
    assert_eq!(named(store.people().await.unwrap()), maya().display_name);
    assert_eq!(store.audit(&fact("x").scope, 0, 10_000).await.unwrap().len(), chain);
    store.commit(&fact("rename"), &[name("Renamed")]).await.unwrap();
    assert_eq!(named(store.people().await.unwrap()), "Renamed");
    store.commit(&fact("rename"), &[name(&maya().display_name)]).await.unwrap();
}

async fn classes_end_and_open_again(store: &Store) {
    let id = ClassId(Uuid::from_u128(4_242));
    let scope = Scope::School(ash());
    let at = NOW.plus_ms(50);
    let change = |change| Change::Class(change);
    let add = ClassChange::Add {
        id,
        school: ash(),
        name: "Willow".to_owned(),
        kind: ClassKind::Registration,
        from: NOW,
    };
    let join = ClassChange::Join { class: id, person: maya().id, part: ClassPart::Learner, from: NOW, scope };
    store.commit(&fact("class"), &[change(add), change(join)]).await.unwrap();
    let is_there = |classes: Vec<store::Class>| classes.iter().any(|class| class.id == id);
    store.commit(&fact("class"), &[change(ClassChange::End { class: id, at })]).await.unwrap();
    assert!(!is_there(store.classes(at).await.unwrap()) && is_there(store.classes(NOW).await.unwrap()));
    store.commit(&fact("class"), &[change(ClassChange::Reopen { class: id })]).await.unwrap();
    assert!(is_there(store.classes(at).await.unwrap()));
    store
        .commit(&fact("class"), &[change(ClassChange::Leave { class: id, person: maya().id, at })])
        .await
        .unwrap();
    store.commit(&fact("class"), &[change(ClassChange::End { class: id, at })]).await.unwrap();
}
