//! What the checks of clauses ask of accounts, rights and reviews: counts, and no names.

use crate::{Store, StoreError};
use model::Timestamp;
use sqlx::Row;

/// What is known of accounts, rights and reviews at once, beside [`AccountsSeen`](crate::AccountsSeen).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AccessSeen {
    /// Visitors' accounts that may be used and that no pool handed out, so that nobody wrote down whom their holder visits.
    pub visitors_unlogged: u64,
    /// Visitors' accounts of pools that were handed out since the given time.
    pub visitors_issued: u64,
    /// Visitors' accounts of pools that should have been destroyed an hour ago.
    pub visitors_left: u64,
    /// People who are signed in at more than one address now.
    pub in_two_places: u64,
    /// Passwords that were given to somebody in the console since the given time.
    pub resets: u64,
    /// Those of them of which nobody wrote down how it was made sure who asked.
    pub resets_unsure: u64,
    /// Requests for rights that wait beyond their day.
    pub requests_late: u64,
    /// Rights that were approved here and whose next look is overdue.
    pub grants_late: u64,
    /// Rights that were approved here.
    pub grants: u64,
}

/// An hour: the clockwork destroys what is over every minute.
const HOUR_MS: i64 = 3_600_000;

impl Store {
    /// What is known of accounts, rights and reviews at a time; what is counted over time, from `since` on.
    pub async fn access_seen(&self, now: Timestamp, since: Timestamp) -> Result<AccessSeen, StoreError> {
        let row = sqlx::query(
            "select \
             (select count(*) from account where kind = 'guest' and state in ('pending', 'open') \
                and (ends is null or ends > $1) \
                and not exists (select 1 from visitor_account v where v.account = account.id and v.state = 'issued')), \
             (select count(*) from visitor_account where issued_at >= $2), \
             (select count(*) from visitor_account where state <> 'destroyed' and ends <= $3), \
             (select count(*) from (select person from \
                (select person, address from session where expires > $1 and stage = 'full' \
                 union select person, address from web_claim where ends > $1) as places \
                group by person having count(*) > 1) as several), \
             (select count(*) from audit where action = 'reset-password' and at >= $2 and actor like 'person:%'), \
             (select count(*) from audit where action = 'reset-password' and at >= $2 and actor like 'person:%' \
                and details not like '%\"made_sure\"%'), \
             (select count(*) from rights_request where state = 'asked' and lapses <= $3), \
             (select count(*) from rights_grant where ended is null and review_on <= $1), \
             (select count(*) from rights_grant where ended is null)",
        )
        .bind(now.0)
        .bind(since.0)
        .bind(now.0 - HOUR_MS)
        .fetch_one(&self.pool)
        .await?;
        let count = |place: usize| -> Result<u64, StoreError> {
            Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
        };
        Ok(AccessSeen {
            visitors_unlogged: count(0)?,
            visitors_issued: count(1)?,
            visitors_left: count(2)?,
            in_two_places: count(3)?,
            resets: count(4)?,
            resets_unsure: count(5)?,
            requests_late: count(6)?,
            grants_late: count(7)?,
            grants: count(8)?,
        })
    }
}
