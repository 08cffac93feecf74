-- What came from the school's own system: files as they were sent, who is who in them, and what was before, so that it can
-- be put back.
create table people_import (
    id text primary key,
    scope text not null,
    kind text not null check (kind in ('file', 'roll-over')),
    name text not null,
    format text,
    grades text not null,
    leaving text,
    hash text not null,
    -- The bytes in base64; null once they are forgotten.
    content text,
    state text not null check (state in ('staged', 'applied', 'undone', 'dropped')),
    staged_at bigint not null,
    staged_by text not null,
    decided_at bigint,
    decided_by text,
    decided_why text,
    -- What it did, in words, and what was before, as JSON; the latter is null once it cannot be undone any more.
    outcome text,
    before text,
    undone_at bigint,
    undone_by text,
    undone_why text
);
create index people_import_by_time on people_import (staged_at);

-- Who a row is, where somebody had to say so; no person: somebody new.
create table people_import_answer (
    import text not null references people_import (id),
    scope text not null,
    source text not null,
    person text references person (id),
    primary key (import, source)
);

-- What the school's system calls a person. One school calls somebody by one id at a time.
create table person_source (
    scope text not null,
    source text not null,
    person text not null references person (id),
    born text,
    noted bigint not null,
    -- When an import took them off; null while they are there.
    left_at bigint,
    primary key (scope, source)
);
create index person_source_by_person on person_source (person);
