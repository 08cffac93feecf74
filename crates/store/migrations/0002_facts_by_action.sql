-- The newest facts of one action, without walking the whole chain.
create index audit_by_action on audit (scope, action, sequence);
