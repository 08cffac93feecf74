//! Checks of a list that take more than one of its keys to see: what its names mean, where it is, and how it is proved.

use super::choices::FormatChoice;
use super::edition::ListFile;
use super::problem::{Findings, Miss, quoted};
use super::values::At;
use model::Category;
use url::Url;

/// Formats whose every line stands in the one category of the list, as illegal content must. (Comma-separated values may
/// name another category a row, but not in a list of illegal content: there that column is not read.)
const FORMATS_OF_ONE_CATEGORY: [FormatChoice; 8] = [
    FormatChoice::Domains,
    FormatChoice::DomainsExact,
    FormatChoice::Hosts,
    FormatChoice::Rpz,
    FormatChoice::Urls,
    FormatChoice::Addresses,
    FormatChoice::Csv,
    FormatChoice::Hashes,
];

/// Reports the mistakes of a list.
pub(crate) fn check(list: &ListFile, findings: &mut Findings<'_>) {
    check_meaning(list, findings);
    check_place(list, findings);
    check_credentials(list, findings);
    check_proof(list, findings);
    check_rewrites(list, findings);
}

/// Its category or folders.
fn check_meaning(list: &ListFile, findings: &mut Findings<'_>) {
    let id = list.id.span();
    match (list.format, &list.category) {
        (FormatChoice::Ut1 | FormatChoice::Starter, Some(category)) => {
            let expected = format!("no `category` for {}: its own parts say", list.format.words());
            findings.error(&category.span(), Miss::new(expected, quoted(category.0.slug())));
        }
        (format, Some(category))
            if category.0 == Category::ILLEGAL && !FORMATS_OF_ONE_CATEGORY.contains(&format) =>
        {
            let slugs = FORMATS_OF_ONE_CATEGORY.iter().map(|format| format.slug()).collect::<Vec<_>>();
            let expected = format!(
                "a list of illegal content in one of {}, whose every line is in its one category",
                slugs.join(", ")
            );
            findings.error(&category.span(), Miss::new(expected, quoted(format.slug())));
        }
        (FormatChoice::Ut1 | FormatChoice::Starter, None) | (_, Some(_)) => {}
        (_, None) => findings
            .error(&id, Miss::new("`category`: what the names of this list mean", "nothing of that name")),
    }
    match (list.format, list.folders.is_empty()) {
        (FormatChoice::Ut1, true) => {
            let expected = "`folders`: which folder of the tree is which category";
            findings.error(&id, Miss::new(expected, "nothing of that name"));
        }
        (FormatChoice::Ut1, false) | (_, true) => {}
        (_, false) => findings.error(
            &id,
            Miss::new("`folders` for a ut1 tree alone", format!("`folders` for {}", list.format.words())),
        ),
    }
}

/// Its source.
fn check_place(list: &ListFile, findings: &mut Findings<'_>) {
    let source = list.source.as_str();
    let is_starter = list.format == FormatChoice::Starter;
    if is_starter != (source == "starter") {
        let expected = if is_starter { "the source \"starter\"" } else { "a folder, a file or an address" };
        findings.error(&list.source.span(), Miss::new(expected, quoted(source)));
    }
    if !source.contains("://") {
        return;
    }
    let url = Url::parse(source).ok().filter(Url::has_host);
    let is_web = url.as_ref().is_some_and(|url| matches!(url.scheme(), "http" | "https"));
    let is_zone = url.as_ref().is_some_and(|url| url.scheme() == "rpz" && url.path().len() > 1);
    if list.format == FormatChoice::Rpz && !is_web && !is_zone {
        let expected = "an address that begins with https:// or http://, or rpz://SERVER/ZONE";
        findings.error(&list.source.span(), Miss::new(expected, quoted(source)));
    } else if list.format != FormatChoice::Rpz && !is_web {
        let expected = "an address that begins with https:// or http://";
        findings.error(&list.source.span(), Miss::new(expected, quoted(source)));
    }
    if url.is_some_and(|url| !url.username().is_empty() || url.password().is_some()) {
        let expected =
            "an address without a name or password; they belong into a file that `credentials` names";
        findings.error(&list.source.span(), Miss::new(expected, "them in the policy, for everybody to read"));
    }
}

/// What opens its source.
fn check_credentials(list: &ListFile, findings: &mut Findings<'_>) {
    let Some(credentials) = &list.credentials else { return };
    let source = list.source.as_str();
    if !source.starts_with("https://") && !source.starts_with("rpz://") {
        let expected =
            "`credentials` for a source that begins with https:// or rpz://, since they go nowhere else";
        findings.error(&credentials.span(), Miss::new(expected, quoted(source)));
    }
}

/// What proves its content.
fn check_proof(list: &ListFile, findings: &mut Findings<'_>) {
    let expected = "a proof for one file alone: an https:// address, a file or an archive";
    let has_no_content = list.format == FormatChoice::Starter || list.source.starts_with("rpz://");
    let proofs = [list.sha256.as_ref().map(At::span), list.minisign_key.as_ref().map(At::span)];
    for span in proofs.into_iter().flatten().filter(|_| has_no_content) {
        findings.error(&span, Miss::new(expected, quoted(list.source.as_str())));
    }
}

/// Whether it may answer otherwise than with a block.
fn check_rewrites(list: &ListFile, findings: &mut Findings<'_>) {
    let Some(rewrites) = list.rewrites.as_ref().filter(|rewrites| ***rewrites) else { return };
    if !matches!(list.format, FormatChoice::AdGuard | FormatChoice::Rpz) {
        let expected = "`rewrites` for adguard or rpz alone: no other format answers with anything";
        findings.error(&rewrites.span(), Miss::new(expected, quoted(list.format.slug())));
    }
}
