-- Rights that are asked for and approved, reviews of accounts and rights, and pools of visitors' accounts.

-- What somebody is to become. Of somebody new the name and the login are here until they are approved.
create table rights_request (
    id text primary key,
    scope text not null,
    kind text not null check (kind in ('newcomer', 'also', 'instead')),
    person text not null,
    new_name text not null,
    new_login text not null,
    role text not null,
    why text not null,
    state text not null check (state in ('asked', 'approved', 'refused', 'lapsed', 'withdrawn')),
    asked_at bigint not null,
    asked_by text not null,
    -- When it lapses without an answer, and when that was said.
    lapses bigint not null,
    warned bigint,
    decided_at bigint,
    decided_by text,
    decided_why text
);
create index rights_request_by_state on rights_request (state, asked_at);
-- What waits, waits once: a user name, and a role of a person at a place.
create unique index rights_request_waiting on rights_request (new_login, person, role, scope) where state = 'asked';
create unique index rights_request_login on rights_request (new_login) where state = 'asked' and new_login <> '';

-- What was approved: who has which role where, by whom, and when somebody looks again.
create table rights_grant (
    person text not null,
    role text not null,
    scope text not null,
    request text,
    approved_at bigint not null,
    approved_by text not null,
    review_on bigint not null,
    ended bigint,
    primary key (person, role, scope, approved_at)
);

create table access_review (
    id text primary key,
    scope text not null,
    kind text not null check (kind in ('accounts', 'rights')),
    opened_at bigint not null,
    opened_by text not null,
    ends bigint not null,
    state text not null check (state in ('open', 'held', 'closed')),
    -- When its end was last warned of.
    warned bigint,
    held_why text not null,
    closed_at bigint,
    closed_by text
);
create unique index access_review_open on access_review (scope, kind) where state <> 'closed';

-- One account or right of somebody. Where `class` is set its teachers answer; what is to be changed is done at some time.
create table review_line (
    review text not null references access_review (id),
    number bigint not null,
    scope text not null,
    person text not null references person (id),
    role text not null,
    class text,
    answer text check (answer in ('keep', 'change', 'remove', 'lapsed')),
    words text not null,
    answered_at bigint,
    answered_by text,
    done_at bigint,
    done_by text,
    primary key (review, number)
);

create table visitor_pool (
    id text primary key,
    scope text not null,
    purpose text not null,
    host text not null,
    made_at bigint not null,
    made_by text not null,
    ends bigint not null
);

-- The account's own row stays when it is destroyed, so that its login is never given again. Who had it, whom they visited,
-- why and when is the visitors' log.
create table visitor_account (
    account text primary key references account (id),
    scope text not null,
    pool text not null references visitor_pool (id),
    number bigint not null,
    person text not null references person (id),
    login text not null,
    state text not null check (state in ('ready', 'issued', 'destroyed')),
    visitor text not null,
    host text not null,
    why text not null,
    ends bigint not null,
    issued_at bigint,
    issued_by text,
    destroyed_at bigint,
    destroyed_by text,
    unique (pool, number)
);
create index visitor_account_by_state on visitor_account (state, ends);
