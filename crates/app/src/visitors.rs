//! Visitors: a pool of accounts is made for an event, each is handed to one visitor with who, whom they visit and why, ends
//! by itself, and is destroyed when it is done with (clause ACC-3).
//!
//! Invariants: an account of a pool opens nothing before it is handed out, and is handed out once; it works no longer than
//! the policy's days, and no longer than its pool; what is destroyed is closed, its password wiped, its holder off the
//! roster, and its user name given to nobody again. The visitor's own name stands in the visitors' log alone.

use crate::accounts::AT_THE_MACHINE;
use crate::facade::Reach;
use crate::people_reach::may_hand_to;
use crate::views::{
    PoolChoices, PoolForm, PoolRow, PoolView, SlipView, VisitorForm, VisitorRow, VisitorsView,
};
use crate::{App, AppError, Fresh, words};
use identity::scopes_for;
use model::{
    AccountId, AccountKind, AccountState, Action, Actor, Affiliation, CredentialKind, DAY_MS, Person,
    PersonId, PoolId, Role, SchoolId, Scope, VisitorState,
};
use store::{Account, AccountChange, Change, Fact, VisitorAccount, VisitorChange, VisitorIssue, VisitorPool};

/// The most accounts of a pool.
const MOST_ACCOUNTS: usize = 60;
/// The longest time between making a pool and its end.
const MOST_POOL_MS: i64 = 366 * DAY_MS;
/// The longest name, purpose or reason, in characters.
const MOST_WORDS: usize = 200;
/// Lines of the log on the page.
const MOST_LOG_SHOWN: usize = 50;

/// Problems of a form: the field and a sentence.
type Problems = Vec<(String, String)>;

impl App {
    /// The pools within reach that are not over, and what was handed out of late. The look is recorded.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn visitors_view(&self, actor: &Actor) -> Result<VisitorsView, AppError> {
        let reach = self.reach(actor, Action::WelcomeVisitors).await?;
        let store = &self.0.parts.store;
        let mut pools = Vec::new();
        for pool in store.visitor_pools().await? {
            if reach.covers(&pool.scope) && pool.ends > self.now() {
                pools.push(self.pool_row(&pool, &store.visitors_of(pool.id).await?));
            }
        }
        let log = store.visitors_log().await?;
        let log = log.iter().filter(|line| reach.covers(&line.scope)).take(MOST_LOG_SHOWN);
        self.note(&self.fact(actor, "read-visitors").about("visitors")).await?;
        Ok(VisitorsView {
            pools,
            may_keep: !scopes_for(actor, Action::KeepVisitors).is_empty(),
            log: log.map(|line| self.visitor_row(line)).collect(),
        })
    }

    /// The visitors' log within reach as a file, newest first.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn export_visitors(&self, actor: &Actor) -> Result<Vec<u8>, AppError> {
        let reach = self.reach(actor, Action::WelcomeVisitors).await?;
        let log = self.0.parts.store.visitors_log().await?;
        let log: Vec<VisitorRow> =
            log.iter().filter(|line| reach.covers(&line.scope)).map(|line| self.visitor_row(line)).collect();
        let fact = self.fact(actor, "export-visitors").about("visitors");
        self.note(&fact.with("rows", log.len().to_string())).await?;
        let zone = self.snapshot().policy().time_zone.clone();
        let (time, by) = (
            |at| words::date_and_time(&zone, at),
            |deed: &Option<_>| match deed {
                Some((at, by)) => (words::date_and_time(&zone, *at), String::clone(by)),
                None => (String::new(), String::new()),
            },
        );
        let rows = log.iter().map(|row| {
            let ((issued, issued_by), (destroyed, _)) = (by(&row.issued), by(&row.destroyed));
            let ends = time(row.ends);
            let own = [&row.login, &row.visitor, &row.host, &row.why].map(String::clone);
            let [login, visitor, host, why] = own;
            [visitor, host, why, login, issued, issued_by, ends, destroyed]
        });
        let columns = ["visitor", "host", "why", "user_name", "handed_out", "by", "ends", "destroyed"];
        crate::export_history::as_csv(&columns, rows)
    }

    /// One pool; `None` where it is beyond reach. The look is recorded.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn pool_view(&self, actor: &Actor, id: PoolId) -> Result<Option<PoolView>, AppError> {
        let Some(pool) = self.pool_for(actor, id).await? else { return Ok(None) };
        let accounts = self.0.parts.store.visitors_of(id).await?;
        self.note(&self.fact(actor, "read-visitors").about(format!("pool:{id}"))).await?;
        Ok(Some(PoolView {
            row: self.pool_row(&pool, &accounts),
            accounts: accounts.iter().map(|line| self.visitor_row(line)).collect(),
            may_keep: scopes_for(actor, Action::KeepVisitors).iter().any(|held| held.covers(&pool.scope)),
            is_over: pool.ends <= self.now(),
        }))
    }

    /// Makes a pool, or says what is wrong with it.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn make_pool(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        typed: &PoolForm,
    ) -> Result<Result<PoolId, Problems>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let reach = self.reach(actor, Action::KeepVisitors).await?;
        let (pool, count) = match self.read_pool((actor, &reach), typed)? {
            Ok(read) => read,
            Err(problems) => return Ok(Err(problems)),
        };
        let mut changes = Vec::with_capacity(count * 2 + 1);
        let mut accounts = Vec::with_capacity(count);
        let word = new_word()?;
        for number in 1..=count {
            let login = format!("visitor-{word}-{number:02}");
            let affiliation = Affiliation { scope: pool.scope.clone(), role: Role::Guest, year: None };
            let person = Person {
                id: PersonId(self.new_uuid()?),
                login: login.clone(),
                display_name: format!("Visitor {number}, {}", pool.purpose),
                affiliations: vec![affiliation],
            };
            let account = Account {
                state: AccountState::Suspended,
                ends: Some(pool.ends),
                ..Account::new(AccountId(self.new_uuid()?), &person, AccountKind::Guest, pool.made.0, actor)
            };
            accounts.push((account.id, person.id, login));
            changes.push(Change::AddPerson { person, scope: Scope::Trust });
            changes.push(Change::Account(AccountChange::Add(account)));
        }
        let id = pool.id;
        let fact = Fact::new(actor, pool.scope.clone(), pool.made.0, "make-visitor-pool")
            .about(format!("pool:{id}"))
            .with("purpose", pool.purpose.clone())
            .with("host", pool.host.clone())
            .with("accounts", count.to_string())
            .with("until", pool.ends.to_string());
        changes.push(Change::Visitor(VisitorChange::Add(Box::new(pool), accounts)));
        self.commit(&fact, &changes).await?;
        self.take_up_changes().await?;
        Ok(Ok(id))
    }

    /// Hands the next account of a pool to a visitor. Its password is shown this once. `None` where the pool is beyond reach;
    /// what is wrong with what was typed, where something is.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the pool is over, or nothing is left in it.
    pub async fn welcome_visitor(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: PoolId,
        typed: &VisitorForm,
    ) -> Result<Option<Result<SlipView, Problems>>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(pool) = self.pool_for(actor, id).await? else { return Ok(None) };
        let problems = wrong_visitor(typed);
        if !problems.is_empty() {
            return Ok(Some(Err(problems)));
        }
        if !may_hand_to(actor, Role::Guest, &pool.scope) {
            return Err(AppError::refused(
                AT_THE_MACHINE,
                "expected somebody who may give a guest's password",
            ));
        }
        let lines = self.0.parts.store.visitors_of(id).await?;
        let line = lines.into_iter().find(|line| line.state == VisitorState::Ready);
        let Some(line) = line.filter(|_| pool.ends > self.now()) else {
            return Err(AppError::refused(
                "Nothing is left in this pool, or it is over. Make another one.",
                "expected an account of the pool that nobody has had, found none",
            ));
        };
        let accounts = self.0.parts.store.accounts_of(line.person).await?;
        let person = self.0.parts.roster.get().person(line.person).cloned();
        let (Some(person), Some(account)) = (person, accounts.into_iter().next()) else {
            return Err(AppError::failed("expected the account of a pool and its person, found one gone"));
        };
        let slip = self.hand_out(actor, (&pool, &line), (&person, &account), typed).await?;
        Ok(Some(Ok(slip)))
    }

    async fn hand_out(
        &self,
        actor: &Actor,
        (pool, line): (&VisitorPool, &VisitorAccount),
        (person, account): (&Person, &Account),
        typed: &VisitorForm,
    ) -> Result<SlipView, AppError> {
        let at = self.now();
        let days = self.in_force().document.facts.access.guest_account_days;
        let ends = pool.ends.min(at.plus_ms(i64::from(days) * DAY_MS));
        let issued = self.issue_password(person, account).await?;
        let issue = VisitorIssue {
            account: line.account,
            visitor: typed.visitor.trim().to_owned(),
            host: typed.host.trim().to_owned(),
            why: typed.why.trim().to_owned(),
            ends,
            at,
            by: actor.to_string(),
        };
        let mut changes = vec![
            // First of all: where somebody else took it meanwhile, nothing is changed.
            Change::Visitor(VisitorChange::Issue(Box::new(issue))),
            Change::Account(AccountChange::EndAt { account: line.account, ends: Some(ends) }),
            Change::Account(AccountChange::SetState {
                account: line.account,
                state: AccountState::Pending,
                at,
            }),
        ];
        changes.extend(issued.changes);
        let fact = Fact::new(actor, pool.scope.clone(), at, "welcome-visitor")
            .about(format!("person:{}", line.person))
            .with("pool", pool.id.to_string())
            .with("until", ends.to_string());
        self.commit(&fact, &changes).await?;
        let expires = issued.expires.map(|expires| expires.min(ends));
        let slip = self.slip(person, &account.login, issued.secret.to_string(), expires);
        Ok(SlipView { name: typed.visitor.trim().to_owned(), ..slip })
    }

    /// Takes an account back and destroys it; with no account, ends the pool and destroys all of it. False where there is
    /// none such within reach.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn end_visit(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: PoolId,
        account: Option<AccountId>,
    ) -> Result<bool, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(pool) = self.pool_for(actor, id).await? else { return Ok(false) };
        if account.is_none() {
            self.permit_at(actor, Action::KeepVisitors, &pool.scope).await?;
        }
        let lines = self.0.parts.store.visitors_of(id).await?;
        let meant = |line: &VisitorAccount| {
            line.state != VisitorState::Destroyed && account.is_none_or(|account| account == line.account)
        };
        let lines: Vec<VisitorAccount> = lines.into_iter().filter(meant).collect();
        if lines.is_empty() {
            return Ok(false);
        }
        self.destroy(actor, &lines).await?;
        Ok(true)
    }

    /// Destroys visitors' accounts whose time is over. To be called every minute or so.
    pub async fn destroy_visitors(&self) -> Result<(), AppError> {
        let over = self.0.parts.store.visitors_over(self.now()).await?;
        self.destroy(&Actor::Program, &over).await
    }

    async fn destroy(&self, actor: &Actor, lines: &[VisitorAccount]) -> Result<(), AppError> {
        for line in lines {
            let (at, account, person) = (self.now(), line.account, line.person);
            let changes = [
                Change::Visitor(VisitorChange::Destroy { account, at, by: actor.to_string() }),
                Change::Account(AccountChange::SetState { account, state: AccountState::Closed, at }),
                Change::Account(AccountChange::Revoke { account, kinds: CredentialKind::ALL.into(), at }),
                Change::Account(AccountChange::EndEverything { person, but: None, at }),
            ];
            let fact = Fact::new(actor, line.scope.clone(), at, "destroy-visitor")
                .about(format!("person:{person}"))
                .with("pool", line.pool.to_string());
            match self.commit(&fact, &changes).await {
                Ok(()) => self.0.parts.identities.end_sessions(person, at),
                // Another program on the same records was quicker.
                Err(AppError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if lines.is_empty() { Ok(()) } else { self.take_up_changes().await }
    }

    async fn pool_for(&self, actor: &Actor, id: PoolId) -> Result<Option<VisitorPool>, AppError> {
        let reach = self.reach(actor, Action::WelcomeVisitors).await?;
        let pools = self.0.parts.store.visitor_pools().await?;
        Ok(pools.into_iter().find(|pool| pool.id == id && reach.covers(&pool.scope)))
    }

    fn read_pool(
        &self,
        (actor, reach): (&Actor, &Reach),
        typed: &PoolForm,
    ) -> Result<Result<(VisitorPool, usize), Problems>, AppError> {
        let mut problems = Problems::new();
        let mut problem = |field: &str, words: &str| problems.push((field.to_owned(), words.to_owned()));
        for (field, value, words) in [
            ("purpose", &typed.purpose, "Say what it is for, such as the book fair"),
            ("host", &typed.host, "Say who invites them"),
        ] {
            if !is_short(value) {
                problem(field, words);
            }
        }
        let count = typed.count.trim().parse::<usize>().ok();
        let count = count.filter(|count| (1..=MOST_ACCOUNTS).contains(count));
        if count.is_none() {
            problem("count", "Enter how many accounts, 1 to 60");
        }
        let now = self.now();
        let ends = words::end_of_date(&self.snapshot().policy().time_zone, &typed.until);
        let ends = ends.filter(|ends| *ends > now && *ends <= now.plus_ms(MOST_POOL_MS));
        if ends.is_none() {
            problem("until", "Enter the last day, from today on and within a year");
        }
        let scope = Scope::School(SchoolId::new(typed.school.trim()));
        let is_known = self.places().contains(&scope) && reach.covers(&scope);
        if !is_known {
            problem("school", "Choose a school");
        }
        let (Some(count), Some(ends), true) = (count, ends, is_known && problems.is_empty()) else {
            return Ok(Err(problems));
        };
        let (purpose, host) = (typed.purpose.trim().to_owned(), typed.host.trim().to_owned());
        let made = (now, actor.to_string());
        let pool = VisitorPool { id: PoolId(self.new_uuid()?), scope, purpose, host, made, ends };
        Ok(Ok((pool, count)))
    }

    /// What may be chosen where a pool is made.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn pool_choices(&self, actor: &Actor) -> Result<PoolChoices, AppError> {
        let reach = self.reach(actor, Action::KeepVisitors).await?;
        let snapshot = self.snapshot();
        let schools = snapshot.policy().schools.iter();
        let here = schools.filter(|school| reach.covers(&Scope::School(school.id.clone())));
        Ok(PoolChoices {
            schools: here.map(|school| (school.id.to_string(), school.name.to_string())).collect(),
            days: self.in_force().document.facts.access.guest_account_days,
        })
    }

    fn pool_row(&self, pool: &VisitorPool, accounts: &[VisitorAccount]) -> PoolRow {
        let count = |state| accounts.iter().filter(|line| line.state == state).count();
        PoolRow {
            id: pool.id.to_string(),
            purpose: pool.purpose.clone(),
            host: pool.host.clone(),
            place: self.organisation_of(&pool.scope),
            ends: pool.ends,
            ready: count(VisitorState::Ready),
            issued: count(VisitorState::Issued),
            destroyed: count(VisitorState::Destroyed),
        }
    }

    fn visitor_row(&self, line: &VisitorAccount) -> VisitorRow {
        let named = |(at, by): &(model::Timestamp, String)| (*at, self.name_in_audit(by));
        VisitorRow {
            account: line.account.to_string(),
            pool: line.pool.to_string(),
            login: line.login.clone(),
            state: line.state,
            visitor: line.visitor.clone(),
            host: line.host.clone(),
            why: line.why.clone(),
            issued: line.issued.as_ref().map(named),
            ends: line.ends,
            destroyed: line.destroyed.as_ref().map(named),
        }
    }
}

fn wrong_visitor(typed: &VisitorForm) -> Problems {
    let fields = [
        ("visitor", &typed.visitor, "Enter who they are, with whom they work for where it matters"),
        ("host", &typed.host, "Enter whom they visit"),
        ("why", &typed.why, "Enter what they use it for"),
    ];
    let wrong = fields.into_iter().filter(|(_, value, _)| !is_short(value));
    wrong.map(|(field, _, words)| (field.to_owned(), words.to_owned())).collect()
}

/// True for words that are there, and few.
fn is_short(words: &str) -> bool {
    let words = words.trim();
    !words.is_empty() && words.chars().count() <= MOST_WORDS && !words.chars().any(char::is_control)
}

/// Five letters and digits that tell one pool's logins from every other's, without those that look alike.
fn new_word() -> Result<String, AppError> {
    const SIGNS: [char; 32] = [
        'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w',
        'x', 'y', 'z', '2', '3', '4', '5', '6', '7', '8', '9', '0',
    ];
    let bytes = identity::random_bytes::<5>()?;
    Ok(bytes.iter().filter_map(|byte| SIGNS.get(usize::from(byte % 32))).collect())
}
