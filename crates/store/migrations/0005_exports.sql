-- What others asked for of the records, who approved it, and the pack that was made. Nothing of it is taken away.
create table export_request (
    id text primary key,
    scope text not null,
    reference text not null unique,
    kind text not null check (kind in ('police', 'local-authority', 'filtering-provider', 'subject-access')),
    basis text not null,
    requester text not null,
    their_reference text not null,
    purpose text not null,
    person text,
    starts bigint not null,
    ends bigint not null,
    hold text,
    state text not null check (state in ('asked', 'approved', 'refused', 'made')),
    asked_at bigint not null,
    asked_by text not null,
    decided_at bigint,
    decided_by text,
    decided_why text,
    made_at bigint,
    bytes bigint,
    requests bigint,
    manifest text
);
create index export_request_by_state on export_request (state, asked_at);

create table export_entry (
    export text not null references export_request (id),
    sequence bigint not null,
    at bigint not null,
    actor text not null,
    step text not null,
    words text not null,
    primary key (export, sequence)
);
