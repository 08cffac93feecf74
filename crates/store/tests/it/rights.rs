//! The story of rights that are asked for, of reviews, and of visitors' accounts. It comes after that of accounts.

use crate::NOW;
use crate::accounts::account;
use crate::story::{ade, ash, fact, maya};
use model::{
    AccountKind, Actor, PersonId, PoolId, RequestId, RequestState, ReviewAnswer, ReviewId, ReviewKind,
    ReviewState, RightsKind, Role, Scope, Timestamp, VisitorState,
};
use store::{
    AccessSeen, AccountChange, Change, Fact, Grant, NewRequest, Review, ReviewChange, ReviewCounts,
    ReviewLine, RightsChange, Store, StoreError, VisitorChange, VisitorIssue, VisitorPool,
};
use uuid::Uuid;

pub async fn tell(store: &Store) {
    a_request_waits_once_and_is_decided_once(store).await;
    a_grant_ends_when_another_comes(store).await;
    a_review_is_answered_line_by_line(store).await;
    a_visitors_account_is_handed_out_once(store).await;
    what_the_checks_see(store).await;
}

async fn commit(store: &Store, change: Change) -> Result<(), StoreError> {
    store.commit(&fact("change-access"), &[change]).await.map(|_| ())
}

fn request(number: u128, person: PersonId, login: &str) -> NewRequest {
    let kind = if login.is_empty() { RightsKind::Also } else { RightsKind::Newcomer };
    NewRequest {
        id: RequestId(Uuid::from_u128(number)),
        scope: ash(),
        kind,
        person,
        newcomer: (login.to_owned(), login.to_owned()),
        role: Role::ClassTeacher,
        why: "they begin in \"March\"".to_owned(),
        asked: (NOW.plus_ms(i64::try_from(number).unwrap()), "person:x".to_owned()),
        lapses: NOW.plus_ms(9_000),
    }
}

fn ask(new: NewRequest) -> Change {
    Change::Rights(RightsChange::Ask(Box::new(new)))
}

fn decide(number: u128, state: RequestState) -> Change {
    let (id, by) = (RequestId(Uuid::from_u128(number)), "person:y".to_owned());
    Change::Rights(RightsChange::Decide { id, state, at: NOW, by, why: "yes".to_owned() })
}

async fn a_request_waits_once_and_is_decided_once(store: &Store) {
    let new = PersonId(Uuid::from_u128(900));
    commit(store, ask(request(1, new, "nesta"))).await.unwrap();
    let other = PersonId(Uuid::from_u128(901));
    let same_login = commit(store, ask(request(2, other, "nesta"))).await;
    assert!(matches!(same_login, Err(StoreError::Taken { .. })), "one login waits once");
    commit(store, ask(request(3, ade().id, ""))).await.unwrap();
    let same_right = commit(store, ask(request(4, ade().id, ""))).await;
    assert!(matches!(same_right, Err(StoreError::Taken { .. })), "one right waits once");
    let warned = RightsChange::Warned { id: RequestId(Uuid::from_u128(3)), at: NOW };
    commit(store, Change::Rights(warned)).await.unwrap();
    let seen = store.access_seen(NOW.plus_ms(9_000 + 3_600_000), NOW).await.unwrap();
    assert_eq!(seen.requests_late, 2);
    commit(store, decide(1, RequestState::Refused)).await.unwrap();
    let twice = commit(store, decide(1, RequestState::Approved)).await;
    assert!(matches!(twice, Err(StoreError::Conflict { .. })));
    commit(store, ask(request(5, other, "nesta"))).await.unwrap();
    let all = store.rights_requests().await.unwrap();
    let order: Vec<u128> = all.iter().map(|record| record.asked.id.0.as_u128()).collect();
    assert_eq!(order, [5, 3, 1], "those that wait first, then the newest");
    assert_eq!(all[1].warned, Some(NOW));
    let found = store.rights_request(RequestId(Uuid::from_u128(1))).await.unwrap().unwrap();
    assert_eq!(found.asked, request(1, new, "nesta"));
    assert_eq!(found.state, RequestState::Refused);
    assert_eq!(found.decided, Some((NOW, "person:y".to_owned(), "yes".to_owned())));
    assert_eq!(store.rights_request(RequestId(Uuid::from_u128(99))).await.unwrap(), None);
    for number in [3, 5] {
        commit(store, decide(number, RequestState::Withdrawn)).await.unwrap();
    }
}

async fn a_grant_ends_when_another_comes(store: &Store) {
    let grant = |at: i64| Grant {
        person: ade().id,
        role: Role::ClassTeacher,
        scope: ash(),
        request: Some(RequestId(Uuid::from_u128(3))),
        approved: (NOW.plus_ms(at), "person:y".to_owned()),
        review_on: NOW.plus_ms(at + 100),
    };
    for at in [0, 5] {
        commit(store, Change::Rights(RightsChange::Grant(Box::new(grant(at))))).await.unwrap();
    }
    assert_eq!(store.grants().await.unwrap(), [grant(5)]);
    let (person, role, scope) = (ade().id, Role::ClassTeacher, ash());
    let review_on = NOW.plus_ms(7_000);
    let renew = RightsChange::Renew { person, role, scope: scope.clone(), review_on };
    commit(store, Change::Rights(renew)).await.unwrap();
    assert_eq!(store.grants().await.unwrap()[0].review_on, review_on);
    assert_eq!(store.access_seen(review_on, NOW).await.unwrap().grants_late, 1);
    commit(store, Change::Rights(RightsChange::End { person, role, scope, at: NOW })).await.unwrap();
    assert_eq!(store.grants().await.unwrap(), []);
}

async fn a_review_is_answered_line_by_line(store: &Store) {
    let id = ReviewId(Uuid::from_u128(7));
    let review = Review {
        id,
        scope: ash(),
        kind: ReviewKind::Accounts,
        opened: (NOW, "program".to_owned()),
        ends: NOW.plus_ms(50),
        state: ReviewState::Open,
        warned: None,
        held_why: String::new(),
        closed: None,
    };
    let line = |number: i64, person: PersonId| ReviewLine {
        number,
        person,
        role: Role::Learner,
        scope: ash(),
        class: None,
        answer: None,
        words: String::new(),
        answered: None,
        done: None,
    };
    let open = |id: ReviewId| {
        let lines = vec![line(1, ade().id), line(2, maya().id)];
        Change::Review(ReviewChange::Open(Box::new(Review { id, ..review.clone() }), lines))
    };
    commit(store, open(id)).await.unwrap();
    let second = commit(store, open(ReviewId(Uuid::from_u128(8)))).await;
    assert!(matches!(second, Err(StoreError::Taken { .. })), "one of a kind is open at a place");
    assert_eq!(store.reviews().await.unwrap(), std::slice::from_ref(&review));
    assert_eq!(store.review_lines(id).await.unwrap(), [line(1, ade().id), line(2, maya().id)]);
    let answer = |line: i64, answer| {
        let by = "person:z".to_owned();
        let words = "a new class".to_owned();
        Change::Review(ReviewChange::Answer { review: id, line, answer, words, at: NOW, by })
    };
    commit(store, answer(2, ReviewAnswer::Change)).await.unwrap();
    let twice = commit(store, answer(2, ReviewAnswer::Remove)).await;
    assert!(matches!(twice, Err(StoreError::Conflict { .. })), "a line is answered once");
    let counts = ReviewCounts { lines: 2, open: 1, changed: 1, undone: 1, ..ReviewCounts::default() };
    assert_eq!(store.review_counts(id).await.unwrap(), counts);
    let by = "person:z".to_owned();
    let done = ReviewChange::Done { review: id, line: 2, at: NOW, by: by.clone() };
    commit(store, Change::Review(done.clone())).await.unwrap();
    assert!(commit(store, Change::Review(done)).await.is_err(), "it is done once");
    assert_eq!(store.review_counts(id).await.unwrap().undone, 0);
    let found = &store.review_lines(id).await.unwrap()[1];
    assert_eq!((found.answer, found.words.as_str()), (Some(ReviewAnswer::Change), "a new class"));
    assert_eq!((&found.answered, &found.done), (&Some((NOW, by.clone())), &Some((NOW, by.clone()))));
    let review_of = |change: ReviewChange| Change::Review(change);
    commit(store, review_of(ReviewChange::Warned { review: id, at: NOW })).await.unwrap();
    commit(store, review_of(ReviewChange::Hold { review: id, why: "many".to_owned() })).await.unwrap();
    let held = &store.reviews().await.unwrap()[0];
    assert_eq!((held.state, held.held_why.as_str(), held.warned), (ReviewState::Held, "many", Some(NOW)));
    commit(store, review_of(ReviewChange::Extend { review: id, ends: NOW.plus_ms(90) })).await.unwrap();
    let extended = &store.reviews().await.unwrap()[0];
    assert_eq!((extended.state, extended.ends, extended.warned), (ReviewState::Open, NOW.plus_ms(90), None));
    let close = || review_of(ReviewChange::Close { review: id, at: NOW, by: by.clone() });
    commit(store, close()).await.unwrap();
    assert!(commit(store, close()).await.is_err());
    assert_eq!(store.reviews().await.unwrap()[0].closed, Some((NOW, by.clone())));
    // The next one opens when the last is over.
    commit(store, open(ReviewId(Uuid::from_u128(8)))).await.unwrap();
}

async fn a_visitors_account_is_handed_out_once(store: &Store) {
    let administrator = account(&ade(), AccountKind::Administrator);
    let pool = VisitorPool {
        id: PoolId(Uuid::from_u128(11)),
        scope: ash(),
        purpose: "Book fair".to_owned(),
        host: "The office".to_owned(),
        made: (NOW, "person:x".to_owned()),
        ends: NOW.plus_ms(500),
    };
    let accounts = vec![(administrator.id, ade().id, "visitor-1".to_owned())];
    let add = VisitorChange::Add(Box::new(pool.clone()), accounts);
    commit(store, Change::Visitor(add)).await.unwrap();
    assert_eq!(store.visitor_pools().await.unwrap(), std::slice::from_ref(&pool));
    let ready = &store.visitors_of(pool.id).await.unwrap()[0];
    assert_eq!(
        (ready.state, ready.login.as_str(), ready.ends),
        (VisitorState::Ready, "visitor-1", pool.ends)
    );
    assert_eq!(store.visitors_log().await.unwrap(), [], "nobody has it yet");
    assert!(store.is_visitor(ade().id).await.unwrap() && !store.is_visitor(maya().id).await.unwrap());
    let issue = VisitorIssue {
        account: administrator.id,
        visitor: "A Reader".to_owned(),
        host: "The library".to_owned(),
        why: "stories".to_owned(),
        ends: NOW.plus_ms(300),
        at: NOW,
        by: "person:x".to_owned(),
    };
    let hand = || Change::Visitor(VisitorChange::Issue(Box::new(issue.clone())));
    commit(store, hand()).await.unwrap();
    assert!(matches!(commit(store, hand()).await, Err(StoreError::Conflict { .. })), "it is handed out once");
    let line = &store.visitors_log().await.unwrap()[0];
    assert_eq!(
        (line.visitor.as_str(), line.host.as_str(), line.why.as_str()),
        ("A Reader", "The library", "stories")
    );
    assert_eq!(line.issued, Some((NOW, "person:x".to_owned())));
    assert_eq!(store.visitors_over(NOW.plus_ms(299)).await.unwrap(), []);
    assert_eq!(store.visitors_over(NOW.plus_ms(300)).await.unwrap().len(), 1);
    let ends = Some(NOW.plus_ms(300));
    let end = AccountChange::EndAt { account: administrator.id, ends };
    commit(store, Change::Account(end)).await.unwrap();
    let login = "ade.ladipo.administrator";
    assert_eq!(store.account(login).await.unwrap().unwrap().ends, ends);
    let endless = AccountChange::EndAt { account: administrator.id, ends: None };
    commit(store, Change::Account(endless)).await.unwrap();
    let left = store.access_seen(NOW.plus_ms(300 + 3_600_000), NOW).await.unwrap();
    assert_eq!((left.visitors_left, left.visitors_issued), (1, 1));
    let destroy = || {
        let by = "program".to_owned();
        Change::Visitor(VisitorChange::Destroy { account: administrator.id, at: NOW, by })
    };
    commit(store, destroy()).await.unwrap();
    assert!(commit(store, destroy()).await.is_err());
    assert!(commit(store, hand()).await.is_err(), "what is destroyed is never handed out");
    assert_eq!(store.visitors_over(NOW.plus_ms(300)).await.unwrap(), []);
}

async fn what_the_checks_see(store: &Store) {
    let seen = store.access_seen(NOW, NOW).await.unwrap();
    let expected = AccessSeen { visitors_issued: 1, ..AccessSeen::default() };
    assert_eq!(AccessSeen { resets: 0, resets_unsure: 0, in_two_places: 0, ..seen }, expected);
    let by_a_person = |sure: &str| {
        let actor = Actor::Person { id: ade().id, login: "ade".to_owned(), roles: Vec::new() };
        Fact::new(&actor, Scope::Trust, NOW, "reset-password").with("made_sure", sure)
    };
    for sure in ["They are here", ""] {
        store.commit(&by_a_person(sure), &[]).await.unwrap();
    }
    let after = store.access_seen(NOW, NOW).await.unwrap();
    assert_eq!((after.resets - seen.resets, after.resets_unsure - seen.resets_unsure), (2, 1));
    let later = store.access_seen(NOW, Timestamp(NOW.0 + 1)).await.unwrap();
    assert_eq!((later.resets, later.visitors_issued), (0, 0), "counted from that time on");
}
