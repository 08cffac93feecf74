//! What forms are made of: a field with what was typed and what is wrong with it, choices, and the error summary.

use serde::Serialize;
use url::form_urlencoded;

/// One field: what was typed, and what is wrong with it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Field {
    /// What was typed.
    pub value: String,
    /// One sentence; empty when nothing is wrong.
    pub problem: String,
}

impl Field {
    /// The field `name`, with the first of `problems` that is about it.
    pub(crate) fn of(name: &str, value: String, problems: &[(String, String)]) -> Self {
        let problem = problems.iter().find(|(field, _)| field == name);
        Self { value, problem: problem.map(|(_, text)| text.clone()).unwrap_or_default() }
    }
}

/// One line of the error summary, with the names that the component gives its options.
#[derive(Debug, Serialize)]
pub(crate) struct SummaryLine {
    /// The sentence.
    pub text: String,
    /// The field it is about, as a link on this page.
    pub href: String,
}

/// The error summary: empty when nothing is wrong.
pub(crate) fn summary(problems: &[(String, String)]) -> Vec<SummaryLine> {
    problems
        .iter()
        .map(|(field, text)| {
            // Where a list was to go on is in the address alone, not in a field.
            let place = if field == "page" { "main-content" } else { field };
            SummaryLine { text: text.clone(), href: format!("#{place}") }
        })
        .collect()
}

/// One choice of a list, with the names that the component gives its options.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub text: String,
    /// True for the one that was chosen.
    pub selected: bool,
}

/// A list of choices with `chosen` marked: value and text, in order.
pub(crate) fn choices<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>, chosen: &str) -> Vec<Choice> {
    all.into_iter()
        .map(|(value, text)| Choice {
            value: value.to_owned(),
            text: text.to_owned(),
            selected: value == chosen,
        })
        .collect()
}

/// A link with a query of the pairs whose value is not empty: `/history?outcome=blocked`.
pub(crate) fn link(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leaves_out_what_is_empty_and_escapes_the_rest() {
        assert_eq!(link("/history", &[("person", "")]), "/history");
        assert_eq!(
            link("/history", &[("person", "a b"), ("host", "x&y"), ("from", "")]),
            "/history?person=a+b&host=x%26y"
        );
    }

    #[test]
    fn a_field_carries_its_own_problem_only() {
        let problems = [("from".to_owned(), "Enter a date".to_owned())];
        assert_eq!(Field::of("from", "x".to_owned(), &problems).problem, "Enter a date");
        assert_eq!(Field::of("until", "x".to_owned(), &problems).problem, "");
        assert_eq!(summary(&problems)[0].href, "#from");
    }
}
