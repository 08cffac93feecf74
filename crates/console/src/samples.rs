//! A sample of every page in every state it has, and the test that renders them all. The templates are strict: one that
//! names what its view does not have fails here. Names and schools are made up.

use crate::pages::Frame;
use crate::pages::explain::ExplainPage;
use crate::pages::home::HomePage;
use crate::pages::inspection::{HostPage, InspectionPage, InspectionQuestion};
use crate::pages::lists::{GoBackPage, List, ListsPage};
use crate::pages::policy::{Clause, Narrowing, PolicyPage};
use crate::pages::sign_in::SignInPage;
use crate::pages::web::WebSignInPage;
use crate::problem::Problem;
use crate::templates::Templates;
use crate::{
    samples_access, samples_classes, samples_exports, samples_factors, samples_history, samples_holds,
    samples_imports, samples_people, samples_work,
};
use app::ScanSeen;
use app::views::{
    AreaView, AuthorityView, BypassProposalView, ClauseView, DismissedView, ExplainAnswer, ExplainQuestion,
    ExplainView, FigureView, FrameView, HealthView, HomeView, ImageView, InfantWaysView, InspectionView,
    LeftOutView, ListView, ListsView, NeedView, PolicyView, RefusedView, StepView, SuggestionView,
    WebSignInView,
};
use model::{ClauseState, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// A text that would be markup if anything let it through.
pub(crate) const HOSTILE: &str = "\"><script>alert('x')</script><b a='";

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T10:15:00Z").unwrap()
}

fn frame(person_name: &str, path: &str) -> Frame {
    let screens = [("/", "Home"), ("/policy", "The policy"), ("/history", "History"), ("/why", "Why?")];
    let view = FrameView {
        organisation: "Willow First School".to_owned(),
        person_name: person_name.to_owned(),
        role_title: "Headteacher".to_owned(),
        screens: screens
            .into_iter()
            .filter(|_| !person_name.is_empty())
            .map(|(path, title)| (path.to_owned(), title.to_owned()))
            .collect(),
        warnings: vec![format!("The new policy could not be read. {HOSTILE}")],
    };
    Frame::of(view, path, "http://gate.school.example:8080/certificate")
}

fn homes() -> Vec<HomePage> {
    let need = |urgency: &str| NeedView {
        title: "No list of illegal content is loaded".to_owned(),
        detail: "Clause FLT-2 fails until one is. Ask your technician.".to_owned(),
        link: "/policy/FLT-2".to_owned(),
        urgency: urgency.to_owned(),
    };
    let part = |state: &str| HealthView {
        name: "DNS server".to_owned(),
        state: state.to_owned(),
        detail: "Answered its own question".to_owned(),
        checked: now().plus_ms(-90_000),
    };
    let figure =
        |link: &str| FigureView { label: "requests".to_owned(), value: 18_204, link: link.to_owned() };
    let busy = HomeView {
        needs: ["urgent", "soon", "note"].map(need).into(),
        quiet_since: None,
        figures: ["/history", ""].map(figure).into(),
        health: ["Working", "Not working", "Unknown"].map(part).into(),
    };
    let empty = HomeView { needs: Vec::new(), quiet_since: None, figures: Vec::new(), health: Vec::new() };
    let quiet = HomeView { quiet_since: Some(now()), ..empty.clone() };
    [busy, empty, quiet].map(|view| HomePage::of(view, now())).into()
}

fn clause(id: &str, state: ClauseState) -> ClauseView {
    ClauseView {
        id: id.to_owned(),
        title: format!("Illegal content is always blocked {HOSTILE}"),
        text: "Illegal content is blocked for everybody, always.".to_owned(),
        how: vec!["enforced".to_owned(), "measured".to_owned()],
        met_by: "The first layer of every decision".to_owned(),
        settings: vec![("lists".to_owned(), "starter".to_owned())],
        state,
        owner: "Designated safeguarding lead".to_owned(),
    }
}

fn clauses() -> Vec<ClauseView> {
    let (checked, evidence) = (now().plus_ms(-3 * 3_600_000), "No member list is loaded.".to_owned());
    let bare = ClauseView { settings: Vec::new(), met_by: String::new(), ..clause("FLT-4", unknown()) };
    vec![
        clause("FLT-2", ClauseState::Fail { checked, evidence: evidence.clone() }),
        clause("FLT-3", ClauseState::Pass { checked, evidence }),
        bare,
    ]
}

fn unknown() -> ClauseState {
    ClauseState::Unknown { why: "Nothing checks this yet.".to_owned() }
}

fn policy() -> PolicyView {
    let area = |title: &str, prefix: &str, clauses| AreaView {
        title: title.to_owned(),
        prefix: prefix.to_owned(),
        clauses,
    };
    PolicyView {
        title: "Technical security policy".to_owned(),
        version: "1.0".to_owned(),
        approved_by: "Governors".to_owned(),
        approved_at: Some(now()),
        review_due: "1 September 2027".to_owned(),
        hash: "ab".repeat(32),
        proposal_waiting: true,
        passes: 1,
        fails: 1,
        excepted: 0,
        unknowns: 2,
        areas: vec![
            area("Filtering", "FLT", clauses()),
            area("Responsibility", "GOV", vec![clause("GOV-1", unknown())]),
        ],
    }
}

fn policies() -> Vec<PolicyPage> {
    let unapproved = PolicyView { approved_at: None, proposal_waiting: false, ..policy() };
    let asked = |state: &str, area: &str| Narrowing { state: state.to_owned(), area: area.to_owned() };
    vec![
        PolicyPage::of(policy(), &Narrowing::default(), now()),
        PolicyPage::of(unapproved, &asked("fail", "FLT"), now()),
        PolicyPage::of(policy(), &asked("pass", "GOV"), now()),
    ]
}

fn explanations() -> Vec<ExplainPage> {
    let step = |decided| StepView { layer: "Games".to_owned(), found: HOSTILE.to_owned(), decided };
    let answer = |verdict: &str| ExplainAnswer {
        verdict: verdict.to_owned(),
        sentence: "Blocked for the group Upper Key Stage 2: the category Games".to_owned(),
        who: "Robin Sample is a learner in year group 5.".to_owned(),
        steps: vec![step(false), step(true)],
        inspection: "Encrypted connections are opened, read and closed again.".to_owned(),
        revisions: "Policy ab, lists cd".to_owned(),
    };
    let asked = |who: &str, verdict: Option<&str>, problems: &[&str]| {
        ExplainPage::of(ExplainView {
            question: ExplainQuestion {
                who: who.to_owned(),
                url: HOSTILE.to_owned(),
                at: String::new(),
                event: String::new(),
            },
            problems: problems.iter().map(|name| ((*name).to_owned(), "Enter it again".to_owned())).collect(),
            answer: verdict.map(answer),
            groups: vec![("upper-ks2".to_owned(), "Upper Key Stage 2".to_owned())],
        })
    };
    vec![
        asked("", None, &[]),
        asked("robin", Some("Blocked"), &[]),
        asked("upper-ks2", Some("Allowed"), &[]),
        asked(HOSTILE, None, &["who", "url", "at"]),
    ]
}

fn list(id: &str, state: &str) -> ListView {
    ListView {
        id: id.to_owned(),
        name: format!("Games {HOSTILE}"),
        from: "Downloaded from lists.example".to_owned(),
        written_as: "A hosts file".to_owned(),
        categories: vec!["Games".to_owned()],
        names: 1_204_118,
        last_good: Some(now().plus_ms(-7_200_000)),
        next: Some(now().plus_ms(7_200_000)),
        state: state.to_owned(),
        notes: vec![format!("It was last read well on 19 November 2026. {HOSTILE}")],
        left_out: vec![("not a host name".to_owned(), 1_204)],
        first_left_out: vec![LeftOutView { line: 12, why: "not a host name".to_owned() }],
        refused: vec![RefusedView { name: HOSTILE.to_owned(), line: 4, why: "public suffix".to_owned() }],
        is_illegal: false,
    }
}

fn illegal_list() -> ListView {
    let (left_out, first_left_out, refused, notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (is_illegal, last_good, next) = (true, None, None);
    let bare = list("illegal", "In order");
    ListView { left_out, first_left_out, refused, notes, is_illegal, last_good, next, ..bare }
}

fn image(is_current: bool) -> ImageView {
    ImageView {
        revision: "0123456789abcdef".to_owned(),
        names: is_current.then_some(2_301_004),
        built: is_current.then(now),
        by: if is_current { "Robin Sample, Headteacher".to_owned() } else { String::new() },
        since: is_current.then(now),
        why: HOSTILE.to_owned(),
        is_current,
    }
}

fn lists() -> Vec<ListsPage> {
    let full = ListsView {
        revision: "0123456789abcdef".to_owned(),
        names: 2_301_004,
        lists: vec![list("games", "Needs a look"), list("new", "Not in force"), illegal_list()],
        images: [true, false].map(image).into(),
        may_go_back: true,
    };
    let reader = ListsView { may_go_back: false, ..full.clone() };
    let fresh = ListsView { lists: Vec::new(), images: Vec::new(), ..full.clone() };
    vec![
        ListsPage::of(full, true, now()),
        ListsPage::of(reader, false, now()),
        ListsPage::of(fresh, false, now()),
    ]
}

fn inspections() -> Vec<InspectionPage> {
    let authority = |signs_from| AuthorityView {
        name: format!("Willow First School web filter {HOSTILE}"),
        fingerprint: ["AB"; 32].join(":"),
        holds: (now().plus_ms(-86_400_000), now().plus_ms(86_400_000)),
        signs_from,
    };
    let suggestion = |host: &str, devices, waiting: Option<&str>| SuggestionView {
        host: host.to_owned(),
        why: format!("an app trusts only its own certificates there {HOSTILE}"),
        times: 1_204,
        devices,
        seen: (now().plus_ms(-86_400_000), now()),
        waiting: waiting.map(str::to_owned),
    };
    let full = InspectionView {
        told: Some(now()),
        since: now(),
        authorities: vec![authority(None), authority(Some(now().plus_ms(3_600_000)))],
        refused: vec![(format!("its certificate has expired {HOSTILE}"), 12)],
        revocation: (18_204, 1, 12),
        scan: Some(ScanSeen { clean: 1_204, infected: 2, unscanned: 3, held: 1, silent: 0 }),
        suggestions: vec![
            suggestion("bank.example", 0, None),
            suggestion("app.example", 1, Some("0123456789abcdef")),
        ],
        dismissed: vec![DismissedView {
            host: "games.example".to_owned(),
            at: now(),
            by: "Robin Sample, Technician".to_owned(),
            why: HOSTILE.to_owned(),
        }],
        devices_without: 2,
        may_change: true,
    };
    let silent = ScanSeen { unscanned: 2, silent: 2, ..ScanSeen::default() };
    let reader = InspectionView { may_change: false, devices_without: 1, scan: Some(silent), ..full.clone() };
    let bare = InspectionView {
        suggestions: Vec::new(),
        dismissed: Vec::new(),
        refused: Vec::new(),
        scan: None,
        ..full.clone()
    };
    let fresh = InspectionView { told: None, authorities: Vec::new(), devices_without: 0, ..bare.clone() };
    let asked = |text: &str| serde_json::from_str::<InspectionQuestion>(text).unwrap();
    let proposed = asked(&format!("{{\"proposed\": \"{}\"}}", "ab".repeat(32)));
    vec![
        InspectionPage::of(full, &proposed, now()),
        InspectionPage::of(reader, &asked("{\"dismissed\": \"yes\"}"), now()),
        InspectionPage::of(bare, &InspectionQuestion::default(), now()),
        InspectionPage::of(fresh, &asked("{\"proposed\": \"<script>\"}"), now()),
    ]
}

fn hosts() -> Vec<HostPage> {
    let view = |why: &str| BypassProposalView {
        host: "app.example".to_owned(),
        why: why.to_owned(),
        lines: "[[bypass]]\nhost = \"app.example\"\nwhy = \"\u{2026}\"\n".to_owned(),
        approved_by: "Governor".to_owned(),
    };
    vec![
        HostPage::of(view("an app trusts only its own certificates there"), String::new(), None),
        HostPage::of(view(""), HOSTILE.to_owned(), Some("Say why: it is recorded.".to_owned())),
    ]
}

fn sign_ins() -> Vec<SignInPage> {
    vec![
        SignInPage::default(),
        SignInPage { left: true, next: HOSTILE.to_owned(), ..SignInPage::default() },
        SignInPage::again(HOSTILE.to_owned(), String::new(), "Check the name and the password.".to_owned()),
        SignInPage {
            number: "0a".to_owned(),
            passkey: "{\"publicKey\":{}}".to_owned(),
            ..SignInPage::default()
        },
    ]
}

fn web_sign_ins() -> Vec<WebSignInPage> {
    let view = |signed_in: &str, problem: &str, until: &str| WebSignInView {
        address: "10.1.4.20".to_owned(),
        signed_in: signed_in.to_owned(),
        problem: problem.to_owned(),
        until: until.to_owned(),
        must_choose: false,
        device: String::new(),
    };
    let views = [view("", "", ""), view("Robin", "", "16:00"), view("", "Try again.", "")];
    let ways = [(false, false), (true, true), (false, true)];
    let ways = ways.map(|(badge, pictures)| InfantWaysView { badge, pictures });
    let pages = views.into_iter().zip(ways);
    pages.map(|(view, ways)| WebSignInPage::of(view, HOSTILE.to_owned(), ways)).collect()
}

/// Every page in every state.
struct Gallery {
    templates: Templates,
    pages: Vec<(&'static str, String)>,
}

impl Gallery {
    fn hang(&mut self, name: &'static str, person: &str, path: &str, page: &impl Serialize) {
        let html = self.templates.render(name, &frame(person, path), page);
        self.pages.push((name, html.unwrap_or_else(|error| panic!("{name}: {error:#}"))));
    }
}

fn gallery() -> Gallery {
    let mut all = Gallery { templates: Templates::load().unwrap(), pages: Vec::new() };
    homes().iter().for_each(|page| all.hang("home.html", "Alex Sample", "/", page));
    policies().iter().for_each(|page| all.hang("policy.html", "Alex Sample", "/policy", page));
    for view in clauses() {
        all.hang("clause.html", "Alex Sample", "/policy/FLT-2", &Clause::of(view, now()));
    }
    samples_history::counts()
        .iter()
        .for_each(|page| all.hang("history_counts.html", "Alex Sample", "/history/counts", page));
    samples_history::histories()
        .iter()
        .for_each(|page| all.hang("history.html", "Alex Sample", "/history", page));
    lists().iter().for_each(|page| all.hang("lists.html", "Alex Sample", "/lists", page));
    for view in [list("games", "In order"), illegal_list()] {
        all.hang("list.html", "Alex Sample", "/lists/games", &List::of(view, now()));
    }
    let problem = Some("Say why.".to_owned());
    for page in [
        GoBackPage::of(image(false), HOSTILE.to_owned(), problem),
        GoBackPage::of(image(true), String::new(), None),
    ] {
        all.hang("lists_back.html", "Alex Sample", "/lists/back/0123", &page);
    }
    inspections().iter().for_each(|page| all.hang("inspection.html", "Alex Sample", "/inspection", page));
    for page in hosts() {
        all.hang("inspection_bypass.html", "Alex Sample", "/inspection/app.example/bypass", &page);
        all.hang("inspection_dismiss.html", "Alex Sample", "/inspection/app.example/dismiss", &page);
    }
    explanations().iter().for_each(|page| all.hang("why.html", "Alex Sample", "/why", page));
    sign_ins().iter().for_each(|page| all.hang("sign_in.html", "", "/sign-in", page));
    web_sign_ins().iter().for_each(|page| all.hang("web_sign_in.html", "", "/web/sign-in", page));
    hang_work(&mut all);
    hang_people(&mut all);
    hang_access(&mut all);
    hang_factors(&mut all);
    hang_classes(&mut all);
    for problem in
        [Problem::NotFound, Problem::NotAllowed, Problem::OurFault, Problem::Refused(HOSTILE.to_owned())]
    {
        all.hang("problem.html", "", "/web/sign-in", &problem.page());
        all.hang("problem.html", "Alex Sample", "/nowhere", &problem.page());
    }
    all
}

/// The pages about alerts, cases and reports.
fn hang_people(all: &mut Gallery) {
    let (now, who) = (now(), "Alex Sample");
    samples_people::lists().iter().for_each(|page| all.hang("people.html", who, "/people", page));
    samples_people::people(now).iter().for_each(|page| all.hang("person.html", who, "/people/1", page));
    samples_people::additions().iter().for_each(|page| all.hang("people_new.html", who, "/people/new", page));
    samples_people::resets()
        .iter()
        .for_each(|page| all.hang("people_reset.html", who, "/people/1/reset", page));
    samples_people::slips(now).iter().for_each(|page| all.hang("slip.html", who, "/people/1/reset", page));
    samples_imports::lists(now)
        .iter()
        .for_each(|page| all.hang("imports.html", who, "/people/imports", page));
    samples_imports::imports(now)
        .iter()
        .for_each(|page| all.hang("import.html", who, "/people/imports/1", page));
    samples_imports::slips(now)
        .iter()
        .for_each(|page| all.hang("import_slips.html", who, "/people/imports/1", page));
    samples_people::own(now).iter().for_each(|page| all.hang("my_account.html", who, "/my-account", page));
    samples_people::confirmations().iter().for_each(|page| all.hang("confirm.html", who, "/confirm", page));
    samples_people::choices()
        .iter()
        .for_each(|page| all.hang("choose_password.html", "", "/sign-in/password", page));
}

/// The pages about rights, reviews and visitors.
fn hang_access(all: &mut Gallery) {
    let (now, who) = (now(), "Alex Sample");
    samples_access::lists(now).iter().for_each(|page| all.hang("access.html", who, "/access", page));
    samples_access::requests(now)
        .iter()
        .for_each(|page| all.hang("access_request.html", who, "/access/requests/1", page));
    samples_access::questions().iter().for_each(|page| all.hang("access_ask.html", who, "/access/ask", page));
    samples_access::openings()
        .iter()
        .for_each(|page| all.hang("access_open.html", who, "/access/open", page));
    samples_access::reviews(now)
        .iter()
        .for_each(|page| all.hang("review.html", who, "/access/reviews/1", page));
    samples_access::visitors(now).iter().for_each(|page| all.hang("visitors.html", who, "/visitors", page));
    samples_access::pools(now)
        .iter()
        .for_each(|page| all.hang("visitors_pool.html", who, "/visitors/1", page));
    samples_access::new_pools()
        .iter()
        .for_each(|page| all.hang("visitors_new.html", who, "/visitors/new", page));
    samples_access::welcomes(now)
        .iter()
        .for_each(|page| all.hang("visitors_welcome.html", who, "/visitors/1/welcome", page));
}

/// The pages about second factors and administrators.
fn hang_factors(all: &mut Gallery) {
    let (now, who) = (now(), "Alex Sample");
    samples_factors::authenticators()
        .iter()
        .for_each(|page| all.hang("authenticator.html", who, "/my-account/app", page));
    samples_factors::passkeys()
        .iter()
        .for_each(|page| all.hang("passkey.html", who, "/my-account/passkey", page));
    samples_factors::codes().iter().for_each(|page| all.hang("codes.html", who, "/my-account/codes", page));
    samples_factors::set_ups().iter().for_each(|page| all.hang("set_up.html", "", "/sign-in/set-up", page));
    samples_factors::steps().iter().for_each(|page| all.hang("second_step.html", "", "/sign-in/code", page));
    samples_factors::forgotten().iter().for_each(|page| all.hang("forgot.html", "", "/sign-in/forgot", page));
    samples_factors::administrators(now)
        .iter()
        .for_each(|page| all.hang("administrators.html", who, "/administrators", page));
    samples_factors::envelopes()
        .iter()
        .for_each(|page| all.hang("envelope.html", who, "/administrators", page));
}

/// The pages about classes, badges and pictures.
fn hang_classes(all: &mut Gallery) {
    let (now, who, class) = (now(), "Alex Sample", "/classes/1");
    samples_classes::lists(now).iter().for_each(|page| all.hang("classes.html", who, "/classes", page));
    samples_classes::classes(now).iter().for_each(|page| all.hang("class.html", who, class, page));
    samples_classes::badge_questions(now)
        .iter()
        .for_each(|page| all.hang("class_badges.html", who, "/classes/1/badges", page));
    samples_classes::badges(now).iter().for_each(|page| all.hang("badges.html", who, class, page));
    samples_classes::picture_questions()
        .iter()
        .for_each(|page| all.hang("class_pictures.html", who, "/classes/1/pictures/1", page));
    all.hang("class_pictures_shown.html", who, class, &samples_classes::pictures());
    samples_classes::record_questions()
        .iter()
        .for_each(|page| all.hang("class_record.html", who, "/classes/1/record/1", page));
    all.hang("class_record_shown.html", who, class, &samples_classes::record(now));
    samples_classes::badge_sign_ins()
        .iter()
        .for_each(|page| all.hang("web_badge.html", "", "/web/badge", page));
    samples_classes::picture_sign_ins()
        .iter()
        .for_each(|page| all.hang("web_pictures.html", "", "/web/pictures", page));
}

fn hang_work(all: &mut Gallery) {
    let now = now();
    samples_work::queues(now).iter().for_each(|page| all.hang("alerts.html", "Alex Sample", "/alerts", page));
    samples_work::alerts(now)
        .iter()
        .for_each(|page| all.hang("alert.html", "Alex Sample", "/alerts/1", page));
    samples_work::case_lists(now)
        .iter()
        .for_each(|page| all.hang("cases.html", "Alex Sample", "/cases", page));
    samples_work::cases(now).iter().for_each(|page| all.hang("case.html", "Alex Sample", "/cases/1", page));
    samples_exports::lists(now)
        .iter()
        .for_each(|page| all.hang("exports.html", "Alex Sample", "/exports", page));
    samples_exports::requests(now)
        .iter()
        .for_each(|page| all.hang("export.html", "Alex Sample", "/exports/1", page));
    samples_exports::questions()
        .iter()
        .for_each(|page| all.hang("export_ask.html", "Alex Sample", "/exports/ask", page));
    all.hang("report_kinds.html", "", "/report", &samples_work::kinds());
    samples_work::reports().iter().for_each(|page| all.hang("report.html", "", "/report/got-through", page));
    samples_work::statuses(now)
        .iter()
        .for_each(|page| all.hang("report_status.html", "", "/report/status", page));
    samples_holds::lists()
        .iter()
        .for_each(|page| all.hang("holds.html", "Alex Sample", "/history/kept", page));
    samples_holds::releases()
        .iter()
        .for_each(|page| all.hang("hold_release.html", "Alex Sample", "/history/kept/x/release", page));
    samples_work::week_lists(now)
        .iter()
        .for_each(|page| all.hang("weeks.html", "Alex Sample", "/weekly", page));
    samples_work::weeks(now).iter().for_each(|page| all.hang("week.html", "Alex Sample", "/weekly/x", page));
}

#[test]
fn every_template_renders_with_every_sample() {
    let Gallery { pages, .. } = gallery();
    let mut rendered: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, html) in &pages {
        *rendered.entry(name).or_default() += 1;
        for (unwanted, why) in [
            ("<script>", "typed text became markup"),
            ("style=", "the content security policy forbids it"),
            ("onclick", "the content security policy forbids it"),
            ("GOV.UK", "it is not a government service"),
        ] {
            assert!(!html.contains(unwanted), "{name} holds {unwanted}: {why}");
        }
        for (wanted, count) in [("<h1 ", 1), ("<main ", 1), ("lang=\"en-GB\"", 1), ("<title>", 1)] {
            assert_eq!(html.matches(wanted).count(), count, "{name}: {wanted}");
        }
        assert_eq!(html.matches("<table").count(), html.matches("<caption").count(), "{name}");
    }
    let ours = Templates::own_pages().filter(|name| {
        !["layout.html", "forms.html", "passkeys.html", "picture.html", "tables.html"]
            .contains(&name.as_str())
    });
    assert_eq!(ours.collect::<Vec<_>>(), rendered.keys().copied().collect::<Vec<_>>());
}

#[test]
fn narrowing_the_policy_keeps_what_was_asked_for_and_counts_it() {
    let shown: Vec<usize> = policies().iter().map(|page| page.shown).collect();
    assert_eq!(shown, [4, 1, 0]);
}

#[test]
fn a_group_that_was_asked_about_is_chosen_again_and_not_typed() {
    let page = &explanations()[2];
    assert_eq!(page.who.value, "");
    let chosen: Vec<_> =
        page.groups.iter().filter(|choice| choice.selected).map(|choice| &choice.value).collect();
    assert_eq!(chosen, ["upper-ks2"]);
}
