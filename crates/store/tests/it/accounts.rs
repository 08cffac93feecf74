//! The story of accounts: what opens them, what ends with them, and the classes that people are in.

use crate::NOW;
use crate::story::{ade, ash, fact, maya};
use model::{
    AccountId, AccountKind, AccountState, Claim, ClassId, ClassKind, ClassPart, CredentialId, CredentialKind,
    KnownBy, Person, PersonId, SchoolId, Scope, SessionId, Timestamp,
};
use std::net::IpAddr;
use store::{
    Account, AccountChange, Change, ClassChange, Credential, FactorName, NewSession, RecoveryChange,
    RecoveryRecord, RecoveryWant, RecoveryWish, SessionChange, SessionKind, SessionStage, Store, StoreError,
};
use uuid::Uuid;

pub async fn tell(store: &Store) {
    accounts_are_one_of_each_kind(store).await;
    credentials_work_until_they_are_revoked(store).await;
    a_code_is_taken_once(store).await;
    passwords_are_known_again(store).await;
    sessions_end_with_their_account(store).await;
    sessions_end_one_by_one(store).await;
    classes_have_dates(store).await;
    what_is_seen_of_all(store).await;
    factors_have_names_and_one_handle_each(store).await;
    recovery_accounts_have_owners_and_an_end(store).await;
    of_each_number_leaders_want_one_thing_at_a_time(store).await;
    who_decided_by_what_is_no_more_is_overtaken(store).await;
    facts_are_found_by_whom_they_are_about(store).await;
}

async fn commit(store: &Store, change: impl Into<Change>) -> Result<(), StoreError> {
    store.commit(&fact("change-account"), &[change.into()]).await.map(|_| ())
}

fn change(change: AccountChange) -> Change {
    Change::Account(change)
}

pub fn account(person: &Person, kind: AccountKind) -> Account {
    let number = person.id.0.as_u128() + 1_000 * (kind as u128 + 1);
    let suffix = if kind == AccountKind::Standard { String::new() } else { format!(".{}", kind.slug()) };
    Account {
        id: AccountId(Uuid::from_u128(number)),
        person: person.id,
        kind,
        login: format!("{}{suffix}", person.login),
        state: AccountState::Pending,
        starts: NOW,
        ends: None,
        must_change: true,
        created: NOW,
        created_by: "command-line:technician".to_owned(),
        scope: Scope::Trust,
    }
}

fn credential(number: u128, kind: CredentialKind) -> Credential {
    Credential {
        id: CredentialId(Uuid::from_u128(number)),
        account: account(&ade(), AccountKind::Standard).id,
        kind,
        verifier: format!("$argon2id$made-up-{number}"),
        counter: 0,
        created: NOW.plus_ms(i64::try_from(number).unwrap()),
        expires: (kind == CredentialKind::Temporary).then(|| NOW.plus_ms(5_000)),
        last_worked: None,
        revoked: None,
    }
}

fn add(number: u128, kind: CredentialKind) -> Change {
    change(AccountChange::AddCredential { credential: credential(number, kind), scope: Scope::Trust })
}

async fn accounts_are_one_of_each_kind(store: &Store) {
    for kind in [AccountKind::Standard, AccountKind::Administrator] {
        commit(store, change(AccountChange::Add(account(&ade(), kind)))).await.unwrap();
    }
    let found = store.account("ade.ladipo").await.unwrap().unwrap();
    assert_eq!(found, account(&ade(), AccountKind::Standard));
    assert_eq!(
        store.account("ade.ladipo.administrator").await.unwrap().unwrap().kind,
        AccountKind::Administrator
    );
    assert_eq!(store.account("nobody").await.unwrap(), None);
    assert_eq!(store.accounts_of(ade().id).await.unwrap().len(), 2);
    assert_eq!(store.accounts_of(maya().id).await.unwrap(), []);
    let second = Account {
        id: AccountId(Uuid::from_u128(5)),
        login: "ade.again".to_owned(),
        ..account(&ade(), AccountKind::Standard)
    };
    let refused = commit(store, change(AccountChange::Add(second))).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "one account of a kind for each person");
    let same_login = Account { login: "ade.ladipo".to_owned(), ..account(&maya(), AccountKind::Standard) };
    let refused = commit(store, change(AccountChange::Add(same_login))).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "a login is given once");
    assert!(found.may_sign_in(NOW) && !found.may_sign_in(Timestamp(NOW.0 - 1)));
    assert!(!Account { ends: Some(NOW), ..found }.may_sign_in(NOW), "at its end it ends");
}

async fn credentials_work_until_they_are_revoked(store: &Store) {
    let id = account(&ade(), AccountKind::Standard).id;
    store
        .commit(
            &fact("add-credential"),
            &[
                add(1, CredentialKind::Temporary),
                add(2, CredentialKind::Totp),
                add(3, CredentialKind::Recovery),
            ],
        )
        .await
        .unwrap();
    let held = store.credentials(id).await.unwrap();
    assert_eq!(held[0], credential(1, CredentialKind::Temporary));
    assert!(held[0].works(NOW) && !held[0].works(NOW.plus_ms(5_000)), "a temporary one runs out");
    assert!(!format!("{held:?}").contains("argon2"), "a verifier is never printed");
    assert_eq!(store.count_hashes("$argon2id$").await.unwrap(), (1, 1));
    assert_eq!(store.count_hashes("$other$").await.unwrap(), (1, 0));
    let verifier = "$argon2id$stronger".to_owned();
    commit(store, change(AccountChange::Rehash { credential: held[0].id, verifier })).await.unwrap();
    assert_eq!(store.credentials(id).await.unwrap()[0].verifier, "$argon2id$stronger");

    let kinds = vec![CredentialKind::Temporary, CredentialKind::Password];
    commit(store, change(AccountChange::Revoke { account: id, kinds, at: NOW })).await.unwrap();
    let used = AccountChange::RevokeOne { credential: held[2].id, at: NOW };
    commit(store, change(used.clone())).await.unwrap();
    let again = commit(store, change(used)).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "a recovery code works once");
    let left: Vec<_> = store.credentials(id).await.unwrap().iter().map(|held| held.kind).collect();
    assert_eq!(left, [CredentialKind::Totp]);
    let must = AccountChange::SetMustChange { account: id, must_change: false };
    commit(store, change(must)).await.unwrap();
    assert!(!store.account("ade.ladipo").await.unwrap().unwrap().must_change);
}

async fn a_code_is_taken_once(store: &Store) {
    let totp = credential(2, CredentialKind::Totp).id;
    let worked = |counter| change(AccountChange::Worked { credential: totp, at: NOW.plus_ms(9), counter });
    commit(store, worked(Some(7))).await.unwrap();
    for counter in [7, 6] {
        let again = commit(store, worked(Some(counter))).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "step {counter} was taken already");
    }
    commit(store, worked(None)).await.unwrap();
    let held = store.credentials(account(&ade(), AccountKind::Standard).id).await.unwrap();
    assert_eq!((held[0].counter, held[0].last_worked), (7, Some(NOW.plus_ms(9))));
}

async fn passwords_are_known_again(store: &Store) {
    let note = |fingerprint: &str, at: i64| {
        change(AccountChange::NoteFingerprint {
            account: account(&ade(), AccountKind::Standard).id,
            person: ade().id,
            fingerprint: fingerprint.to_owned(),
            at: NOW.plus_ms(at),
            scope: Scope::Trust,
        })
    };
    for (fingerprint, at) in [("aa", 1), ("bb", 2), ("aa", 3)] {
        commit(store, note(fingerprint, at)).await.unwrap();
    }
    assert_eq!(store.password_fingerprints(ade().id).await.unwrap(), ["aa", "bb"], "newest first, each once");
    assert_eq!(store.password_fingerprints(maya().id).await.unwrap(), Vec::<String>::new());
}

fn open(token_hash: &str, kind: AccountKind, expires: Timestamp) -> Change {
    Change::Session(SessionChange::Open(NewSession {
        token_hash: token_hash.to_owned(),
        id: session_id(token_hash),
        person: ade().id,
        account: account(&ade(), kind).id,
        kind: SessionKind::Console,
        stage: SessionStage::Full,
        methods: "pwd".to_owned(),
        address: "127.0.0.1".parse().unwrap(),
        created: NOW,
        expires,
        scope: Scope::Trust,
    }))
}

fn session_id(token_hash: &str) -> SessionId {
    SessionId(Uuid::from_u128(token_hash.bytes().fold(7, |sum, byte| sum * 256 + u128::from(byte))))
}

async fn sessions_end_with_their_account(store: &Store) {
    let end = NOW.plus_ms(1_000);
    let address: IpAddr = "10.1.0.9".parse().unwrap();
    let claim = Claim { person: ade().id, by: KnownBy::SignIn, from: NOW, until: end };
    let begin = [
        open("a", AccountKind::Standard, end),
        open("b", AccountKind::Administrator, end),
        Change::ClaimAddress { address, claim, scope: ash() },
    ];
    store.commit(&fact("sign-in"), &begin).await.unwrap();
    let session = store.session("b", NOW).await.unwrap().unwrap();
    assert_eq!((session.account_kind, session.stage), (AccountKind::Administrator, SessionStage::Full));
    let before = store.revisions().await.unwrap();
    let id = account(&ade(), AccountKind::Standard).id;
    let at = NOW.plus_ms(3);
    let set = |state| change(AccountChange::SetState { account: id, state, at });
    commit(store, set(AccountState::Suspended)).await.unwrap();
    let (used, worked) = (AccountChange::FirstUse { account: id }, credential(2, CredentialKind::Totp).id);
    commit(store, change(used)).await.unwrap();
    assert!(
        !store.account("ade.ladipo").await.unwrap().unwrap().may_sign_in(NOW),
        "a first use opens nothing shut"
    );
    for counter in [None, Some(1_000)] {
        let late = AccountChange::Worked { credential: worked, at, counter };
        let late = commit(store, change(late)).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "what is hashed meanwhile opens nothing");
    }
    assert_eq!(store.session("a", NOW).await.unwrap(), None, "its sessions end");
    assert!(store.session("b", NOW).await.unwrap().is_some(), "another account's stay");
    assert_eq!(store.web_claims(NOW).await.unwrap(), [], "and so do sign-ins to the web");
    assert_ne!(store.revisions().await.unwrap().access, before.access, "others see it");
    assert_eq!(store.ended_after(NOW).await.unwrap(), [(ade().id, at)]);
    assert_eq!(store.ended_after(at).await.unwrap(), []);
    commit(store, set(AccountState::Open)).await.unwrap();
    assert!(store.account("ade.ladipo").await.unwrap().unwrap().may_sign_in(NOW));
    assert_eq!(store.session("a", NOW).await.unwrap(), None, "what ended stays ended");
}

async fn sessions_end_one_by_one(store: &Store) {
    let end = NOW.plus_ms(1_000);
    let standard = |token: &str| open(token, AccountKind::Standard, end);
    store.commit(&fact("sign-in"), &[standard("c"), standard("d"), standard("e")]).await.unwrap();
    store.touch_session("c", NOW.plus_ms(10)).await.unwrap();
    store.touch_session("c", NOW.plus_ms(5)).await.unwrap();
    let session = store.session("c", NOW).await.unwrap().unwrap();
    assert_eq!((session.person, session.last_seen, session.expires), (ade().id, NOW.plus_ms(10), end));
    assert_eq!(store.session("c", end).await.unwrap(), None, "at its end it counts no more");
    let step = SessionChange::StepUp {
        token_hash: "c".to_owned(),
        at: NOW.plus_ms(4),
        methods: "pwd otp".to_owned(),
    };
    commit(store, Change::Session(step)).await.unwrap();
    let session = store.session("c", NOW).await.unwrap().unwrap();
    assert_eq!((session.stepped_up, session.methods.as_str()), (Some(NOW.plus_ms(4)), "pwd otp"));

    assert_eq!(store.sessions_of(ade().id, NOW).await.unwrap().len(), 4, "of every account");
    let named = |person| Change::Session(SessionChange::CloseNamed { person, id: session_id("d") });
    commit(store, named(maya().id)).await.unwrap();
    assert!(store.session("d", NOW).await.unwrap().is_some(), "nobody ends a session that is not theirs");
    commit(store, named(ade().id)).await.unwrap();
    assert_eq!(store.session("d", NOW).await.unwrap(), None);
    let all =
        AccountChange::EndEverything { person: ade().id, but: Some("c".to_owned()), at: NOW.plus_ms(8) };
    commit(store, change(all)).await.unwrap();
    let left: Vec<_> = store.sessions_of(ade().id, NOW).await.unwrap();
    assert_eq!(left.iter().map(|(_, hash)| hash.as_str()).collect::<Vec<_>>(), ["c"]);
    let finish = || Change::Session(SessionChange::Finish { token_hash: "c".to_owned() });
    commit(store, finish()).await.unwrap();
    let again = commit(store, finish()).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "a step is done once");
    let close = SessionChange::Close { token_hash: "c".to_owned() };
    commit(store, Change::Session(close)).await.unwrap();
    assert_eq!(store.session("c", NOW).await.unwrap(), None);
}

async fn classes_have_dates(store: &Store) {
    let id = ClassId(Uuid::from_u128(77));
    let class = |change| Change::Class(change);
    let school = SchoolId::new("ash");
    let join = |person: PersonId, part| {
        class(ClassChange::Join { class: id, person, part, from: NOW.plus_ms(5), scope: ash() })
    };
    let changes = [
        class(ClassChange::Add {
            id,
            school: school.clone(),
            name: "Hazel".to_owned(),
            kind: ClassKind::Registration,
            from: NOW,
        }),
        join(ade().id, ClassPart::Teacher),
        join(maya().id, ClassPart::Learner),
    ];
    store.commit(&fact("make-class"), &changes).await.unwrap();
    assert_eq!(store.classes(Timestamp(NOW.0 - 1)).await.unwrap(), []);
    assert!(store.classes(NOW).await.unwrap()[0].teachers.is_empty(), "nobody is in it yet");
    let found = store.classes(NOW.plus_ms(5)).await.unwrap();
    assert_eq!((&found[0].school, found[0].name.as_str()), (&school, "Hazel"));
    assert_eq!(
        (found[0].teachers.as_slice(), found[0].learners.as_slice()),
        ([ade().id].as_slice(), [maya().id].as_slice())
    );
    let leave = ClassChange::Leave { class: id, person: maya().id, at: NOW.plus_ms(9) };
    commit(store, class(leave)).await.unwrap();
    assert_eq!(store.classes(NOW.plus_ms(8)).await.unwrap()[0].learners.len(), 1);
    assert!(store.classes(NOW.plus_ms(9)).await.unwrap()[0].learners.is_empty());
}

async fn factors_have_names_and_one_handle_each(store: &Store) {
    let id = account(&ade(), AccountKind::Standard).id;
    let add_new = |number: u128| {
        change(AccountChange::AddCredential {
            credential: credential(number, CredentialKind::Passkey),
            scope: Scope::Trust,
        })
    };
    let named = |number: u128, name: &str, handle: &str| Change::NameFactor {
        factor: FactorName {
            credential: credential(number, CredentialKind::Passkey).id,
            name: name.to_owned(),
            handle: Some(handle.to_owned()),
        },
        scope: Scope::Trust,
    };
    let both = [add_new(901), add_new(902), named(901, "My phone", "00ff")];
    store.commit(&fact("add-factor"), &both).await.unwrap();
    let taken = commit(store, named(902, "A copy", "00ff")).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "no passkey is two people's");
    commit(store, named(901, "Old phone", "another")).await.unwrap();
    let names = store.factor_names(id).await.unwrap();
    assert_eq!((names[0].name.as_str(), names[0].handle.as_deref()), ("Old phone", Some("00ff")));
    let gone = [901, 902].map(|number| {
        let credential = credential(number, CredentialKind::Passkey).id;
        change(AccountChange::RevokeOne { credential, at: NOW })
    });
    store.commit(&fact("remove-factor"), &gone).await.unwrap();
    assert_eq!(store.factor_names(id).await.unwrap(), [], "what was taken away has no name any more");
}

async fn recovery_accounts_have_owners_and_an_end(store: &Store) {
    assert_eq!(store.highest_recovery_number().await.unwrap(), 0);
    let held = account(&ade(), AccountKind::BreakGlass);
    let owners = [ade().id, maya().id].into();
    let record = RecoveryRecord { account: held.id, number: 1, owners, tried: NOW };
    let make = Change::Recovery(RecoveryChange::Make { record: record.clone(), scope: Scope::Trust });
    let changes = [change(AccountChange::Add(held.clone())), make];
    store.commit(&fact("make-recovery-account"), &changes).await.unwrap();
    assert_eq!(store.recovery_accounts().await.unwrap(), std::slice::from_ref(&record));
    let kinds = store.accounts_of_kinds(&[AccountKind::BreakGlass]).await.unwrap();
    assert_eq!(kinds, std::slice::from_ref(&held));
    let own = RecoveryChange::Own {
        account: held.id,
        stands_for: maya().id,
        owners: [maya().id].into(),
        scope: Scope::Trust,
    };
    for recovery in [RecoveryChange::Tried { account: held.id, at: NOW.plus_ms(5) }, own] {
        commit(store, Change::Recovery(recovery)).await.unwrap();
    }
    let changed = RecoveryRecord { owners: [maya().id].into(), tried: NOW.plus_ms(5), ..record };
    assert_eq!(store.recovery_accounts().await.unwrap(), [changed]);
    let hers = store.accounts_of(maya().id).await.unwrap();
    assert!(hers.iter().any(|account| account.id == held.id), "it stands for her from now on");
    let unknown = RecoveryChange::Tried { account: AccountId(Uuid::from_u128(99)), at: NOW };
    assert!(matches!(commit(store, Change::Recovery(unknown)).await, Err(StoreError::Conflict { .. })));
    let set = |state| change(AccountChange::SetState { account: held.id, state, at: NOW });
    commit(store, set(AccountState::Closed)).await.unwrap();
    assert_eq!(store.recovery_accounts().await.unwrap(), [], "a closed one is none");
    assert_eq!(store.highest_recovery_number().await.unwrap(), 1, "and its number is not given again");
    commit(store, set(AccountState::Closed)).await.unwrap();
    for state in [AccountState::Open, AccountState::Pending, AccountState::Suspended] {
        let opened = commit(store, set(state)).await;
        assert!(matches!(opened, Err(StoreError::Conflict { .. })), "what is closed stays so: {state:?}");
    }
    let with: Vec<PersonId> = store
        .people_with(&ade().affiliations.iter().map(|held| held.role).collect::<Vec<_>>())
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert!(with.contains(&ade().id) && store.people_with(&[]).await.unwrap().is_empty());
}

async fn of_each_number_leaders_want_one_thing_at_a_time(store: &Store) {
    let asked = RecoveryWish {
        number: 2,
        want: RecoveryWant::Make,
        owners: [ade().id, maya().id].into(),
        asked: NOW,
        asked_by: ade().id,
        agreed: None,
    };
    let agreed = RecoveryWish { agreed: Some((maya().id, NOW.plus_ms(7))), ..asked.clone() };
    let other = RecoveryWish { want: RecoveryWant::Own, owners: [maya().id].into(), ..asked.clone() };
    for wish in [asked, agreed, other] {
        let set = RecoveryChange::SetWish { wish: wish.clone(), scope: Scope::Trust };
        commit(store, Change::Recovery(set)).await.unwrap();
        assert_eq!(store.recovery_wishes().await.unwrap(), [wish]);
    }
    let gone = RecoveryWish {
        number: 1,
        want: RecoveryWant::Delete,
        owners: [].into(),
        asked: NOW,
        asked_by: maya().id,
        agreed: None,
    };
    let set = RecoveryChange::SetWish { wish: gone.clone(), scope: Scope::Trust };
    commit(store, Change::Recovery(set)).await.unwrap();
    for _ in 0..2 {
        commit(store, Change::Recovery(RecoveryChange::EndWish { number: 2 })).await.unwrap();
    }
    assert_eq!(store.recovery_wishes().await.unwrap(), [gone]);
}

async fn who_decided_by_what_is_no_more_is_overtaken(store: &Store) {
    let follow = |before: Option<&str>, after: &str| Change::FollowInstallation {
        name: "a-story",
        before: before.map(str::to_owned),
        after: after.to_owned(),
    };
    commit(store, follow(None, "one")).await.unwrap();
    for late in [None, Some("zero")] {
        let overtaken = commit(store, follow(late, "two")).await;
        assert!(matches!(overtaken, Err(StoreError::Overtaken { .. })), "{late:?}");
    }
    commit(store, follow(Some("one"), "two")).await.unwrap();
    assert_eq!(store.installation("a-story").await.unwrap().as_deref(), Some("two"));
}

async fn what_is_seen_of_all(store: &Store) {
    let seen = store.accounts_seen().await.unwrap();
    assert_eq!(seen.usable, 2);
    assert_eq!((seen.temporary_without_end, seen.temporary_that_stay, seen.guests_without_end), (0, 0, 0));
    let id = account(&ade(), AccountKind::Administrator).id;
    let totp = Credential { account: id, last_worked: Some(NOW), ..credential(40, CredentialKind::Totp) };
    let endless = Credential { account: id, expires: None, ..credential(41, CredentialKind::Temporary) };
    let add = |credential| change(AccountChange::AddCredential { credential, scope: Scope::Trust });
    let open = change(AccountChange::SetState { account: id, state: AccountState::Open, at: NOW });
    let changed = change(AccountChange::SetMustChange { account: id, must_change: false });
    store.commit(&fact("add-credential"), &[add(totp), add(endless), open, changed]).await.unwrap();
    let seen = store.accounts_seen().await.unwrap();
    assert_eq!((seen.temporary_without_end, seen.temporary_that_stay), (1, 1));
    assert_eq!(store.accounts().await.unwrap().len(), 2);
}

async fn facts_are_found_by_whom_they_are_about(store: &Store) {
    let about = |action: &'static str, at: i64| {
        let mut fact = fact(action).about("person:somebody");
        fact.at = NOW.plus_ms(at);
        fact
    };
    store.commit(&about("one", 1), &[]).await.unwrap();
    store
        .commit(&store::Fact { scope: Scope::School(SchoolId::new("oak")), ..about("two", 2) }, &[])
        .await
        .unwrap();
    let found = store.facts_about("person:somebody", 10).await.unwrap();
    let actions: Vec<_> = found.iter().map(|fact| fact.action.as_str()).collect();
    assert_eq!(actions, ["two", "one"], "of every scope, newest first");
    assert_eq!(store.facts_about("person:somebody", 1).await.unwrap().len(), 1);
    for (actions, newest) in [
        (["one", "none"].as_slice(), Some("one")),
        (["one", "two"].as_slice(), Some("two")),
        (["two", "one"].as_slice(), Some("two")),
        (["none"].as_slice(), None),
        ([].as_slice(), None),
    ] {
        let found = store.newest_fact_about("person:somebody", actions).await.unwrap();
        assert_eq!(found.as_ref().map(|fact| fact.action.as_str()), newest, "{actions:?}");
    }
}
