-- The first records. One text for SQLite and PostgreSQL: ids are UUIDs as text, times are UTC milliseconds, yes and no
-- are 0 and 1, JSON is text. Every row says whose it is: `trust`, or `school:` and the school's id.

create table installation (
    name text primary key,
    scope text not null,
    value text not null
);

create table person (
    id text primary key,
    scope text not null,
    login text not null unique,
    display_name text not null,
    added bigint not null
);

-- What a person is, where. `place` keeps the order in which affiliations count.
create table affiliation (
    person text not null references person (id),
    place smallint not null,
    scope text not null,
    role text not null,
    year_group text,
    primary key (person, place)
);

create table account (
    login text primary key,
    scope text not null,
    person text not null references person (id),
    password_hash text not null,
    state text not null check (state in ('open', 'closed')),
    changed bigint not null
);

create table device (
    id text primary key,
    scope text not null,
    school text not null,
    name text not null,
    kind text not null,
    assigned_to text references person (id),
    added bigint not null
);

create table device_address (
    address text primary key,
    scope text not null,
    device text not null references device (id)
);

-- A signed-in session. The secret itself is only in the browser; this is its SHA-256.
create table session (
    token_hash text primary key,
    scope text not null,
    person text not null references person (id),
    kind text not null check (kind in ('console', 'web')),
    address text not null,
    created bigint not null,
    last_seen bigint not null,
    expires bigint not null
);
create index session_expires on session (expires);

-- Who is at which address, so that a restart forgets nobody.
create table web_claim (
    address text not null,
    person text not null references person (id),
    scope text not null,
    known_by text not null,
    starts bigint not null,
    ends bigint not null,
    primary key (address, person)
);
create index web_claim_ends on web_claim (ends);

-- Policy documents, byte for byte as they were proposed.
create table policy_document (
    hash text primary key,
    scope text not null,
    state text not null check (state in ('proposed', 'in-force', 'superseded')),
    edition_name text not null,
    edition text not null,
    settings_name text,
    settings text,
    proposed_at bigint not null,
    proposed_by text not null,
    proposed_why text not null,
    approved_at bigint,
    approved_by text,
    approved_why text
);
create unique index policy_document_in_force on policy_document (scope) where state = 'in-force';

-- Who holds a post, from when until when. A person leaves a post by its end being set, never by a row going away.
create table post_holder (
    role text not null,
    scope text not null,
    person text not null references person (id),
    starts bigint not null,
    ends bigint,
    primary key (role, scope, person, starts)
);

-- What was done, by whom: a chain of hashes for each scope. Rows are only ever added.
create table audit (
    scope text not null,
    sequence bigint not null,
    at bigint not null,
    actor text not null,
    action text not null,
    subject text not null,
    details text not null,
    previous text not null,
    hash text not null,
    primary key (scope, sequence)
);

-- The end of each chain; taking the next number locks it.
create table audit_head (
    scope text primary key,
    sequence bigint not null,
    hash text not null
);
