//! What the checks of clauses see of accounts, rights, visitors and reviews.

use crate::administrators::{load, rules_of};
use crate::facade::Reach;
use crate::rights::needs_approval;
use crate::{App, AppError};
use model::{DAY_MS, ReviewKind, ReviewState, Scope};
use registers::{AccessSeen, ReviewSeen};
use store::Review;

/// What is counted over time is counted over a year.
const YEAR_MS: i64 = 365 * DAY_MS;

impl App {
    /// What is seen now. Counts are of all; rights and reviews are those within reach.
    pub(crate) async fn access_seen(&self, reach: &Reach) -> Result<AccessSeen, AppError> {
        let (now, store) = (self.now(), &self.0.parts.store);
        let accounts = store.accounts_seen().await?;
        // The same that `/administrators` shows.
        let administrators = load(store, &rules_of(&self.in_force().document)).await?.state;
        let recovery = || {
            let accounts = administrators.recovery().values();
            accounts.filter(|account| self.opens_enough(&administrators, account))
        };
        let seen = store.access_seen(now, now.plus_ms(-YEAR_MS)).await?;
        let policy = self.in_force().document.facts.access.clone();
        let roster = self.0.parts.roster.get();
        let held = roster.people().flat_map(|person| &person.affiliations);
        let rights = held.filter(|held| needs_approval(held.role) && reach.covers(&held.scope)).count();
        let grants = store.grants().await?;
        let (reviews, changes_undone) = self.rights_reviews_seen(reach).await?;
        Ok(AccessSeen {
            accounts: accounts.usable,
            temporary_without_end: accounts.temporary_without_end,
            temporary_that_stay: accounts.temporary_that_stay,
            administrators: u64::try_from(administrators.working()).unwrap_or(u64::MAX),
            administrators_needed: policy.administrators_at_least,
            recovery_accounts: count(recovery()),
            // Each is tried: the one that was tried longest ago counts.
            recovery_tried: recovery().map(|account| account.tried).min(),
            recovery_test_ms: i64::from(policy.recovery_account_test_days) * DAY_MS,
            visitors_without_end: accounts.guests_without_end,
            visitors_unlogged: seen.visitors_unlogged,
            visitors_issued: seen.visitors_issued,
            visitors_left: seen.visitors_left,
            in_two_places: seen.in_two_places,
            resets: seen.resets,
            resets_unsure: seen.resets_unsure,
            requests_late: seen.requests_late,
            rights: u64::try_from(rights).unwrap_or(u64::MAX),
            grants: count(grants.iter().filter(|grant| reach.covers(&grant.scope))),
            grants_late: count(
                grants.iter().filter(|grant| reach.covers(&grant.scope) && grant.review_on <= now),
            ),
            reviews,
            changes_undone,
        })
    }

    /// The reviews of rights at each place within reach, and the changes they asked for that are not made.
    async fn rights_reviews_seen(&self, reach: &Reach) -> Result<(Vec<ReviewSeen>, u64), AppError> {
        let store = &self.0.parts.store;
        let months = self.in_force().document.facts.access.rights_review_months;
        let all = store.reviews().await?;
        let (mut seen, mut undone) = (Vec::new(), 0);
        for scope in self.places().into_iter().filter(|scope| reach.covers(scope)) {
            let here: Vec<&Review> = all.iter().filter(|review| is_of_rights(review, &scope)).collect();
            let closed = here.iter().filter_map(|review| Some((review.closed.as_ref()?.0, review.id))).max();
            let open = here.iter().find(|review| review.state != ReviewState::Closed);
            if let Some((_, id)) = closed {
                undone += store.review_counts(id).await?.undone;
            }
            if open.is_none()
                && closed.is_none()
                && self.lines_of(ReviewKind::Rights, &scope).await?.is_empty()
            {
                continue;
            }
            seen.push(ReviewSeen {
                place: self.organisation_of(&scope),
                closed: closed.map(|(at, _)| at),
                next: closed.map(|(at, _)| self.after_months(at, months)),
                ends: open.map(|review| review.ends),
            });
        }
        Ok((seen, undone))
    }
}

fn is_of_rights(review: &Review, scope: &Scope) -> bool {
    review.kind == ReviewKind::Rights && review.scope == *scope
}

fn count<T>(those: impl Iterator<Item = T>) -> u64 {
    u64::try_from(those.count()).unwrap_or(u64::MAX)
}
