//! What is round every page: the school's name, the way to the other screens, who is signed in, and warnings.

use crate::assets;
use app::views::FrameView;
use serde::Serialize;

/// The frame of one page.
#[derive(Debug, Serialize)]
pub(crate) struct Frame {
    /// The school's or trust's name.
    pub organisation: String,
    /// Where its name in the header leads.
    pub home: &'static str,
    /// The person signed in; empty when nobody is.
    pub person_name: String,
    /// What they are, in words.
    pub role_title: String,
    /// The screens they may open.
    pub navigation: Vec<NavigationItem>,
    /// What everybody signed in must know.
    pub warnings: Vec<String>,
    /// Where the style sheet and the script are.
    pub assets: String,
    /// The proxy's page on the school's certificate, where there is one.
    pub certificate_page: String,
}

/// One screen in the navigation, with the names that the component gives its options.
#[derive(Debug, Serialize)]
pub(crate) struct NavigationItem {
    /// Its path.
    pub href: String,
    /// Its title.
    pub text: String,
    /// True on that very page.
    pub current: bool,
    /// True on a page below it.
    pub active: bool,
}

/// Pages that lie below a screen though their path does not say so.
const BELOW: [(&str, &str); 1] = [("/administrators", "/people")];

impl Frame {
    /// The frame round the page at `path`.
    pub(crate) fn of(view: FrameView, path: &str, certificate_page: &str) -> Self {
        let signed_in = !view.person_name.is_empty();
        let above = BELOW.iter().find(|(page, _)| *page == path).map(|(_, screen)| *screen);
        let navigation = view
            .screens
            .into_iter()
            .map(|(href, text)| {
                let below =
                    href != "/" && path.strip_prefix(href.as_str()).is_some_and(|s| s.starts_with('/'));
                let active = below || above == Some(href.as_str());
                NavigationItem { current: href == path, active, href, text }
            })
            .collect();
        Self {
            organisation: view.organisation,
            home: if signed_in || !path.starts_with("/web/") { "/" } else { "/web/sign-in" },
            person_name: view.person_name,
            role_title: view.role_title,
            navigation,
            // A visitor or a pupil can do nothing about a warning, and need not know of a weakness.
            warnings: if signed_in { view.warnings } else { Vec::new() },
            assets: assets::prefix(),
            certificate_page: certificate_page.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_for_those_who_are_signed_in() {
        let view = |name: &str| FrameView {
            organisation: "Willow First School".to_owned(),
            person_name: name.to_owned(),
            role_title: String::new(),
            screens: vec![
                ("/".to_owned(), "Home".to_owned()),
                ("/policy".to_owned(), "The policy".to_owned()),
            ],
            warnings: vec!["The new policy could not be read.".to_owned()],
        };
        assert!(Frame::of(view(""), "/web/sign-in", "").warnings.is_empty());
        let frame = Frame::of(view("Alex Sample"), "/policy/FLT-2", "");
        assert_eq!(frame.warnings.len(), 1);
        let marks: Vec<_> = frame.navigation.iter().map(|item| (item.current, item.active)).collect();
        assert_eq!(marks, [(false, false), (false, true)]);
        let people = vec![("/".to_owned(), "Home".to_owned()), ("/people".to_owned(), "People".to_owned())];
        let frame = Frame::of(FrameView { screens: people, ..view("Alex Sample") }, "/administrators", "");
        let marks: Vec<_> = frame.navigation.iter().map(|item| (item.current, item.active)).collect();
        assert_eq!(marks, [(false, false), (false, true)], "administrators are reached from people");
    }
}
