-- What leaders want of recovery accounts: one gone, other owners for one, another one made. One wish for each number at a
-- time: a leader asks, another agrees, and after a delay it is carried out.
create table recovery_wish (
    number bigint primary key,
    scope text not null,
    want text not null check (want in ('delete', 'own', 'make')),
    asked bigint not null,
    asked_by text not null references person (id),
    agreed_by text references person (id),
    agreed_until bigint
);

create table recovery_wish_owner (
    number bigint not null references recovery_wish (number),
    scope text not null,
    person text not null references person (id),
    primary key (number, person)
);

insert into recovery_wish (number, scope, want, asked, asked_by, agreed_by, agreed_until)
    select number, scope, 'delete', tried, asked_by, agreed_by, agreed_until from recovery_account
    where asked_by is not null
        and exists (select 1 from account where account.id = recovery_account.account and account.state <> 'closed');
alter table recovery_account drop column asked_by;
alter table recovery_account drop column agreed_by;
alter table recovery_account drop column agreed_until;
