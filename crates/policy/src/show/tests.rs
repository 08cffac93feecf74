//! Both forms of the readable policy, for each shipped policy.

use super::*;
use crate::file::{SourceText, read};

const FIRST_SCHOOL: &str = include_str!("../../../../policies/first-school.toml");
const TRUST: &str = include_str!("../../../../policies/trust.toml");

fn document(text: &str) -> Document {
    read(&SourceText { name: "policy.toml", text }, None).unwrap()
}

#[test]
fn both_forms_say_who_may_reach_what_and_every_clause() {
    for policy in [FIRST_SCHOOL, TRUST] {
        let document = document(policy);
        for shown in [text(&document), html(&document)] {
            for clause in catalogue().clauses() {
                assert!(shown.contains(&format!("{} ", clause.id)), "{}", clause.id);
            }
            for group in &document.policy.groups {
                assert!(shown.contains(&*group.name), "{}", group.name);
            }
            assert!(shown.contains("Lunch club") && shown.contains("12:10 to 13:00: these open: Games."));
            assert!(shown.contains(document.policy.hash.as_str()));
        }
    }
}

#[test]
fn a_trust_shows_what_each_school_tightens() {
    let shown = text(&document(TRUST));
    assert!(shown.contains("Ashbrook Primary School tightens this for Upper Key Stage 2:"));
    assert!(shown.contains("Morning study"));
}

#[test]
fn plain_text_keeps_to_its_width() {
    let shown = text(&document(FIRST_SCHOOL));
    let too_long = |line: &&str| {
        line.chars().count() > 100 && line.trim().contains(' ') && !line.contains("Fingerprint")
    };
    assert_eq!(shown.lines().find(too_long), None);
}

#[test]
fn the_page_is_whole_in_itself_and_its_tables_name_rows_and_columns() {
    let page = html(&document(FIRST_SCHOOL));
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en-GB\">"));
    assert_eq!(page.matches("<h1").count(), 1);
    assert_eq!(page.matches("<table>").count(), page.matches("<caption").count());
    assert!(page.contains("<th scope=\"col\">") && page.contains("<th scope=\"row\">"));
    for outside in ["<script", "src=", "http://", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    for tag in ["table", "tr", "ul", "li", "p", "h2", "h3", "main", "nav", "div"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn whatever_a_document_says_arrives_escaped() {
    let text = FIRST_SCHOOL.replace("name = \"Infants\"", "name = \"<b onclick='x'>Infants & \\\"co\\\"\"");
    let page = html(&document(&text));
    assert!(page.contains("&lt;b onclick=&#39;x&#39;&gt;Infants &amp; &quot;co&quot;"));
    assert!(!page.contains("<b "));
}
