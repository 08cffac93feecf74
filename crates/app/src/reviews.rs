//! Reviews: every term who still needs an account, every year who still needs which rights. A review opens by the clock or
//! by hand; each line is kept, changed or taken away by whoever is to answer for it.
//!
//! Left out: what happens at a review's end ([`review_ends`](crate::review_ends)).
//!
//! Invariants: nobody answers for themselves; a line is answered once; what is taken away is taken away at once, and never
//! so that nobody is left who manages accounts or approves rights at a place (clause ACC-2).

use crate::alert_work::checked_words;
use crate::people_reach::approves;
use crate::rights::needs_approval;
use crate::views::{ReviewLineView, ReviewRow, ReviewView};
use crate::{App, AppError, Fresh, words};
use identity::{permits, scopes_for};
use model::{
    AccountKind, AccountState, Action, Actor, Affiliation, ClassId, ClassKind, DAY_MS, Person, PersonId,
    ReviewAnswer, ReviewId, ReviewKind, ReviewState, Role, Scope,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use store::{
    Account, AccountChange, Change, Class, Fact, Grant, Review, ReviewChange, ReviewLine, RightsChange,
};

/// Lines on a page.
const ON_A_PAGE: usize = 50;

/// An answer to a line, as somebody gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineAnswer {
    /// The line's number.
    pub line: i64,
    /// Keep, change or remove.
    pub answer: ReviewAnswer,
    /// Why, or what is to be changed.
    pub words: String,
}

/// Who answers for which line: the classes, as they are now.
pub(crate) struct Reviewers<'a> {
    app: &'a App,
    actor: &'a Actor,
    own_classes: HashSet<ClassId>,
    manages: Vec<Scope>,
}

impl Reviewers<'_> {
    /// True where the actor is to answer a line.
    pub(crate) fn may_answer(&self, line: &ReviewLine) -> bool {
        let Actor::Person { id, .. } = self.actor else { return false };
        if line.person == *id || scopes_for(self.actor, Action::ReviewAccess).is_empty() {
            return false;
        }
        let is_own =
            line.role == Role::Learner && line.class.is_some_and(|class| self.own_classes.contains(&class));
        is_own || self.app.reviews_role(self.actor, line.role, &line.scope)
    }

    /// True where the actor sees a line: they answer it, or manage accounts there.
    pub(crate) fn sees(&self, line: &ReviewLine) -> bool {
        self.may_answer(line) || self.manages.iter().any(|held| held.covers(&line.scope))
    }
}

impl App {
    /// Opens a review at a place.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where one is open there, or there is nothing to go through.
    pub async fn open_review(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        kind: ReviewKind,
        place: &str,
    ) -> Result<ReviewId, AppError> {
        self.must_be_of(fresh, actor).await?;
        let scope = Scope::parse(place).filter(|scope| self.may_open_review(actor, scope));
        let Some(scope) = scope else {
            self.record_denial(actor, Action::ReviewAccess).await;
            return Err(AppError::Denied);
        };
        self.start_review(actor, kind, scope).await?.ok_or_else(|| {
            AppError::refused(
                "One is open there already, or there is nothing to go through.",
                "expected a review that can be opened, found none",
            )
        })
    }

    /// Opens the reviews that are due. To be called now and then. Of a place whose records are younger than the time between
    /// two reviews there is nothing to go through yet.
    pub async fn open_reviews_if_due(&self) -> Result<(), AppError> {
        let access = self.in_force().document.facts.access.clone();
        let months = [
            (ReviewKind::Accounts, access.accounts_review_months),
            (ReviewKind::Rights, access.rights_review_months),
        ];
        let first = self.0.parts.store.audit(&Scope::Trust, 0, 1).await?;
        let Some(began) = first.first().map(|fact| fact.at) else { return Ok(()) };
        let reviews = self.0.parts.store.reviews().await?;
        for scope in self.places() {
            for (kind, months) in months {
                let of_kind = reviews.iter().filter(|review| review.kind == kind && review.scope == scope);
                let last = of_kind.map(|review| review.opened.0).max().unwrap_or(began);
                if self.after_months(last, months) <= self.now() {
                    self.start_review(&Actor::Program, kind, scope.clone()).await?;
                }
            }
        }
        Ok(())
    }

    async fn start_review(
        &self,
        actor: &Actor,
        kind: ReviewKind,
        scope: Scope,
    ) -> Result<Option<ReviewId>, AppError> {
        let reviews = self.0.parts.store.reviews().await?;
        let is_open = |review: &Review| {
            review.kind == kind && review.scope == scope && review.state != ReviewState::Closed
        };
        let lines = self.lines_of(kind, &scope).await?;
        if reviews.iter().any(is_open) || lines.is_empty() {
            return Ok(None);
        }
        let (now, id) = (self.now(), ReviewId(self.new_uuid()?));
        let days = self.in_force().document.facts.access.review_days;
        let review = Review {
            id,
            scope: scope.clone(),
            kind,
            opened: (now, actor.to_string()),
            ends: now.plus_ms(i64::from(days) * DAY_MS),
            state: ReviewState::Open,
            warned: None,
            held_why: String::new(),
            closed: None,
        };
        let fact = Fact::new(actor, scope, now, "open-review").about(format!("review:{id}"));
        let fact = fact.with("kind", kind.slug()).with("lines", lines.len().to_string());
        let mut changes = self.review_calls(&review)?;
        changes.push(Change::Review(ReviewChange::Open(Box::new(review), lines)));
        self.commit(&fact, &changes).await?;
        Ok(Some(id))
    }

    /// What a review of this kind goes through at a place, by name.
    pub(crate) async fn lines_of(
        &self,
        kind: ReviewKind,
        scope: &Scope,
    ) -> Result<Vec<ReviewLine>, AppError> {
        let (roster, store) = (self.0.parts.roster.get(), &self.0.parts.store);
        let usable = usable(store.accounts().await?);
        let classes = store.classes(self.now()).await?;
        let mut people: Vec<&Arc<Person>> = roster.people().collect();
        people.sort_by_cached_key(|person| (person.display_name.to_lowercase(), person.id));
        let line = |person: &Person, held: &Affiliation| ReviewLine {
            number: 0,
            person: person.id,
            role: held.role,
            scope: scope.clone(),
            class: class_of(&classes, person.id, held.role),
            answer: None,
            words: String::new(),
            answered: None,
            done: None,
        };
        let mut lines: Vec<ReviewLine> = Vec::new();
        for person in people {
            let here = person.affiliations.iter().filter(|held| held.scope == *scope);
            match kind {
                ReviewKind::Accounts if usable.contains_key(&person.id) => {
                    let mut here = here.filter(|held| held.role != Role::Guest);
                    lines.extend(here.next().map(|held| line(person, held)));
                }
                ReviewKind::Accounts => {}
                ReviewKind::Rights => {
                    lines
                        .extend(here.filter(|held| needs_approval(held.role)).map(|held| line(person, held)));
                }
            }
        }
        for (number, line) in (1_i64..).zip(&mut lines) {
            line.number = number;
        }
        Ok(lines)
    }

    /// True where the actor may open a review there, and decide of one that is held: a leader.
    pub(crate) fn may_open_review(&self, actor: &Actor, scope: &Scope) -> bool {
        let Actor::Person { roles, .. } = actor else { return false };
        roles.iter().any(|(role, held)| {
            held.covers(scope)
                && permits(*role, Action::ReviewAccess)
                && permits(*role, Action::ManageAccounts)
                && approves(*role)
        })
    }

    /// True where the actor's post answers for this role at this place: whoever would approve it.
    pub(crate) fn reviews_role(&self, actor: &Actor, role: Role, scope: &Scope) -> bool {
        self.approves_role(actor, role, scope)
            && !(role == Role::Learner && scopes_for(actor, Action::ManageAccounts).is_empty())
    }

    /// Who answers for which line, as the actor sees it.
    pub(crate) async fn reviewers<'a>(&'a self, actor: &'a Actor) -> Result<Reviewers<'a>, AppError> {
        let mut own_classes = HashSet::new();
        if let Actor::Person { id, roles, .. } = actor {
            let teaches = |class: &Class| {
                let at = Scope::School(class.school.clone());
                class.teachers.contains(id)
                    && roles.iter().any(|(role, held)| *role == Role::ClassTeacher && held.covers(&at))
            };
            let classes = self.0.parts.store.classes(self.now()).await?;
            own_classes.extend(classes.iter().filter(|class| teaches(class)).map(|class| class.id));
        }
        Ok(Reviewers { app: self, actor, own_classes, manages: scopes_for(actor, Action::ManageAccounts) })
    }

    /// The reviews of which this person sees anything, with their own counts: those that are not over first, at most
    /// `most`.
    pub(crate) async fn reviews_seen(&self, actor: &Actor, most: usize) -> Result<Vec<ReviewRow>, AppError> {
        let (reviewers, store) = (self.reviewers(actor).await?, &self.0.parts.store);
        let reaches = scopes_for(actor, Action::ReadAccess);
        let mut rows = Vec::new();
        for review in store.reviews().await? {
            if rows.len() == most {
                break;
            }
            if !reaches.iter().any(|held| held.covers(&review.scope)) {
                continue;
            }
            let lines = store.review_lines(review.id).await?;
            let row = self.review_row(&review, &reviewers, &lines);
            if row.lines > 0 {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    fn review_row(&self, review: &Review, reviewers: &Reviewers<'_>, lines: &[ReviewLine]) -> ReviewRow {
        let seen: Vec<&ReviewLine> = lines.iter().filter(|line| reviewers.sees(line)).collect();
        let open: Vec<&&ReviewLine> = seen.iter().filter(|line| line.answer.is_none()).collect();
        let waits = review.state != ReviewState::Closed;
        ReviewRow {
            id: review.id.to_string(),
            kind: review.kind,
            place: self.organisation_of(&review.scope),
            state: review.state,
            opened: review.opened.0,
            ends: review.ends,
            lines: seen.len(),
            mine: open.iter().filter(|line| waits && reviewers.may_answer(line)).count(),
            open: open.len(),
        }
    }

    /// One review and a page of its lines, those first that this person is to answer. `None` where they see nothing of it.
    /// The look is recorded.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn review_view(
        &self,
        actor: &Actor,
        id: ReviewId,
        page: &str,
    ) -> Result<Option<ReviewView>, AppError> {
        self.reach(actor, Action::ReadAccess).await?;
        let Some((review, lines)) = self.review_for(actor, id).await? else { return Ok(None) };
        let reviewers = self.reviewers(actor).await?;
        let row = self.review_row(&review, &reviewers, &lines);
        let mut seen: Vec<&ReviewLine> = lines.iter().filter(|line| reviewers.sees(line)).collect();
        let waits = |line: &ReviewLine| line.answer.is_none() && reviewers.may_answer(line);
        seen.sort_by_key(|line| (!waits(line), line.answer.is_some(), line.number));
        let pages = seen.len().div_ceil(ON_A_PAGE).max(1);
        let page = page.parse::<usize>().unwrap_or(1).clamp(1, pages);
        let answered = |answer| seen.iter().filter(|line| line.answer == Some(answer)).count();
        let classes = self.0.parts.store.classes(self.now()).await?;
        let grants = self.0.parts.store.grants().await?;
        let shown = seen.iter().skip((page - 1) * ON_A_PAGE).take(ON_A_PAGE);
        let lines = shown.map(|line| self.line_view((&review, line), &reviewers, (&classes, &grants)));
        let fact = Fact::new(actor, review.scope.clone(), self.now(), "read-review");
        self.note(&fact.about(format!("review:{id}"))).await?;
        Ok(Some(ReviewView {
            lines: lines.collect(),
            page,
            pages,
            counts: ReviewAnswer::ALL.map(answered),
            held_why: review.held_why.clone(),
            may_decide: review.state == ReviewState::Held && self.may_open_review(actor, &review.scope),
            closed: review.closed.as_ref().map(|(at, _)| *at),
            row,
        }))
    }

    /// The lines of a review that this person sees, as a file: the record of each right kept, changed or taken away. `None`
    /// where they see nothing of it.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn export_review(&self, actor: &Actor, id: ReviewId) -> Result<Option<Vec<u8>>, AppError> {
        self.reach(actor, Action::ReadAccess).await?;
        let Some((review, lines)) = self.review_for(actor, id).await? else { return Ok(None) };
        let reviewers = self.reviewers(actor).await?;
        let (classes, grants) =
            (self.0.parts.store.classes(self.now()).await?, self.0.parts.store.grants().await?);
        let zone = self.snapshot().policy().time_zone.clone();
        let seen: Vec<&ReviewLine> = lines.iter().filter(|line| reviewers.sees(line)).collect();
        let fact = Fact::new(actor, review.scope.clone(), self.now(), "export-review");
        self.note(&fact.about(format!("review:{id}")).with("rows", seen.len().to_string())).await?;
        let rows = seen.into_iter().map(|line| {
            let view = self.line_view((&review, line), &reviewers, (&classes, &grants));
            let (at, by) = match view.answered {
                Some((at, by)) => (words::date_and_time(&zone, at), by),
                None => (String::new(), String::new()),
            };
            [view.name, view.what, view.class, view.approved, view.answer, view.words, at, by]
        });
        let columns = ["name", "what", "class", "approved", "answer", "words", "answered", "by"];
        crate::export_history::as_csv(&columns, rows).map(Some)
    }

    /// A review and all its lines, where this person sees any of them.
    pub(crate) async fn review_for(
        &self,
        actor: &Actor,
        id: ReviewId,
    ) -> Result<Option<(Review, Vec<ReviewLine>)>, AppError> {
        let reaches = scopes_for(actor, Action::ReadAccess);
        let store = &self.0.parts.store;
        let reviews = store.reviews().await?;
        let review = reviews.into_iter().find(|review| review.id == id);
        let review = review.filter(|review| reaches.iter().any(|held| held.covers(&review.scope)));
        let Some(review) = review else { return Ok(None) };
        let (lines, reviewers) = (store.review_lines(id).await?, self.reviewers(actor).await?);
        Ok(lines.iter().any(|line| reviewers.sees(line)).then_some((review, lines)))
    }

    fn line_view(
        &self,
        (review, line): (&Review, &ReviewLine),
        reviewers: &Reviewers<'_>,
        (classes, grants): (&[Class], &[Grant]),
    ) -> ReviewLineView {
        let roster = self.0.parts.roster.get();
        let zone = self.snapshot().policy().time_zone.clone();
        let person = roster.person(line.person);
        let held = person.and_then(|person| {
            person.affiliations.iter().find(|held| held.role == line.role && held.scope == line.scope)
        });
        let bare = Affiliation { scope: line.scope.clone(), role: line.role, year: None };
        let class = classes.iter().find(|class| Some(class.id) == line.class);
        let grant = grants.iter().find(|grant| {
            grant.person == line.person && grant.role == line.role && grant.scope == line.scope
        });
        let waits = review.state != ReviewState::Closed && line.answer.is_none();
        let approved = grant.map(|grant| {
            format!(
                "Approved by {}, {}",
                self.name_in_audit(&grant.approved.1),
                words::date(&zone, grant.approved.0)
            )
        });
        ReviewLineView {
            number: line.number,
            name: person.map_or_else(|| "Somebody who has left".to_owned(), |it| it.display_name.clone()),
            what: self.affiliation_words(held.unwrap_or(&bare)),
            class: class.map(|class| class.name.clone()).unwrap_or_default(),
            approved: approved.unwrap_or_default(),
            answer: line.answer.map(|answer| answer.title().to_owned()).unwrap_or_default(),
            words: line.words.clone(),
            answered: line.answered.as_ref().map(|(at, by)| (*at, self.name_in_audit(by))),
            may_answer: waits && reviewers.may_answer(line),
            may_finish: line.answer == Some(ReviewAnswer::Change)
                && line.done.is_none()
                && reviewers.manages.iter().any(|held| held.covers(&line.scope)),
        }
    }

    /// Answers lines of a review; what is taken away ends at once. False where this person sees nothing of it.
    ///
    /// # Errors
    /// [`AppError::Denied`] for a line that is not theirs to answer; [`AppError::Refused`] where words are missing, somebody
    /// was quicker, or nobody would be left who manages accounts or approves rights. What came before it is recorded.
    pub async fn answer_review(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: ReviewId,
        answers: Vec<LineAnswer>,
    ) -> Result<bool, AppError> {
        self.must_be_of(fresh, actor).await?;
        self.reach(actor, Action::ReadAccess).await?;
        let Some((review, lines)) = self.review_for(actor, id).await? else { return Ok(false) };
        if review.state == ReviewState::Closed {
            return Err(AppError::refused("This review is over.", "expected a review that is open"));
        }
        let reviewers = self.reviewers(actor).await?;
        for LineAnswer { line, answer, words } in answers {
            let Some(line) = lines.iter().find(|held| held.number == line) else { continue };
            if !reviewers.may_answer(line) || answer == ReviewAnswer::Lapsed {
                self.record_denial(actor, Action::ReviewAccess).await;
                return Err(AppError::Denied);
            }
            let words = checked_words(&words, answer == ReviewAnswer::Change)?;
            self.answer_line((actor, &review), line, (answer, words)).await?;
            if answer == ReviewAnswer::Remove {
                // The next line counts on who is left.
                self.take_up_changes().await?;
            }
        }
        self.close_if_answered(actor, &review).await?;
        Ok(true)
    }

    /// Notes that what was to be changed is done. False where this person sees no such line.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn finish_line(&self, actor: &Actor, id: ReviewId, line: i64) -> Result<bool, AppError> {
        self.reach(actor, Action::ReadAccess).await?;
        let Some((review, lines)) = self.review_for(actor, id).await? else { return Ok(false) };
        let Some(found) = lines.iter().find(|held| held.number == line) else { return Ok(false) };
        self.permit_at(actor, Action::ManageAccounts, &found.scope).await?;
        let at = self.now();
        let fact = Fact::new(actor, review.scope.clone(), at, "finish-review-line");
        let fact = fact.about(format!("person:{}", found.person)).with("review", id.to_string());
        let done = ReviewChange::Done { review: id, line, at, by: actor.to_string() };
        self.commit(&fact, &[Change::Review(done)]).await?;
        Ok(true)
    }

    /// Answers a line, and does what follows from it, in one commit.
    pub(crate) async fn answer_line(
        &self,
        (actor, review): (&Actor, &Review),
        line: &ReviewLine,
        (answer, words): (ReviewAnswer, String),
    ) -> Result<(), AppError> {
        let at = self.now();
        let takes_away = matches!(answer, ReviewAnswer::Remove | ReviewAnswer::Lapsed);
        if takes_away && self.is_last(review.kind, line).await? {
            return Err(AppError::refused(
                "Nobody else would be left who manages accounts or approves rights there. Give it to somebody else first.",
                "expected somebody else who manages accounts and approves rights, found none",
            ));
        }
        let mut changes = vec![Change::Review(ReviewChange::Answer {
            review: review.id,
            line: line.number,
            answer,
            words: words.clone(),
            at,
            by: actor.to_string(),
        })];
        changes.extend(match (takes_away, review.kind) {
            (true, kind) => self.taken_away(kind, line).await?,
            (false, ReviewKind::Rights) => vec![Change::Rights(RightsChange::Renew {
                person: line.person,
                role: line.role,
                scope: line.scope.clone(),
                review_on: self.next_look(),
            })],
            (false, ReviewKind::Accounts) => Vec::new(),
        });
        let action = match answer {
            ReviewAnswer::Keep => "review-keep",
            ReviewAnswer::Change => "review-change",
            ReviewAnswer::Remove => "review-remove",
            ReviewAnswer::Lapsed => "review-lapse",
        };
        let fact = Fact::new(actor, review.scope.clone(), at, action)
            .about(format!("person:{}", line.person))
            .with("review", review.id.to_string())
            .with("role", line.role.slug())
            .with("reason", words);
        self.commit(&fact, &changes).await?;
        if takes_away {
            self.0.parts.identities.end_sessions(line.person, at);
        }
        Ok(())
    }

    /// What takes an account or a right away. Whoever belongs elsewhere too loses what they are here, and keeps their
    /// accounts; of whoever does not, every account rests, the administrator account too. A right that is taken away comes
    /// back by a request alone, and not with the account: its holder counts as staff there, and as nobody where they were
    /// no more than that.
    async fn taken_away(&self, kind: ReviewKind, line: &ReviewLine) -> Result<Vec<Change>, AppError> {
        let Some(person) = self.0.parts.roster.get().person(line.person).map(Arc::clone) else {
            return Ok(Vec::new());
        };
        let at = self.now();
        let goes = |held: &Affiliation| {
            held.scope == line.scope && (kind == ReviewKind::Accounts || held.role == line.role)
        };
        let (gone, left): (Vec<Affiliation>, Vec<Affiliation>) =
            person.affiliations.iter().cloned().partition(goes);
        let mut changes = Vec::new();
        if left.is_empty() {
            let accounts = self.0.parts.store.accounts_of(person.id).await?;
            changes.extend(accounts.into_iter().filter(is_to_rest).map(|account| {
                let state = AccountState::Suspended;
                Change::Account(AccountChange::SetState { account: account.id, state, at })
            }));
        }
        if kind == ReviewKind::Rights || !left.is_empty() {
            let affiliations = match left.is_empty() && line.role != Role::Staff {
                true => vec![Affiliation { scope: line.scope.clone(), role: Role::Staff, year: None }],
                false => left,
            };
            changes.extend(self.ends_posts(person.id, &affiliations).await?);
            changes.push(Change::SetAffiliations { person: person.id, affiliations });
        }
        changes.extend(gone.into_iter().map(|held| {
            Change::Rights(RightsChange::End { person: person.id, role: held.role, scope: held.scope, at })
        }));
        changes.push(Change::Account(AccountChange::EndEverything { person: person.id, but: None, at }));
        Ok(changes)
    }

    /// True where nobody with an account that may be used would be left, at the line's place, to manage accounts or to
    /// approve rights, once this person does so no more.
    pub(crate) async fn is_last(&self, kind: ReviewKind, line: &ReviewLine) -> Result<bool, AppError> {
        let roster = self.0.parts.roster.get();
        let held = roster.person(line.person).map(|person| person.affiliations.clone()).unwrap_or_default();
        let goes = |held: &Affiliation| {
            held.scope == line.scope && (kind == ReviewKind::Accounts || held.role == line.role)
        };
        let (going, left): (Vec<Affiliation>, Vec<Affiliation>) = held.into_iter().partition(goes);
        self.leaves_nobody((line.person, &line.scope), &going, &left).await
    }

    /// The same where somebody is no more what goes, and is what stays.
    pub(crate) async fn leaves_nobody(
        &self,
        (person, scope): (PersonId, &Scope),
        going: &[Affiliation],
        staying: &[Affiliation],
    ) -> Result<bool, AppError> {
        let roster = self.0.parts.roster.get();
        let needed = [Action::ManageAccounts, Action::ApproveAccess];
        let may = |held: &Affiliation, action: Action| permits(held.role, action) && held.scope.covers(scope);
        let does = |action: &Action| {
            going.iter().any(|held| may(held, *action)) && !staying.iter().any(|held| may(held, *action))
        };
        if !needed.iter().any(does) {
            return Ok(false);
        }
        let usable = usable(self.0.parts.store.accounts().await?);
        let others = |action: Action| {
            roster.people().any(|other| {
                other.id != person
                    && usable.contains_key(&other.id)
                    && other.affiliations.iter().any(|held| may(held, action))
            })
        };
        Ok(needed.iter().any(|action| does(action) && !others(*action)))
    }

    /// Ends a review whose every line is answered.
    pub(crate) async fn close_if_answered(&self, actor: &Actor, review: &Review) -> Result<(), AppError> {
        let counts = self.0.parts.store.review_counts(review.id).await?;
        if counts.open > 0 {
            return Ok(());
        }
        let at = self.now();
        let fact = Fact::new(actor, review.scope.clone(), at, "close-review")
            .about(format!("review:{}", review.id))
            .with("kind", review.kind.slug())
            .with("kept", counts.kept.to_string())
            .with("changed", counts.changed.to_string())
            .with("removed", counts.removed.to_string())
            .with("lapsed", counts.lapsed.to_string());
        let close = ReviewChange::Close { review: review.id, at, by: actor.to_string() };
        self.commit(&fact, &[Change::Review(close)]).await
    }
}

/// Everyday accounts that may be used, by whose they are.
pub(crate) fn usable(accounts: Vec<Account>) -> HashMap<PersonId, Account> {
    let accounts = accounts.into_iter().filter(|account| is_everyday(account) && account.state.may_sign_in());
    accounts.map(|account| (account.person, account)).collect()
}

fn is_everyday(account: &Account) -> bool {
    !account.kind.administers() && account.state != AccountState::Closed
}

/// True for what rests with its holder's last right: everyday accounts, and the administrator account while it is open.
fn is_to_rest(account: &Account) -> bool {
    is_everyday(account) || (account.kind == AccountKind::Administrator && account.state.may_sign_in())
}

/// The registration class of a learner.
fn class_of(classes: &[Class], person: PersonId, role: Role) -> Option<ClassId> {
    let is_theirs =
        |class: &&Class| class.kind == ClassKind::Registration && class.learners.contains(&person);
    (role == Role::Learner).then(|| classes.iter().find(is_theirs).map(|class| class.id)).flatten()
}
