//! What programs of a Linux or Unix server say in words: sign-ins by SSH, `su` and `sudo`, new members of groups.

use super::event::Deed;

/// What a line says in words.
pub(crate) struct Said<'a> {
    pub deed: Deed,
    pub account: Option<&'a str>,
    pub group: Option<&'a str>,
    pub from: Option<&'a str>,
}

/// Reads a line of this program; `None` for what is not known here.
pub(crate) fn read<'a>(program: &str, message: &'a str) -> Option<Said<'a>> {
    match program.rsplit('/').next().unwrap_or(program) {
        "sshd" | "sshd-session" | "dropbear" => ssh(message),
        "usermod" | "gpasswd" | "useradd" | "adduser" => member(message),
        "su" | "sudo" | "login" => refused(message),
        _ => None,
    }
}

/// `Failed password for invalid user NAME from ADDRESS port N ssh2`, `Accepted publickey for NAME from ADDRESS ...`.
fn ssh(message: &str) -> Option<Said<'_>> {
    let (deed, rest) = match message {
        _ if message.starts_with("Failed ") => (Deed::SignInFailed, message),
        _ if message.starts_with("Accepted ") => (Deed::SignedIn, message),
        _ => return None,
    };
    let (_, rest) = rest.split_once(" for ")?;
    let rest = rest.strip_prefix("invalid user ").unwrap_or(rest);
    // A name may hold spaces, and even " from ": the address is behind the last one.
    let (name, at) = rest.rsplit_once(" from ")?;
    Some(Said { deed, account: Some(name), group: None, from: at.split(' ').next() })
}

/// `add 'amara' to group 'sudo'` of usermod; `user amara added by root to group sudo` of gpasswd.
fn member(message: &str) -> Option<Said<'_>> {
    let added = message.strip_prefix("add ").or_else(|| message.strip_prefix("user "))?;
    let (_, group) = added.split_once("to group ")?;
    let account = word(added)?;
    Some(Said { deed: Deed::MemberAdded, account: Some(account), group: word(group), from: None })
}

/// `pam_unix(sudo:auth): authentication failure; ... user=amara`, `FAILED SU (to root) amara on pts/0`.
fn refused(message: &str) -> Option<Said<'_>> {
    let account = if let Some((_, rest)) = message.split_once("FAILED SU (to ") {
        rest.split(')').next()
    } else if message.contains("authentication failure") {
        message.rsplit_once(" user=").map(|(_, name)| name.trim())
    } else {
        return None;
    };
    Some(Said { deed: Deed::SignInFailed, account, group: None, from: None })
}

fn word(text: &str) -> Option<&str> {
    let text = text.trim_start();
    match text.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next(),
        None => text.split_whitespace().next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_server_says_in_words_is_read() {
        for (program, line, deed, account, more) in [
            (
                "sshd",
                "Failed password for root from 10.0.0.7 port 5 ssh2",
                Deed::SignInFailed,
                "root",
                "10.0.0.7",
            ),
            (
                "sshd",
                "Failed none for invalid user a from b from 10.0.0.7 port 5",
                Deed::SignInFailed,
                "a from b",
                "10.0.0.7",
            ),
            (
                "/usr/sbin/sshd",
                "Accepted publickey for amara from fd00::7 port 5",
                Deed::SignedIn,
                "amara",
                "fd00::7",
            ),
            ("usermod", "add 'amara' to group 'sudo'", Deed::MemberAdded, "amara", "sudo"),
            ("gpasswd", "user amara added by root to group sudo", Deed::MemberAdded, "amara", "sudo"),
            ("su", "FAILED SU (to root) amara on pts/0", Deed::SignInFailed, "root", ""),
            (
                "sudo",
                "pam_unix(sudo:auth): authentication failure; rhost=  user=amara",
                Deed::SignInFailed,
                "amara",
                "",
            ),
        ] {
            let said = read(program, line).unwrap();
            assert_eq!((said.deed, said.account), (deed, Some(account)), "{line}");
            assert_eq!(said.group.or(said.from).unwrap_or_default(), more, "{line}");
        }
        assert!(
            read("sshd", "Connection closed").is_none() && read("cron", "Failed x for y from z").is_none()
        );
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(program in "sshd|su|usermod", text in "(Failed |add |FAILED SU \\(to )?(for | from | to group |'| user=|[a-z é)]){0,12}") {
            let _ = read(&program, &text);
        }
    }
}
