-- Accounts apart from what opens them; sessions that say how they were opened; classes. Accounts that there are stay as
-- they are, each with its password. Whoever was signed in signs in again.

create table account_before as select login, scope, person, password_hash, state, changed from account;
drop table account;

-- What is not there any more keeps its row: a login is never given to somebody else.
create table account (
    id text primary key,
    scope text not null,
    person text not null references person (id),
    kind text not null check (kind in ('standard', 'administrator', 'break-glass', 'guest', 'service')),
    login text not null unique,
    state text not null check (state in ('pending', 'open', 'suspended', 'closed')),
    starts bigint not null,
    ends bigint,
    must_change bigint not null check (must_change in (0, 1)),
    created bigint not null,
    created_by text not null,
    -- When everything that was signed in to with it was last ended from outside.
    ended bigint not null,
    unique (person, kind)
);
create index account_by_ended on account (ended);

-- What opens an account. What was revoked keeps its row, for the history, and loses its verifier. `counter` is the last
-- step of an app's code that was taken, so that none is taken twice.
create table credential (
    id text primary key,
    scope text not null,
    account text not null references account (id),
    kind text not null check (kind in ('password', 'temporary', 'totp', 'passkey', 'recovery')),
    verifier text not null,
    counter bigint not null,
    created bigint not null,
    expires bigint,
    last_worked bigint,
    revoked bigint
);
create index credential_by_account on credential (account, kind);

insert into account (id, scope, person, kind, login, state, starts, must_change, created, created_by, ended)
    select person, scope, person,
        case when exists (select 1 from affiliation
            where affiliation.person = account_before.person and affiliation.role = 'guest')
            then 'guest' else 'standard' end,
        login, state, changed, 0, changed, 'program', 0 from account_before;
insert into credential (id, scope, account, kind, verifier, counter, created)
    select person, scope, person, 'password', password_hash, 0, changed from account_before;
drop table account_before;

-- Fingerprints, under a key that is not here, of the passwords that somebody has or had: none is chosen twice.
create table password_fingerprint (
    scope text not null,
    person text not null references person (id),
    fingerprint text not null,
    account text not null references account (id),
    noted bigint not null,
    primary key (person, fingerprint)
);

-- A signed-in session. The secret itself is only in the browser; this is its SHA-256. A partial one has shown a password
-- and opens nothing but the next step.
drop table session;
create table session (
    token_hash text primary key,
    id text not null unique,
    scope text not null,
    person text not null references person (id),
    account text not null references account (id),
    kind text not null check (kind in ('console', 'web')),
    stage text not null check (stage in ('partial', 'full')),
    methods text not null,
    address text not null,
    created bigint not null,
    stepped_up bigint,
    last_seen bigint not null,
    expires bigint not null
);
create index session_expires on session (expires);
create index session_by_person on session (person);

create table class (
    id text primary key,
    scope text not null,
    name text not null,
    kind text not null check (kind in ('registration', 'teaching')),
    starts bigint not null,
    ends bigint
);

create table class_member (
    class text not null references class (id),
    scope text not null,
    person text not null references person (id),
    part text not null check (part in ('teacher', 'learner')),
    starts bigint not null,
    ends bigint,
    primary key (class, person, part, starts)
);

-- What was done about somebody, newest first, without walking the chains.
create index audit_by_subject on audit (subject, at);
