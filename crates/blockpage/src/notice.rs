//! A notice: what a page says, before it is HTML, plain text or JSON.

use crate::style::{POLICY, STYLE};
use serde_json::json;

/// What a page says: a heading and parts in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The HTTP status.
    pub status: u16,
    /// One word for programs, such as `blocked`.
    pub code: &'static str,
    /// The one heading, which is the page's title too.
    pub title: String,
    /// The picture above it.
    pub picture: Option<Picture>,
    /// What follows, in order.
    pub parts: Vec<Part>,
}

/// One part of a notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// A smaller heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Things to do, in order.
    Steps(Vec<String>),
    /// Text to copy as it is, such as a command.
    Verbatim(String),
    /// Names and values.
    Facts(Vec<(&'static str, String)>),
    /// Where to go next. Shown only when the address is a web address or a path of this server.
    Link {
        /// The words of the link.
        words: String,
        /// Its address.
        to: String,
    },
}

/// A drawing of our own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Picture {
    /// A closed gate with a friendly face.
    Gate,
}

/// In what form a client can show a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A page for a person.
    Html,
    /// A line or two, for images, scripts and programs.
    Text,
    /// For programs that asked for JSON.
    Json,
}

impl Shape {
    /// Chooses by the request's `Sec-Fetch-Dest` (Fetch metadata, W3C) where a browser sends it, else by `Accept`.
    pub fn of(accept: Option<&str>, fetch_dest: Option<&str>) -> Self {
        let accept = accept.unwrap_or_default();
        let page = match fetch_dest {
            Some(dest) => matches!(dest, "document" | "iframe" | "frame" | "object" | "embed"),
            None => accept.contains("text/html"),
        };
        match (page, accept.contains("json")) {
            (true, _) => Self::Html,
            (false, true) => Self::Json,
            (false, false) => Self::Text,
        }
    }
}

/// A finished answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, UTF-8.
    pub body: String,
}

impl Notice {
    /// The notice in the form a client can show.
    pub fn page(&self, shape: Shape) -> Page {
        let (kind, body) = match shape {
            Shape::Html => ("text/html; charset=utf-8", self.html()),
            Shape::Text => ("text/plain; charset=utf-8", self.text()),
            Shape::Json => ("application/json", self.json()),
        };
        let headers = vec![
            ("content-type", kind.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("content-security-policy", POLICY.clone()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("x-robots-tag", "noindex, nofollow".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
        ];
        Page { status: self.status, headers, body }
    }

    fn html(&self) -> String {
        let title = escape(&self.title);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><style>{STYLE}</style></head><body><main>\n"
        );
        if let Some(Picture::Gate) = self.picture {
            html.push_str(GATE);
        }
        html.push_str(&format!("<h1>{title}</h1>\n"));
        for part in &self.parts {
            part.write_html(&mut html);
        }
        html.push_str("</main></body></html>\n");
        html
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for line in self.lines() {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn json(&self) -> String {
        let lines: Vec<String> = self.lines().collect();
        json!({ "error": self.code, "title": self.title, "text": lines }).to_string()
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.parts.iter().flat_map(Part::lines)
    }
}

impl Part {
    fn write_html(&self, html: &mut String) {
        match self {
            Self::Heading(text) => html.push_str(&format!("<h2>{}</h2>\n", escape(text))),
            Self::Text(text) => html.push_str(&format!("<p>{}</p>\n", escape(text))),
            Self::Verbatim(text) => html.push_str(&format!("<pre>{}</pre>\n", escape(text))),
            Self::Steps(steps) => {
                html.push_str("<ol>");
                for step in steps {
                    html.push_str(&format!("<li>{}</li>", escape(step)));
                }
                html.push_str("</ol>\n");
            }
            Self::Facts(facts) => {
                html.push_str("<dl>");
                for (name, value) in facts {
                    html.push_str(&format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value)));
                }
                html.push_str("</dl>\n");
            }
            Self::Link { words, to } if leads_somewhere(to) => {
                html.push_str(&format!(
                    "<p><a class=\"button\" href=\"{}\">{}</a></p>\n",
                    escape(to),
                    escape(words)
                ));
            }
            Self::Link { .. } => {}
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Heading(text) | Self::Text(text) | Self::Verbatim(text) => vec![text.clone()],
            Self::Steps(steps) => steps.clone(),
            Self::Facts(facts) => facts.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
            Self::Link { words, to } if leads_somewhere(to) => vec![format!("{words}: {to}")],
            Self::Link { .. } => Vec::new(),
        }
    }
}

/// True for an address that a browser opens as a page; keeps `javascript:` and its like out.
fn leads_somewhere(to: &str) -> bool {
    ["https://", "http://", "/"].iter().any(|start| to.starts_with(start))
}

/// Escapes text for an element's content and for a double-quoted attribute; control characters become a space.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push('\n'),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

const GATE: &str = concat!(
    r##"<svg viewBox="0 0 120 120" role="img" aria-label="A closed gate">"##,
    r##"<rect x="10" y="34" width="10" height="72" fill="#00623f"/>"##,
    r##"<rect x="100" y="34" width="10" height="72" fill="#00623f"/>"##,
    r##"<rect x="20" y="46" width="80" height="8" fill="#5b8c3e"/>"##,
    r##"<rect x="20" y="92" width="80" height="8" fill="#5b8c3e"/>"##,
    r##"<rect x="30" y="40" width="7" height="64" fill="#5b8c3e"/>"##,
    r##"<rect x="83" y="40" width="7" height="64" fill="#5b8c3e"/>"##,
    r##"<circle cx="60" cy="72" r="22" fill="#ffd95c" stroke="#0b0c0c" stroke-width="2"/>"##,
    r##"<circle cx="52" cy="67" r="3" fill="#0b0c0c"/><circle cx="68" cy="67" r="3" fill="#0b0c0c"/>"##,
    r##"<path d="M51 78 Q60 86 69 78" fill="none" stroke="#0b0c0c" stroke-width="3"/></svg>"##,
    "\n"
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn notice(text: &str) -> Notice {
        Notice {
            status: 403,
            code: "blocked",
            title: text.to_owned(),
            picture: Some(Picture::Gate),
            parts: vec![
                Part::Heading(text.to_owned()),
                Part::Text(text.to_owned()),
                Part::Verbatim(text.to_owned()),
                Part::Steps(vec![text.to_owned()]),
                Part::Facts(vec![("Rule", text.to_owned())]),
                Part::Link { words: text.to_owned(), to: format!("https://{text}") },
            ],
        }
    }

    fn tags(html: &str) -> usize {
        html.matches('<').count()
    }

    proptest! {
        #[test]
        fn no_text_from_outside_ever_becomes_markup(text in any::<String>()) {
            let (plain, outside) = (notice("x").page(Shape::Html).body, notice(&text).page(Shape::Html).body);
            prop_assert_eq!(tags(&plain), tags(&outside));
            prop_assert_eq!(plain.matches('"').count(), outside.matches('"').count());
        }

        #[test]
        fn the_json_form_is_json_whatever_is_in_it(text in any::<String>()) {
            let page = notice(&text).page(Shape::Json);
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&page.body).unwrap()["title"], &text);
        }
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_gets_what_it_asked_for() {
        for (accept, dest, shape) in [
            (Some("text/html,*/*"), None, Shape::Html),
            (Some("*/*"), Some("document"), Shape::Html),
            (Some("text/html"), Some("image"), Shape::Text),
            (Some("application/json, text/plain"), Some("empty"), Shape::Json),
            (None, None, Shape::Text),
        ] {
            assert_eq!(Shape::of(accept, dest), shape, "{accept:?} {dest:?}");
        }
    }

    #[test]
    fn a_page_is_english_has_one_heading_no_script_and_is_never_kept() {
        let page = notice("x").page(Shape::Html);
        assert!(page.body.contains("<html lang=\"en-GB\">") && page.body.contains("width=device-width"));
        assert_eq!(page.body.matches("<h1>").count(), 1);
        assert!(!page.body.contains("<script") && !page.body.contains("style=\""));
        assert!(page.headers.contains(&("cache-control", "no-store".to_owned())));
    }

    #[test]
    fn a_link_that_is_no_web_address_is_left_out() {
        let mut notice = notice("x");
        notice.parts = vec![Part::Link { words: "go".to_owned(), to: "javascript:alert(1)".to_owned() }];
        assert!(!notice.page(Shape::Html).body.contains("javascript"));
        assert!(!notice.page(Shape::Text).body.contains("javascript"));
    }
}
