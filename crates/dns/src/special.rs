//! Names that are questions to the network rather than to a site: they have one answer, whatever the policy.

use crate::answer::Answer;
use crate::query::Asked;

/// Names by whose absence a network tells software to leave its names to the network's own resolver: Firefox's canary
/// (support.mozilla.org, "Canary domain - use-application-dns.net") and iCloud Private Relay (developer.apple.com,
/// "Prepare your network or web server for iCloud Private Relay"). Both read 2026-11-22.
const CANARIES: [&str; 3] = ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"];

/// Where clients look for an encrypted resolver of the network (RFC 9462, 4); we offer none.
const RESOLVER_DISCOVERY: &str = "resolver.arpa";

/// The one answer to a special name; `None` for every other name.
pub(crate) fn answer(asked: &Asked) -> Option<Answer> {
    let host = asked.host.as_ref()?;
    if CANARIES.iter().any(|canary| host.is_at_or_below(canary)) {
        return Some(Answer::no_such_name(asked.name()));
    }
    host.is_at_or_below(RESOLVER_DISCOVERY).then(|| Answer::nothing_of_this_type(asked.name()))
}
