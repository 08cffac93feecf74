-- What people call their second factors, and a passkey's own id, by which a browser names it. Beside the credential and not
-- in it: most credentials have neither.
create table factor (
    credential text primary key,
    scope text not null,
    name text not null,
    handle text unique
);

-- Recovery ("break-glass") accounts: who keeps what opens them, when they were last tried, and the two leaders who want one
-- gone.
create table recovery_account (
    account text primary key references account (id),
    scope text not null,
    number bigint not null unique,
    tried bigint not null,
    asked_by text references person (id),
    agreed_by text references person (id),
    agreed_until bigint
);

create table recovery_owner (
    account text not null references recovery_account (account),
    scope text not null,
    person text not null references person (id),
    primary key (account, person)
);
