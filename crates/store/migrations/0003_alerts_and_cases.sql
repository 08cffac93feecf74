-- What asks for attention, the work on it, what anybody reported, and what is to leave. `readers` names roles, comma
-- between; whoever may read a row is decided by the program from it. Nothing of an alert, a case or a report is ever
-- taken away: lines are added, and struck out with a reason.

create table alert (
    id text primary key,
    scope text not null,
    kind text not null check (kind in ('safeguarding', 'security', 'silence', 'report', 'test')),
    theme text,
    severity bigint not null check (severity between 1 and 5),
    rule text not null,
    why text not null,
    school text,
    person text,
    device text,
    first_seen bigint not null,
    last_seen bigint not null,
    times bigint not null,
    events text not null,
    readers text not null,
    ladder text not null,
    rung bigint not null,
    due bigint,
    taken_up bigint not null,
    state text not null check (state in ('new', 'acknowledged', 'closed')),
    acknowledged_at bigint,
    acknowledged_by text,
    triage text check (triage in ('real', 'known', 'false', 'test')),
    assigned_to text,
    merged_into text references alert (id),
    case_file text,
    report text
);
create index alert_by_state on alert (state, severity, last_seen);
create index alert_by_rule on alert (rule, state);
create index alert_by_kind on alert (kind, taken_up);
create index alert_by_beginning on alert (first_seen);
create index alert_of_case on alert (case_file);

create table alert_entry (
    alert text not null references alert (id),
    sequence bigint not null,
    at bigint not null,
    actor text not null,
    what text not null,
    words text not null,
    primary key (alert, sequence)
);

create table case_file (
    id text primary key,
    scope text not null,
    title text not null,
    opened_at bigint not null,
    opened_by text not null,
    state text not null check (state in ('open', 'closed')),
    readers text not null,
    owner text,
    outcome text,
    closed_at bigint,
    reference text
);
create index case_file_by_state on case_file (state, opened_at);

create table case_entry (
    case_file text not null references case_file (id),
    sequence bigint not null,
    at bigint not null,
    actor text not null,
    kind text not null,
    words text not null,
    reason text not null,
    struck_at bigint,
    struck_by text,
    struck_why text,
    primary key (case_file, sequence)
);

-- What a case is linked with. Evidence is copied as it was, with the SHA-256 of the copy.
create table case_link (
    case_file text not null references case_file (id),
    kind text not null check (kind in ('alert', 'person', 'device', 'event', 'filter-change')),
    target text not null,
    linked_at bigint not null,
    linked_by text not null,
    frozen text,
    hash text,
    primary key (case_file, kind, target)
);

-- The circle: where anybody is in it, nobody else reads the case.
create table case_reader (
    case_file text not null references case_file (id),
    person text not null references person (id),
    added_at bigint not null,
    added_by text not null,
    removed_at bigint,
    primary key (case_file, person, added_at)
);

create table report (
    id text primary key,
    scope text not null,
    reference text not null unique,
    kind text not null,
    words text not null,
    place text not null,
    reporter text,
    at bigint not null,
    alert text not null references alert (id)
);

create table weekly_report (
    scope text not null,
    week text not null,
    drafted_at bigint not null,
    body text not null,
    read_at bigint,
    read_by text,
    signed_at bigint,
    signed_by text,
    words text,
    primary key (scope, week)
);

-- What is to leave: one row for one message by one way to one address.
create table notification (
    id text primary key,
    scope text not null,
    about text not null,
    channel text not null check (channel in ('mail', 'webhook', 'teams')),
    address text not null,
    severity bigint not null,
    state text not null check (state in ('waiting', 'delivered', 'given-up')),
    tries bigint not null,
    created bigint not null,
    next_at bigint not null,
    delivered_at bigint,
    error text
);
create index notification_by_state on notification (state, next_at);
create index notification_about on notification (about);
