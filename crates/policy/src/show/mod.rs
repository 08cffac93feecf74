//! The readable policy, for a meeting or a noticeboard: plain text, or one HTML page.
//!
//! Front page, who may reach what, lists, records, passwords, posts, reviews, then every clause with its values. Left
//! out: the state of each clause, which only the running system knows; signatures.
//!
//! Invariants: both forms say the same in the same order; whatever a document says arrives escaped.

mod html;
mod page;
mod rules;
mod text;

use crate::clauses::{Clause, catalogue, joined, words};
use crate::file::{Document, Facts, RoleName, described, show_date};
use model::HowMet;
use page::Block;

/// The readable policy as plain text.
pub fn text(document: &Document) -> String {
    text::render(&blocks(document))
}

/// The readable policy as one HTML page that needs nothing else.
pub fn html(document: &Document) -> String {
    html::render(&document.facts.edition.title, &blocks(document))
}

fn blocks(document: &Document) -> Vec<Block> {
    let mut blocks = front_page(document);
    blocks.extend(rules::blocks(document));
    blocks.extend(records_and_passwords(document));
    blocks.extend(people(&document.facts));
    for area in &catalogue().areas {
        blocks.push(Block::heading(2, format!("{}: {}", area.prefix, area.title)));
        for clause in &area.clauses {
            blocks.extend(clause_blocks(clause, document));
        }
    }
    blocks
}

fn front_page(document: &Document) -> Vec<Block> {
    let facts = &document.facts;
    let edition = &facts.edition;
    let schools: Vec<String> = document.policy.schools.iter().map(|school| school.name.to_string()).collect();
    let phases: Vec<String> = edition.phases.iter().map(|phase| phase.words().to_owned()).collect();
    let mut rows = vec![["Version".to_owned(), edition.version.clone()]];
    rows.extend(edition.trust.iter().map(|trust| ["Trust".to_owned(), trust.clone()]));
    rows.extend([
        ["School".to_owned(), joined(&schools)],
        ["Phases".to_owned(), joined(&phases)],
        ["Written by".to_owned(), edition.author.0.title().to_owned()],
        ["To be approved by".to_owned(), edition.approved_by.0.title().to_owned()],
        ["Dated".to_owned(), show_date(&edition.approved_on.0)],
        ["To be reviewed by".to_owned(), show_date(&edition.review_on.0)],
        ["Fingerprint".to_owned(), document.policy.hash.to_string()],
    ]);
    let mut blocks =
        vec![Block::heading(1, edition.title.as_str()), Block::table("Front page", ["What", "Says"], rows)];
    if let Some(settings) = &facts.settings {
        blocks.push(Block::paragraph(format!(
            "Settings revision {} is applied, dated {}, for the {} to approve: {}",
            settings.revision,
            show_date(&settings.approved_on.0),
            settings.approved_by.0.title().to_lowercase(),
            settings.why
        )));
    }
    let changes = edition
        .change
        .iter()
        .map(|change| [change.version.clone(), show_date(&change.on.0), change.what.clone()]);
    blocks.push(Block::table("Changes", ["Version", "Date", "What changed"], changes.collect()));
    blocks
}

fn records_and_passwords(document: &Document) -> Vec<Block> {
    let section = |(title, name, kind): (&str, &str, &str)| {
        let fields = document.words().get(name).and_then(|section| section.as_object());
        let rows = fields.into_iter().flatten().map(|(field, value)| [described(kind, field), words(value)]);
        [Block::heading(2, title), Block::table(title, ["Setting", "Value"], rows.collect())]
    };
    let sections = [
        ("How long records are kept, in days", "retention", "Retention"),
        ("Passwords", "passwords", "Passwords"),
        ("After wrong passwords", "lockout", "Lockout"),
        ("Accounts and access", "access", "Access"),
        ("What leaders may change without a new edition, and who approves it", "bounds", "Bounds"),
    ];
    sections.into_iter().flat_map(section).collect()
}

fn people(facts: &Facts) -> Vec<Block> {
    let title = |role: &RoleName| role.0.title().to_owned();
    let posts = facts.posts.iter().map(|post| {
        let required = if post.required { "Must be held" } else { "May be vacant" };
        [title(&post.role), post.at.words().to_owned(), required.to_owned(), post.duty.clone()]
    });
    let reviews = facts.reviews.iter().map(|review| {
        [
            review.what.clone(),
            format!("{} months", review.every_months),
            title(&review.owner),
            show_date(&review.next.0),
        ]
    });
    let documents = facts.documents.iter().map(|document| {
        [
            document.title.clone(),
            document.version.clone(),
            show_date(&document.review_on.0),
            document.link.clone(),
        ]
    });
    vec![
        Block::heading(2, "Posts"),
        Block::table("Posts", ["Post", "Held at", "Vacancy", "What it is for"], posts.collect()),
        Block::heading(2, "Reviews"),
        Block::table("Reviews", ["What", "Every", "Asked of", "Next"], reviews.collect()),
        Block::heading(2, "Documents that belong with this policy"),
        Block::table("Documents", ["Title", "Version", "Review", "Where"], documents.collect()),
    ]
}

fn clause_blocks(clause: &Clause, document: &Document) -> Vec<Block> {
    let how: Vec<String> = clause.how.iter().map(|how| how_words(*how).to_owned()).collect();
    let mut blocks = vec![
        Block::heading(3, format!("{} {}", clause.id, clause.title)),
        Block::paragraph(clause.filled(document)),
        Block::paragraph(format!("How it is met ({}): {}", joined(&how), clause.met_by)),
    ];
    let shown = clause.shown_settings(document);
    if !shown.is_empty() {
        blocks.push(Block::Points(
            shown.into_iter().map(|(name, value)| format!("{name} = {value}")).collect(),
        ));
    }
    blocks.push(Block::paragraph(format!("Asked of: {}", clause.owner.title())));
    blocks
}

fn how_words(how: HowMet) -> &'static str {
    match how {
        HowMet::Enforce => "enforced",
        HowMet::Measure => "measured",
        HowMet::Record => "recorded",
    }
}

#[cfg(test)]
mod tests;
