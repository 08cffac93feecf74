//! The block page: the words for each stage.

use crate::{Links, Notice, Part, Picture};
use model::{Category, Host, Layer, Outcome, Stage, Verdict};

/// What of a verdict the block page speaks of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockView {
    /// The words to speak in.
    pub stage: Stage,
    /// The layer that decided.
    pub layer: Layer,
    /// The category, where a list decided.
    pub category: Option<Category>,
    /// True when somebody in particular, or a group of equipment or a network, was decided for.
    pub known: bool,
    /// For adults only: names and values of the rule.
    facts: Vec<(&'static str, String)>,
}

impl BlockView {
    /// Takes from a verdict about `host` what the page for its stage may show.
    pub fn of(verdict: &Verdict, host: &Host) -> Self {
        let reason = &verdict.reason;
        let mut facts = Vec::new();
        if verdict.stage == Stage::Adults {
            facts.push(("Address", host.to_string()));
            facts.push(("Rule", reason.sentence(Outcome::Block)));
            if let Some(category) = reason.category {
                facts.push(("Category", category.title().to_owned()));
            }
            if let (Some(found), true) = (&reason.list, reason.layer != Layer::Illegal) {
                facts.push(("List", format!("{}, line {}", found.list, found.line)));
            }
            let policy: String = verdict.revisions.policy.as_str().chars().take(12).collect();
            facts.push(("Version of the lists", verdict.revisions.lists.to_string()));
            facts.push(("Version of the policy", policy));
            facts.push(("Why these rules", reason.membership.because()));
        }
        Self {
            stage: verdict.stage,
            layer: reason.layer,
            category: reason.category,
            known: reason.group.is_some(),
            facts,
        }
    }

    /// False for illegal content: nobody is asked to open it, and signing in opens nothing.
    fn may_be_opened(&self) -> bool {
        self.layer != Layer::Illegal
    }

    fn offers_help(&self) -> bool {
        self.category.is_some_and(Category::offers_help)
    }
}

/// The block page.
pub fn blocked(view: &BlockView, links: &Links) -> Notice {
    let mut notice = match view.stage {
        Stage::Infants => for_infants(view, links),
        Stage::Juniors => for_juniors(view, links),
        Stage::Secondary => for_secondary(view, links),
        Stage::Adults => for_adults(view, links),
    };
    if let (false, true, Some(to)) = (view.known, view.may_be_opened(), &links.sign_in) {
        notice.parts.push(Part::Link { words: "Sign in".to_owned(), to: to.clone() });
    }
    notice
}

/// One sentence and a picture; nothing to read on.
fn for_infants(view: &BlockView, links: &Links) -> Notice {
    let title = if view.offers_help() {
        format!("This page is closed, so please talk to {}, or call Childline on 0800 1111.", links.people())
    } else {
        "This page is closed, so please ask your teacher.".to_owned()
    };
    notice(title, Some(Picture::Gate), Vec::new())
}

fn for_juniors(view: &BlockView, links: &Links) -> Notice {
    let mut parts = help(view, links);
    parts.push(Part::Text(format!(
        "The school\u{2019}s filter keeps it closed because {}.",
        child_reason(view)
    )));
    parts.push(Part::Heading("What you can do".to_owned()));
    if view.may_be_opened() {
        parts.push(Part::Text("If you need it for your work, ask your teacher.".to_owned()));
        parts.push(Part::Text("If you think it should be open, tell your teacher.".to_owned()));
        parts.extend(report(links, "Tell us it should be open"));
    }
    if !view.offers_help() {
        parts.push(Part::Text(
            "If something online worries you, talk to an adult you trust. You are not in trouble.".to_owned(),
        ));
    }
    notice("This page is not available at school".to_owned(), Some(Picture::Gate), parts)
}

fn for_secondary(view: &BlockView, links: &Links) -> Notice {
    let mut parts = help(view, links);
    parts.push(Part::Text(format!("The school\u{2019}s filter blocks it because {}.", child_reason(view))));
    if view.may_be_opened() {
        parts.push(Part::Facts(vec![("Rule", view.layer.title().to_owned())]));
    }
    parts.push(Part::Heading("What you can do".to_owned()));
    if view.may_be_opened() {
        parts.push(Part::Text(
            "If you need it for your studies, ask your teacher to have it opened.".to_owned(),
        ));
        parts.push(Part::Text("If it is blocked by mistake, report it.".to_owned()));
        parts.extend(report(links, "Report a mistake or ask for this page"));
    }
    if !view.offers_help() {
        parts.push(Part::Text(
            "If something online worries you, talk to an adult you trust, or call Childline on 0800 1111."
                .to_owned(),
        ));
    }
    notice("This page is not available".to_owned(), None, parts)
}

fn for_adults(view: &BlockView, links: &Links) -> Notice {
    let mut parts = help(view, links);
    parts.push(Part::Text("The school\u{2019}s filtering policy blocks it.".to_owned()));
    parts.push(Part::Facts(view.facts.clone()));
    parts.push(Part::Heading("What you can do".to_owned()));
    if view.may_be_opened() {
        parts.push(Part::Text(
            "If you need it for teaching or for your work, ask for it. If it is blocked by mistake, report it; \
             quote the rule above."
                .to_owned(),
        ));
        parts.extend(report(links, "Ask for this page or report a mistake"));
    }
    parts.push(Part::Text(
        "If what you were looking for concerns a pupil\u{2019}s safety, tell the designated safeguarding lead."
            .to_owned(),
    ));
    notice("This page is not available".to_owned(), None, parts)
}

/// Where the category is one that people search in distress: the school's own people first, then the help lines.
fn help(view: &BlockView, links: &Links) -> Vec<Part> {
    if !view.offers_help() {
        return Vec::new();
    }
    vec![
        Part::Heading("You are not alone: get help".to_owned()),
        Part::Steps(vec![
            format!("Talk to {}. They will listen.", links.people()),
            "Childline, for anyone under 19: call 0800 1111, free, at any time.".to_owned(),
            "Samaritans, for everybody: call 116 123, free, at any time.".to_owned(),
            "If somebody is in danger now, call 999.".to_owned(),
        ]),
    ]
}

/// Why, in half a sentence a child may read.
fn child_reason(view: &BlockView) -> String {
    let words = view.category.map(Category::child_words);
    match (view.layer, words) {
        (Layer::Illegal, _) => "it is closed for everybody".to_owned(),
        (Layer::ClosedWindow, _) => "it is not open at this time of day".to_owned(),
        (Layer::Circumvention, words) => {
            format!("it is about {}", words.unwrap_or("ways round the school\u{2019}s filter"))
        }
        (Layer::Category, Some(words)) => format!("it may be about {words}"),
        (Layer::FileType, _) => "files of this kind are not opened here".to_owned(),
        (Layer::Upload, _) => "things are not sent there from here".to_owned(),
        (Layer::Malware, _) => "the file could harm this computer".to_owned(),
        (Layer::Default, _) => "it is not one of the pages that are open for you".to_owned(),
        _ => "the school has decided so".to_owned(),
    }
}

fn report(links: &Links, words: &str) -> Option<Part> {
    links.report.as_ref().map(|to| Part::Link { words: words.to_owned(), to: to.clone() })
}

fn notice(title: String, picture: Option<Picture>, parts: Vec<Part>) -> Notice {
    Notice { status: 403, code: "blocked", title, picture, parts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;
    use model::{
        Group, GroupId, Inspection, ListId, ListLine, Membership, PolicyHash, Reason, Revisions, YearGroup,
    };

    fn verdict(stage: Stage, layer: Layer, category: Option<Category>) -> Verdict {
        Verdict {
            outcome: Outcome::Block,
            reason: Reason {
                layer,
                category,
                list: Some(ListLine { list: ListId::new("ut1-tree"), line: 41 }),
                entry: Some("casino-night.example".into()),
                why: Some("a parent asked".into()),
                group: Some(Group { id: GroupId::new("year-3"), name: "Lower KS2".into() }),
                membership: Membership::Year(YearGroup::parse("3").unwrap()),
            },
            inspection: Inspection::Inspect,
            rewrite: None,
            answer: model::DnsAnswer::AsUsual,
            stage,
            revisions: Revisions {
                policy: PolicyHash::new("ab".repeat(32)),
                lists: "0123456789abcdef".into(),
            },
        }
    }

    fn page(stage: Stage, layer: Layer, category: Option<&str>) -> String {
        let verdict = verdict(stage, layer, category.map(|slug| Category::parse(slug).unwrap()));
        let host = Host::parse("harmful-words.example").unwrap();
        blocked(&BlockView::of(&verdict, &host), &Links::default()).page(Shape::Html).body
    }

    #[test]
    fn each_stage_reads_its_own_words() {
        for (stage, words) in [
            (Stage::Infants, "This page is closed, so please ask your teacher."),
            (Stage::Juniors, "it may be about betting games for adults"),
            (Stage::Secondary, "<dt>Rule</dt><dd>Blocked categories</dd>"),
            (Stage::Adults, "<dt>Category</dt><dd>Gambling</dd>"),
            (Stage::Adults, "<dt>List</dt><dd>ut1-tree, line 41</dd>"),
            (Stage::Adults, "<dd>0123456789abcdef</dd>"),
        ] {
            assert!(page(stage, Layer::Category, Some("gambling")).contains(words), "{stage:?}: {words}");
        }
    }

    #[test]
    fn an_infant_gets_one_sentence_and_a_picture() {
        for category in ["gambling", "self-harm-suicide"] {
            let page = page(Stage::Infants, Layer::Category, Some(category));
            assert!(page.contains("<svg") && !page.contains("<p>") && !page.contains("<h2>"));
            let title = page.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
            assert_eq!(title.matches('.').count(), 1, "{title}");
        }
    }

    #[test]
    fn no_child_reads_a_category_s_adult_title_a_list_an_entry_or_the_host() {
        for stage in [Stage::Infants, Stage::Juniors, Stage::Secondary] {
            for layer in Layer::ALL {
                for category in Category::all() {
                    let page = page(stage, layer, Some(category.slug()));
                    let text = page.split("<h1>").nth(1).unwrap();
                    let said_in_child_words =
                        category.child_words().contains(&category.title().to_lowercase());
                    // The rule's own name may be read, and one is called as a category is.
                    let is_rule = layer.title() == category.title();
                    let is_said = said_in_child_words || is_rule;
                    assert!(is_said || !text.contains(category.title()), "{}", category.title());
                    for adult in ["harmful-words", "ut1-tree", "casino-night", "parent asked", "Lower KS2"] {
                        assert!(!text.contains(adult), "{stage:?} {layer:?}: {adult}");
                    }
                }
            }
        }
    }

    #[test]
    fn where_people_search_in_distress_the_school_comes_first_then_the_help_lines() {
        for stage in [Stage::Juniors, Stage::Secondary, Stage::Adults] {
            let page = page(stage, Layer::Category, Some("self-harm-suicide"));
            let at = |words: &str| page.find(words).unwrap_or_else(|| panic!("{stage:?}: {words}"));
            assert!(at("adult you trust at school") < at("0800 1111"));
            assert!(at("0800 1111") < at("116 123"));
            assert!(at("116 123") < at("What you can do"));
        }
        assert!(page(Stage::Infants, Layer::Category, Some("abuse-exploitation")).contains("0800 1111"));
    }

    #[test]
    fn nobody_is_told_which_line_of_the_illegal_list_it_was() {
        let page = page(Stage::Adults, Layer::Illegal, Some("illegal"));
        assert!(page.contains("it is on the list of illegal content") && !page.contains("ut1-tree"));
    }

    #[test]
    fn somebody_who_is_not_known_can_sign_in_and_somebody_known_is_not_asked_to() {
        let links =
            Links { sign_in: Some("https://gate.example/web-sign-in".to_owned()), ..Links::default() };
        for stage in Stage::ALL {
            let mut verdict = verdict(stage, Layer::Default, None);
            let host = Host::parse("a.example").unwrap();
            let html =
                |verdict: &Verdict| blocked(&BlockView::of(verdict, &host), &links).page(Shape::Html).body;
            assert!(!html(&verdict).contains("web-sign-in"));
            verdict.reason.group = None;
            assert!(html(&verdict).contains("href=\"https://gate.example/web-sign-in\">Sign in</a>"));
        }
    }

    #[test]
    fn nobody_is_asked_to_open_illegal_content_or_to_sign_in_for_it() {
        let links =
            Links { sign_in: Some("/in".into()), report: Some("/report".into()), trusted_people: None };
        for stage in Stage::ALL {
            let mut verdict = verdict(stage, Layer::Illegal, Category::parse("illegal"));
            verdict.reason.membership = model::Membership::Unknown;
            let view = BlockView::of(&verdict, &Host::parse("illegal.example").unwrap());
            let page = blocked(&view, &links).page(Shape::Html).body;
            for words in ["Sign in", "should be open", "ask for it", "report it", "Report"] {
                assert!(!page.contains(words), "{stage:?}: {words}");
            }
        }
    }
}
