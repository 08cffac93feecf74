//! What each command does.

pub(crate) mod authority;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod history_move;
mod imports;
pub(crate) mod lists;
pub(crate) mod notify;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod proxy;
pub(crate) mod simulate;
pub(crate) mod verify;

use model::Actor;
use std::os::unix::fs::MetadataExt as _;

/// Whoever types here, as the system knows them: the user the process runs as and, where that is root by way of `sudo`,
/// the user behind it. What the environment says of names counts for nothing: anybody can set it.
pub(crate) fn at_the_machine() -> Actor {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = match std::fs::metadata("/proc/self") {
        Ok(process) => in_words(process.uid(), std::env::var("SUDO_UID").ok().as_deref(), &accounts),
        Err(_) => "not known".to_owned(),
    };
    Actor::CommandLine { user }
}

/// True when this process may do everything on the machine.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn in_words(user_id: u32, behind_sudo: Option<&str>, accounts: &str) -> String {
    let named = |id: u32| name_of(id, accounts).unwrap_or_else(|| format!("user {id}"));
    match behind_sudo.and_then(|id| id.parse().ok()).filter(|_| user_id == 0) {
        Some(behind) => format!("{} (by sudo: {})", named(0), named(behind)),
        None => named(user_id),
    }
}

/// The name of an account in the form of passwd(5).
fn name_of(user_id: u32, accounts: &str) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user_id)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/sh\ntech:x:1000:1000::/home/tech:/bin/sh\n";

    #[test]
    fn the_user_is_named_by_the_system_and_never_by_the_environment_alone() {
        for (user_id, behind_sudo, expected) in [
            (1000, None, "tech"),
            (1000, Some("0"), "tech"),
            (0, None, "root"),
            (0, Some("1000"), "root (by sudo: tech)"),
            (0, Some("Headteacher"), "root"),
            (4711, None, "user 4711"),
        ] {
            assert_eq!(in_words(user_id, behind_sudo, ACCOUNTS), expected);
        }
    }
}
