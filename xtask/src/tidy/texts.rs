//! What no tracked text may hold: work left for later without an issue, the address of a package registry, and paths of
//! one particular machine.
//!
//! Lock files name no address either: cargo's is the standard index, and the others leave theirs out, so that every
//! machine may use its own mirror. What is looked for is put together here from pieces, or this file would find itself.

use super::Finding;
use super::source::Source;

const LEFT_FOR_LATER: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const CODE: [&str; 9] = ["rs", "toml", "sql", "html", "js", "scss", "sh", "yml", "css"];
const REGISTRIES: [&str; 5] = [
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
];
/// A path of a machine begins with one of these, and goes on.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
const CARGO_INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The lines of one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in (1..).zip(source.text.lines()) {
        let what = left_for_later(source, text)
            .or_else(|| registry(text))
            .or_else(|| lock_address(source, text))
            .or_else(|| machine_path(text));
        findings.extend(what.map(|what| source.finding(line, what)));
    }
    findings
}

fn left_for_later(source: &Source, line: &str) -> Option<String> {
    if !CODE.contains(&source.extension()) {
        return None;
    }
    let (word, after) =
        LEFT_FOR_LATER.iter().find_map(|word| line.split_once(word).map(|(_, after)| (word, after)))?;
    let number =
        after.split_once('#').is_some_and(|(_, number)| number.starts_with(|c: char| c.is_ascii_digit()));
    (!number).then(|| format!("a {word} without an issue number: do it, or give the issue as #N"))
}

fn registry(line: &str) -> Option<String> {
    let found = REGISTRIES.iter().find(|host| line.contains(**host))?;
    Some(format!("the address of a package registry ({found}): leave it to each machine's own configuration"))
}

fn lock_address(source: &Source, line: &str) -> Option<String> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    let found = match name {
        "Cargo.lock" => line.starts_with("source = ") && !line.contains(CARGO_INDEX),
        "package-lock.json" => line.trim_start().starts_with("\"resolved\""),
        "requirements.txt" => line.contains("://") || line.trim_start().starts_with("--index-url"),
        _ => false,
    };
    found.then(|| "a lock file names an address: lock versions and hashes only".to_owned())
}

fn machine_path(line: &str) -> Option<String> {
    let begins = |at: usize| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric() && !"._-/:$}".contains(before))
    };
    let goes_on = |after: &str| after.starts_with(|c: char| c.is_alphanumeric() || c == '.');
    let found = MACHINE_PATHS.iter().find(|path| {
        line.match_indices(**path)
            .any(|(at, found)| begins(at) && line.get(at + found.len()..).is_some_and(goes_on))
    })?;
    Some(format!("a path of one particular machine ({found}...): use a path from the root, or a variable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        check(&Source { path: path.to_owned(), text: text.to_owned(), syntax: None }).len()
    }

    #[test]
    fn work_left_for_later_needs_an_issue() {
        let [later, broken] = LEFT_FOR_LATER;
        assert_eq!(findings("a.rs", &format!("// {later}: more\n// {later} #12: more\n// {broken}\n")), 2);
        assert_eq!(findings("a.md", &format!("No {later} without an issue.")), 0);
    }

    #[test]
    fn registries_and_addresses_in_lock_files_are_found() {
        for host in REGISTRIES {
            assert_eq!(findings("a.md", &format!("https://{host}/x")), 1, "{host}");
        }
        let mirror = "source = \"registry+https://mirror.example/index\"\n";
        assert_eq!(findings("Cargo.lock", &format!("source = \"{CARGO_INDEX}\"\n{mirror}")), 1);
        assert_eq!(findings("a/package-lock.json", "  \"resolved\": \"https://mirror.example/a.tgz\"\n"), 1);
        assert_eq!(findings("requirements.txt", "a==1 --hash=sha256:00\n--index-url x\n"), 1);
    }

    #[test]
    fn paths_of_a_machine_are_found_and_paths_in_addresses_are_not() {
        for path in MACHINE_PATHS {
            assert_eq!(findings("a.md", &format!("see `{path}somebody/x`")), 1, "{path}");
            assert_eq!(findings("a.md", &format!("https://example.com{path}x and var{path}x")), 0, "{path}");
        }
    }
}
