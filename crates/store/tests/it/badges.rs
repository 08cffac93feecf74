//! The story of the youngest: badges, pictures, the windows in which they count, and sealed records.

use crate::NOW;
use crate::accounts::account;
use crate::story::{ade, ash, fact, maya};
use model::{
    AccountKind, AccountState, Claim, ClassId, ClassKind, ClassPart, CredentialId, KnownBy, NetworkId,
    PersonId, SchoolId, Timestamp,
};
use std::net::IpAddr;
use store::{
    AccountChange, Badge, BadgeChange, Change, ClassChange, ClassWindow, ClassWindowChange, NewBadge,
    Pictures, SealedChange, SealedRow, Store, StoreError,
};
use uuid::Uuid;

const CLASS: ClassId = ClassId(Uuid::from_u128(78));

pub async fn tell(store: &Store) {
    let class = |change| Change::Class(change);
    let (school, name, kind) = (SchoolId::new("ash"), "Rowan".to_owned(), ClassKind::Registration);
    let join = |person: PersonId, part| {
        class(ClassChange::Join { class: CLASS, person, part, from: NOW, scope: ash() })
    };
    let changes = [
        class(ClassChange::Add { id: CLASS, school, name, kind, from: NOW }),
        join(ade().id, ClassPart::Teacher),
        join(maya().id, ClassPart::Learner),
        Change::Account(AccountChange::Add(account(&maya(), AccountKind::Standard))),
    ];
    store.commit(&fact("make-class"), &changes).await.unwrap();
    a_badge_works_until_it_is_void_or_over(store).await;
    pictures_take_the_place_of_pictures(store).await;
    a_class_has_one_window(store).await;
    a_record_is_one_for_each_child(store).await;
    one_childs_claim_takes_the_place_of_others(store).await;
}

async fn commit(store: &Store, change: Change) -> Result<(), StoreError> {
    store.commit(&fact("change-badge"), &[change]).await.map(|_| ())
}

fn badge(number: u128) -> NewBadge {
    NewBadge {
        badge: Badge {
            id: CredentialId(Uuid::from_u128(number)),
            person: maya().id,
            account: account(&maya(), AccountKind::Standard).id,
            made: NOW.plus_ms(i64::try_from(number).unwrap()),
            expires: NOW.plus_ms(10_000),
            last_used: None,
            voided: None,
        },
        secret_hash: format!("secret {number}"),
        code_hash: format!("code {number}"),
        scope: ash(),
    }
}

async fn a_badge_works_until_it_is_void_or_over(store: &Store) {
    let make = |number| Change::Badge(BadgeChange::Make(badge(number)));
    commit(store, make(1)).await.unwrap();
    assert_eq!(store.badge("secret 1").await.unwrap(), Some(badge(1).badge));
    assert_eq!(store.badge("code 1").await.unwrap(), store.badge("secret 1").await.unwrap());
    assert_eq!(store.badge("secret 2").await.unwrap(), None);
    assert!(matches!(commit(store, make(1)).await, Err(StoreError::Taken { .. })));
    commit(store, make(2)).await.unwrap();
    let first = store.badge("code 1").await.unwrap().unwrap();
    assert_eq!(first.voided, Some(NOW.plus_ms(2)), "a new one voids the old one, whose row stays");
    let used = |number, at| Change::Badge(BadgeChange::Used { badge: badge(number).badge.id, at });
    assert!(matches!(commit(store, used(1, NOW.plus_ms(3))).await, Err(StoreError::Conflict { .. })));
    commit(store, used(2, NOW.plus_ms(3))).await.unwrap();
    assert!(commit(store, used(2, NOW.plus_ms(10_000))).await.is_err(), "at its end it ends");
    let held = store.badges_of_class(CLASS, NOW.plus_ms(4)).await.unwrap();
    assert_eq!(held[&maya().id].last_used, Some(NOW.plus_ms(3)));
    assert!(store.badges_of_class(CLASS, NOW.plus_ms(10_000)).await.unwrap().is_empty());
    let seen = store.last_signed_in(CLASS, NOW.plus_ms(4)).await.unwrap();
    assert_eq!((seen.len(), seen[&maya().id]), (1, NOW.plus_ms(3)));

    let id = account(&maya(), AccountKind::Standard).id;
    let set = |state| Change::Account(AccountChange::SetState { account: id, state, at: NOW });
    commit(store, set(AccountState::Suspended)).await.unwrap();
    assert!(commit(store, used(2, NOW.plus_ms(5))).await.is_err(), "nobody outruns a suspension");
    commit(store, set(AccountState::Open)).await.unwrap();
    let void = || Change::Badge(BadgeChange::Void { person: maya().id, at: NOW.plus_ms(6) });
    commit(store, void()).await.unwrap();
    commit(store, void()).await.unwrap();
    assert!(commit(store, used(2, NOW.plus_ms(7))).await.is_err());
    assert!(store.badges_of_class(CLASS, NOW.plus_ms(7)).await.unwrap().is_empty());
}

async fn pictures_take_the_place_of_pictures(store: &Store) {
    let pictures = |verifier: &str| Pictures {
        person: maya().id,
        account: account(&maya(), AccountKind::Standard).id,
        verifier: verifier.to_owned(),
        made: NOW,
        last_used: None,
    };
    let set =
        |verifier| Change::Badge(BadgeChange::SetPictures { pictures: pictures(verifier), scope: ash() });
    let used = |verifier: &str| {
        let (person, verifier, at) = (maya().id, verifier.to_owned(), NOW.plus_ms(8));
        Change::Badge(BadgeChange::PicturesUsed { person, verifier, at })
    };
    assert_eq!(store.pictures_of(maya().id).await.unwrap(), None);
    commit(store, set("one")).await.unwrap();
    commit(store, set("other")).await.unwrap();
    assert!(matches!(commit(store, used("one")).await, Err(StoreError::Conflict { .. })));
    commit(store, used("other")).await.unwrap();
    let held = store.pictures_of(maya().id).await.unwrap().unwrap();
    assert_eq!(held, Pictures { last_used: Some(NOW.plus_ms(8)), ..pictures("other") });
    assert!(!format!("{held:?}").contains("other"), "a verifier is never printed");
    assert_eq!(store.pictures_of_class(CLASS, NOW).await.unwrap()[&maya().id], held);
    assert_eq!(store.last_signed_in(CLASS, NOW).await.unwrap()[&maya().id], NOW.plus_ms(8));
    commit(store, Change::Badge(BadgeChange::TakePictures { person: maya().id })).await.unwrap();
    assert_eq!(store.pictures_of(maya().id).await.unwrap(), None);
}

async fn a_class_has_one_window(store: &Store) {
    let window = |starts: i64, network: Option<&'static str>| ClassWindow {
        class: CLASS,
        network: network.map(NetworkId::new),
        opened_by: ade().id,
        starts: NOW.plus_ms(starts),
        ends: NOW.plus_ms(starts + 100),
        scope: ash(),
    };
    let open = |window| Change::ClassWindow(ClassWindowChange::Open(window));
    commit(store, open(window(0, None))).await.unwrap();
    commit(store, open(window(50, Some("classrooms")))).await.unwrap();
    assert_eq!(store.class_windows(NOW.plus_ms(49)).await.unwrap()[0].network, None);
    let found = store.class_windows(NOW.plus_ms(60)).await.unwrap();
    assert_eq!(found, [window(50, Some("classrooms"))]);
    assert_eq!(store.windows_for(maya().id, NOW.plus_ms(60)).await.unwrap(), found);
    assert_eq!(store.windows_for(ade().id, NOW.plus_ms(60)).await.unwrap(), [], "a teacher is no learner");
    assert_eq!(store.class_windows(NOW.plus_ms(150)).await.unwrap(), []);
    let close = || Change::ClassWindow(ClassWindowChange::Close { class: CLASS, at: NOW.plus_ms(70) });
    commit(store, close()).await.unwrap();
    commit(store, close()).await.unwrap();
    assert_eq!(store.windows_for(maya().id, NOW.plus_ms(70)).await.unwrap(), []);
}

async fn a_record_is_one_for_each_child(store: &Store) {
    let row = |version: u64, ends: Timestamp| SealedRow {
        person: maya().id,
        class: CLASS,
        account: account(&maya(), AccountKind::Standard).id,
        version,
        wrapped_key: "00ff".to_owned(),
        body: format!("{version:02x}"),
        sealed: NOW,
        ends,
        scope: ash(),
    };
    let keep = |wrapped: &str| {
        let (wrapped, scope) = (wrapped.to_owned(), ash());
        Change::Sealed(SealedChange::KeepClassKey { class: CLASS, wrapped, at: NOW, scope })
    };
    assert_eq!(store.class_key(CLASS).await.unwrap(), None);
    commit(store, keep("aa")).await.unwrap();
    let other = commit(store, keep("bb")).await;
    assert!(matches!(other, Err(StoreError::Conflict { .. })), "what another key sealed opens never");
    commit(store, keep("aa")).await.unwrap();
    assert_eq!(store.class_key(CLASS).await.unwrap().as_deref(), Some("aa"), "the first stays");
    for version in [1, 2] {
        commit(store, Change::Sealed(SealedChange::Put(row(version, NOW)))).await.unwrap();
    }
    assert_eq!(store.sealed_record(maya().id).await.unwrap(), Some(row(2, NOW)));
    assert_eq!(store.sealed_records(None).await.unwrap(), [row(2, NOW)]);
    let after = |ends, person| store.sealed_records(Some((ends, person)));
    assert_eq!(after(NOW, maya().id).await.unwrap(), [], "nothing after the last");
    assert_eq!(after(NOW, PersonId(uuid::Uuid::nil())).await.unwrap(), [row(2, NOW)]);
    assert_eq!(after(NOW.plus_ms(-1), maya().id).await.unwrap(), [row(2, NOW)]);
    assert!(store.sealed_of_class(CLASS).await.unwrap().contains(&maya().id));
    let remove = || Change::Sealed(SealedChange::Remove { person: maya().id });
    commit(store, remove()).await.unwrap();
    commit(store, remove()).await.unwrap();
    assert_eq!(store.sealed_record(maya().id).await.unwrap(), None);
    assert!(store.sealed_of_class(CLASS).await.unwrap().is_empty());
}

async fn one_childs_claim_takes_the_place_of_others(store: &Store) {
    let address = IpAddr::from([10, 20, 0, 9]);
    let claim = |person, by| {
        let claim = Claim { person, by, from: NOW, until: NOW.plus_ms(50) };
        Change::ClaimAddress { address, claim, scope: ash() }
    };
    for (person, by) in [(ade().id, KnownBy::SignIn), (maya().id, KnownBy::SignIn)] {
        commit(store, claim(person, by)).await.unwrap();
    }
    commit(store, Change::EndClaimsAt { address, but: maya().id }).await.unwrap();
    let left = store.web_claims(NOW).await.unwrap();
    let left: Vec<_> =
        left.iter().filter(|held| held.address == address).map(|held| held.claim.person).collect();
    assert_eq!(left, [maya().id]);
    commit(store, Change::EndClaim { address, person: maya().id }).await.unwrap();
}
