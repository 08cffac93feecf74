-- What the youngest sign in with: badges, pictures, the windows in which these count, and sealed records of passwords.

-- A badge. Both columns are HMACs under a key that is not here: of the secret in the QR code, and of the short code that is
-- printed beside it. What was voided keeps its row, so that a lost badge is known again.
create table badge (
    id text primary key,
    scope text not null,
    person text not null references person (id),
    account text not null references account (id),
    secret_hash text not null unique,
    code_hash text not null unique,
    made bigint not null,
    expires bigint not null,
    last_used bigint,
    voided bigint
);
create index badge_by_person on badge (person);

-- Three pictures in order, hashed as a password is. One set for each child at most.
create table picture_pin (
    person text primary key references person (id),
    scope text not null,
    account text not null references account (id),
    verifier text not null,
    made bigint not null,
    last_used bigint
);

-- While one is open, the badges and pictures of a class count: on one network of the school, or on all of them.
create table class_window (
    class text not null references class (id),
    scope text not null,
    network text,
    opened_by text not null references person (id),
    starts bigint not null,
    ends bigint not null,
    primary key (class, starts)
);
create index class_window_by_end on class_window (ends);

-- The key of a class, wrapped by the school's, which is not here.
create table class_key (
    class text primary key references class (id),
    scope text not null,
    wrapped text not null,
    made bigint not null
);

-- The password of one of the youngest, encrypted under a key of its own, that wrapped by the class's key; in hexadecimal.
create table sealed_record (
    person text primary key references person (id),
    scope text not null,
    class text not null references class (id),
    account text not null references account (id),
    version bigint not null,
    wrapped_key text not null,
    body text not null,
    sealed bigint not null,
    -- The end of Year 2: from then on there is no such row.
    ends bigint not null
);
create index sealed_record_by_end on sealed_record (ends);
