//! Requests for rights and reviews as the screens show them. Everything goes through what the actor may see: a list, a
//! count, a page and an error are alike, and what belongs to another school is as if it were not there.

use crate::people_reach::may_hand_to;
use crate::views::{AccessView, NeedView, ReviewRow, RightsRow, RightsView};
use crate::{App, AppError};
use identity::{permits, scopes_for};
use model::{Action, Actor, RequestId, RequestState, ReviewState, RightsKind, Role, Scope};
use store::RequestRecord;

/// Requests that the list shows.
const MOST_SHOWN: usize = 100;
/// Reviews that the list shows.
const MOST_REVIEWS_SHOWN: usize = 20;
/// Reviews that home looks at, those that are not over first.
const MOST_AT_HOME: usize = 4;
/// What a role may do in the console that somebody who approves it should read.
const SAID: [(Action, &str); 10] = [
    (Action::ApprovePolicy, "Put policies in force"),
    (Action::ApproveAccess, "Approve rights for others, as the policy says"),
    (Action::WorkCases, "Read and work on cases"),
    (Action::WorkAlerts, "Read and work on alerts"),
    (Action::ShowNames, "See names where others see pseudonyms"),
    (Action::SearchHistory, "Search the access history"),
    (Action::ExportHistory, "Release history to others"),
    (Action::ManageAccounts, "Make, suspend and close accounts"),
    (Action::ResetPassword, "Give people passwords, where the policy names the post"),
    (Action::ReadPolicy, "Read the policy"),
];

impl App {
    /// The requests for rights and the reviews that are for this person's post.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn access_view(&self, actor: &Actor) -> Result<AccessView, AppError> {
        self.reach(actor, Action::ReadAccess).await?;
        let records = self.0.parts.store.rights_requests().await?;
        let records = records.iter().filter(|record| self.sees_rights(actor, &record.asked));
        let reviews = self.reviews_seen(actor, MOST_REVIEWS_SHOWN).await?;
        let opens = |scope: &Scope| self.may_open_review(actor, scope);
        Ok(AccessView {
            requests: records.take(MOST_SHOWN).map(|record| self.rights_row(actor, record)).collect(),
            reviews,
            may_ask: !scopes_for(actor, Action::ManageAccounts).is_empty(),
            may_open: self
                .places()
                .into_iter()
                .filter(opens)
                .map(|scope| (scope.to_string(), self.organisation_of(&scope)))
                .collect(),
        })
    }

    /// One request; `None` where this person may see no such one. The look is recorded.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn rights_view(&self, actor: &Actor, id: RequestId) -> Result<Option<RightsView>, AppError> {
        let Some(record) = self.rights_for(actor, id).await? else { return Ok(None) };
        let asked = &record.asked;
        self.note(&self.fact(actor, "read-request").about(format!("person:{}", asked.person))).await?;
        let bare = self.without_password(&record).await?;
        let may_hand = match &bare {
            Some((person, _)) => self.may_reset(actor, person).await?.is_ok(),
            None => false,
        };
        let bare = bare.is_some();
        let manages = scopes_for(actor, Action::ManageAccounts).iter().any(|held| held.covers(&asked.scope));
        let hands = may_hand_to(actor, asked.role, &asked.scope);
        let roster = self.0.parts.roster.get();
        let person = roster.person(asked.person);
        let grants = self.0.parts.store.grants().await?;
        let grant = grants.iter().find(|grant| grant.request == Some(id));
        let said = SAID.iter().filter(|(action, _)| permits(asked.role, *action));
        let by = self.in_force().document.facts.access.approvers(asked.role);
        let decided = record.decided.as_ref();
        Ok(Some(RightsView {
            row: self.rights_row(actor, &record),
            kind: asked.kind,
            now: person
                .filter(|_| asked.kind != RightsKind::Newcomer)
                .map(|person| person.affiliations.iter().map(|held| self.affiliation_words(held)).collect())
                .unwrap_or_default(),
            may: said.map(|(_, words)| (*words).to_owned()).collect(),
            login: asked.newcomer.1.clone(),
            why: asked.why.clone(),
            approved_by: by.into_iter().map(|role| role.title().to_owned()).collect(),
            decided: decided.map(|(at, by, why)| (*at, self.name_in_audit(by), why.clone())),
            review_on: grant.map(|grant| grant.review_on),
            may_withdraw: record.state == RequestState::Asked && asked.asked.1 == actor.to_string(),
            may_make_slip: bare && manages && may_hand,
            slip_at_machine: bare && manages && !hands,
            person: person.map(|person| person.id.to_string()).unwrap_or_default(),
        }))
    }

    /// The roles that are asked for: value and words.
    pub fn roles_asked_for() -> Vec<(String, String)> {
        let asked = Role::ALL.into_iter().filter(|role| crate::rights::needs_approval(*role));
        asked.map(|role| (role.slug().to_owned(), role.title().to_owned())).collect()
    }

    /// Where this person may ask for rights: value and words.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn places_asked_for(&self, actor: &Actor) -> Result<Vec<(String, String)>, AppError> {
        let reach = self.reach(actor, Action::ManageAccounts).await?;
        let value = |scope: &Scope| match scope {
            Scope::Trust => "trust".to_owned(),
            Scope::School(school) => school.to_string(),
        };
        let places = self.places().into_iter().filter(|scope| reach.covers(scope));
        Ok(places.map(|scope| (value(&scope), self.organisation_of(&scope))).collect())
    }

    /// What of requests and reviews waits for this person, for their home page.
    pub(crate) async fn access_needs(&self, actor: &Actor) -> Result<Vec<NeedView>, AppError> {
        if scopes_for(actor, Action::ReadAccess).is_empty() {
            return Ok(Vec::new());
        }
        let records = self.0.parts.store.rights_requests().await?;
        let waiting = records.iter().filter(|record| self.may_decide_rights(actor, record)).count();
        let reviews = self.reviews_seen(actor, MOST_AT_HOME).await?;
        let mut needs = Vec::new();
        if waiting > 0 {
            needs.push(NeedView {
                title: match waiting {
                    1 => "A request for rights waits for you".to_owned(),
                    more => format!("{more} requests for rights wait for you"),
                },
                detail: "Nothing takes effect before a leader approves it; without an answer it lapses."
                    .to_owned(),
                link: "/access".to_owned(),
                urgency: "soon".to_owned(),
            });
        }
        for row in reviews.iter().filter(|row| row.state != ReviewState::Closed) {
            needs.extend(self.review_need(row));
        }
        Ok(needs)
    }

    fn review_need(&self, row: &ReviewRow) -> Option<NeedView> {
        let held = row.state == ReviewState::Held && row.mine > 0;
        let near = row.ends.plus_ms(-7 * 24 * 3_600_000) <= self.now();
        (row.mine > 0).then(|| NeedView {
            title: match row.mine {
                1 => format!("1 answer is awaited of you: {}", row.kind.title().to_lowercase()),
                more => format!("{more} answers are awaited of you: {}", row.kind.title().to_lowercase()),
            },
            detail: if held {
                "Its time is over, and a leader decides whether the rest lapses.".to_owned()
            } else {
                "What nobody answers in time lapses: accounts are suspended, rights are taken away."
                    .to_owned()
            },
            link: format!("/access/reviews/{}", row.id),
            urgency: if near || held { "urgent" } else { "soon" }.to_owned(),
        })
    }

    fn rights_row(&self, actor: &Actor, record: &RequestRecord) -> RightsRow {
        let asked = &record.asked;
        let roster = self.0.parts.roster.get();
        let name = match roster.person(asked.person) {
            Some(person) => person.display_name.clone(),
            None if asked.newcomer.0.is_empty() => "Somebody who has left".to_owned(),
            None => asked.newcomer.0.clone(),
        };
        RightsRow {
            id: asked.id.to_string(),
            name,
            role: asked.role.title().to_owned(),
            place: self.organisation_of(&asked.scope),
            state: record.state,
            asked_at: asked.asked.0,
            asked_by: self.name_in_audit(&asked.asked.1),
            lapses: asked.lapses,
            may_decide: self.may_decide_rights(actor, record),
        }
    }
}
