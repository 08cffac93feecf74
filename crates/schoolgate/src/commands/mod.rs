//! What each command does.

pub(crate) mod explain;
pub(crate) mod people;
pub(crate) mod policy;

use model::Actor;

/// Whoever types here, by the name the system knows them by.
pub(crate) fn at_the_machine() -> Actor {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    Actor::CommandLine { user: named.unwrap_or_else(|| "not known".to_owned()) }
}
