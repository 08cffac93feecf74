-- Where each chain of the audit log had got to at a time, signed. A copy lies in a file outside the records.
create table audit_checkpoint (
    scope text not null,
    sequence bigint not null,
    hash text not null,
    at bigint not null,
    key text not null,
    signature text not null,
    primary key (scope, sequence)
);
