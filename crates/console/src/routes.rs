//! Every page, in one table: how it is asked for, where, who may, what for, and what answers. The router, the test that
//! nothing is open by accident, and the table in `docs/console.md` are made from it.

use crate::assets;
use crate::desk::{Desk, Shared, Visit};
use crate::front_door::{WAITING, front_door};
use crate::pages::{
    access, access_ask, administrators, alerts, cases, choose_password, class_badges, class_child, classes,
    explain, exports, factors, history, history_counts, holds, home, imports, inspection, lists, my_account,
    people, people_new, people_reset, policy, report, review, second_step, sign_in, visitors, web, web_badge,
    web_pictures, weekly,
};
use crate::problem::Problem;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use model::Action;
use std::sync::Arc;

/// The most that a form may hold.
const BODY_LIMIT_BYTES: usize = 64 * 1024;

/// Who may ask for a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Anybody who reaches the console.
    Anybody,
    /// Whoever is signed in and may do this. That somebody is, is seen to here; what they may, by the use case.
    May(Action),
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with its parts in braces.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// What it is for.
    pub purpose: &'static str,
    answer: fn() -> MethodRouter<Shared>,
}

const fn read(
    path: &'static str,
    access: Access,
    purpose: &'static str,
    answer: fn() -> MethodRouter<Shared>,
) -> Route {
    Route { method: "GET", path, access, purpose, answer }
}

const fn write(
    path: &'static str,
    access: Access,
    purpose: &'static str,
    answer: fn() -> MethodRouter<Shared>,
) -> Route {
    Route { method: "POST", path, access, purpose, answer }
}

use Access::{Anybody, May};

/// Every page.
pub const ROUTES: &[Route] = &[
    read("/", May(Action::SeeHome), "What needs you", || get(home::show)),
    read(
        "/alerts",
        May(Action::WorkAlerts),
        "The alerts that are for one\u{2019}s post, worst first",
        || get(alerts::queue),
    ),
    write("/alerts", May(Action::SignWeekly), "Say who watches outside school hours", || {
        post(alerts::set_cover)
    }),
    read(WAITING, May(Action::WorkAlerts), "News of alerts, as server-sent events", || get(alerts::live)),
    read("/alerts/{alert}", May(Action::WorkAlerts), "One alert", || get(alerts::one)),
    write("/alerts/{alert}", May(Action::WorkAlerts), "Work on an alert", || post(alerts::work)),
    read("/cases", May(Action::WorkCases), "The cases that one may read", || get(cases::all)),
    read("/cases/{case}", May(Action::WorkCases), "One case", || get(cases::one)),
    write("/cases/{case}", May(Action::WorkCases), "Work on a case", || post(cases::work)),
    read("/cases/{case}/file", May(Action::WorkCases), "A case\u{2019}s timeline as a file", || {
        get(cases::file)
    }),
    read("/cases/{case}/document", May(Action::WorkCases), "A case as a document (PDF)", || {
        get(cases::document)
    }),
    read("/cases/{case}/pack", May(Action::WorkCases), "A case as a sealed pack", || get(cases::pack)),
    read("/weekly", May(Action::ReadWeekly), "The weekly monitoring reports", || get(weekly::all)),
    read("/weekly/{week}", May(Action::ReadWeekly), "One weekly report", || get(weekly::one)),
    read("/weekly/{week}/file", May(Action::ReadWeekly), "The counts of a weekly report as a file", || {
        get(weekly::file)
    }),
    write("/weekly/{week}", May(Action::SignWeekly), "Sign a weekly report", || post(weekly::sign)),
    read("/report", Anybody, "Report something: choose what", || get(report::kinds)),
    read("/report/status", Anybody, "What became of a report", || get(report::status)),
    read("/report/{kind}", Anybody, "Report something: say what happened", || get(report::form)),
    write("/report/{kind}", Anybody, "Report something: check and send", || post(report::send)),
    read("/policy", May(Action::ReadPolicy), "The policy and the state of every clause", || {
        get(policy::list)
    }),
    read("/policy/{clause}", May(Action::ReadPolicy), "One clause", || get(policy::clause)),
    read("/history", May(Action::SearchHistory), "Search the access history", || get(history::search)),
    write(
        "/history",
        May(Action::SearchHistory),
        "Search for people, devices or words; ask for names",
        || post(history::ask),
    ),
    read("/history/looks/{look}", May(Action::SearchHistory), "A search that stands in no address", || {
        get(history::kept)
    }),
    read("/history/around/{event}", May(Action::SearchHistory), "What happened around a request", || {
        get(history::around)
    }),
    read("/history/counts", May(Action::SearchHistory), "Counts and charts of a search", || {
        get(history_counts::show)
    }),
    read("/history/kept", May(Action::HoldHistory), "What of the history is kept longer, and why", || {
        get(holds::all)
    }),
    write("/history/kept", May(Action::HoldHistory), "Keep some of the history longer", || post(holds::hold)),
    read("/history/kept/{hold}/release", May(Action::HoldHistory), "Stop keeping it longer", || {
        get(holds::ask_release)
    }),
    write("/history/kept/{hold}/release", May(Action::HoldHistory), "Stop keeping it longer", || {
        post(holds::release)
    }),
    read("/history.csv", May(Action::ExportHistory), "The same rows as a file", || get(history::export)),
    read("/exports", May(Action::ExportHistory), "What others asked for of the history", || {
        get(exports::all)
    }),
    read("/exports/ask", May(Action::ExportHistory), "Put a request down: the first question", || {
        get(exports::begin)
    }),
    write("/exports/ask", May(Action::ExportHistory), "Put a request down: the next question", || {
        post(exports::answer)
    }),
    read("/exports/{export}", May(Action::ExportHistory), "One request", || get(exports::one)),
    write("/exports/{export}", May(Action::ExportHistory), "Approve a request, or turn it down", || {
        post(exports::work)
    }),
    read(
        "/exports/{export}/pack",
        May(Action::ExportHistory),
        "The pack that was made for a request",
        || get(exports::pack),
    ),
    read("/lists", May(Action::ReadPolicy), "The filter lists, and what is wrong with them", || {
        get(lists::all)
    }),
    read("/lists/{list}", May(Action::ReadPolicy), "One list, and what of it was left out", || {
        get(lists::one)
    }),
    read("/lists/back/{revision}", May(Action::ChangeLists), "Go back to lists from before", || {
        get(lists::ask_back)
    }),
    write("/lists/back/{revision}", May(Action::ChangeLists), "Go back to lists from before", || {
        post(lists::go_back)
    }),
    read(
        "/inspection",
        May(Action::SearchHistory),
        "Whose certificates devices see, what was wrong with sites\u{2019}, and what may pass unread",
        || get(inspection::show),
    ),
    read(
        "/inspection/{host}/bypass",
        May(Action::ProposePolicy),
        "Put a site forward for the bypass list",
        || get(inspection::ask_bypass),
    ),
    write(
        "/inspection/{host}/bypass",
        May(Action::ProposePolicy),
        "Put a site forward for the bypass list",
        || post(inspection::put_forward),
    ),
    read("/inspection/{host}/dismiss", May(Action::ProposePolicy), "Turn a suggestion down", || {
        get(inspection::ask_dismiss)
    }),
    write("/inspection/{host}/dismiss", May(Action::ProposePolicy), "Turn a suggestion down", || {
        post(inspection::dismiss)
    }),
    read("/why", May(Action::ExplainVerdict), "Why something is or would be allowed or blocked", || {
        get(explain::show)
    }),
    read("/people", May(Action::ReadPeople), "People and the state of their accounts", || get(people::all)),
    write("/people", May(Action::ReadPeople), "Search among people; another page of them", || {
        post(people::search)
    }),
    write("/people.csv", May(Action::ReadPeople), "The same people as a file", || post(people::export)),
    read("/people/new", May(Action::ManageAccounts), "Add somebody with an account", || get(people_new::ask)),
    write("/people/new", May(Action::ManageAccounts), "Add somebody with an account", || {
        post(people_new::answer)
    }),
    read("/people/imports", May(Action::ManageAccounts), "Files from the school\u{2019}s own system", || {
        get(imports::all)
    }),
    write(
        "/people/imports",
        May(Action::ManageAccounts),
        "Send a file of people; nothing changes yet",
        || post(imports::send).layer(DefaultBodyLimit::max(imports::UPLOAD_LIMIT_BYTES)),
    ),
    read("/people/imports/{import}", May(Action::ManageAccounts), "One import: what would change", || {
        get(imports::one)
    }),
    write(
        "/people/imports/{import}",
        May(Action::ManageAccounts),
        "Say who is who, approve, drop or undo an import, make slips",
        || post(imports::work),
    ),
    read(
        "/people/imports/{import}/mistakes.csv",
        May(Action::ManageAccounts),
        "The mistakes of a file, as a file",
        || get(imports::mistakes),
    ),
    read("/people/{person}", May(Action::ReadPeople), "One person, their accounts and sessions", || {
        get(people::one)
    }),
    write(
        "/people/{person}",
        May(Action::ManageAccounts),
        "Suspend, open or close an account, or end somebody\u{2019}s sessions",
        || post(people::work),
    ),
    read(
        "/people/{person}/reset",
        May(Action::ResetPassword),
        "Give somebody a password: make sure who asks",
        || get(people_reset::ask),
    ),
    write("/people/{person}/reset", May(Action::ResetPassword), "Give somebody a password", || {
        post(people_reset::reset)
    }),
    read("/access", May(Action::ReadAccess), "Requests for rights, and reviews", || get(access::all)),
    read("/access/ask", May(Action::ManageAccounts), "Ask for rights for somebody", || {
        get(access_ask::begin)
    }),
    write("/access/ask", May(Action::ManageAccounts), "Ask for rights for somebody", || {
        post(access_ask::answer)
    }),
    read("/access/requests/{request}", May(Action::ReadAccess), "One request for rights", || {
        get(access::one)
    }),
    write(
        "/access/requests/{request}",
        May(Action::ReadAccess),
        "Approve a request, refuse it, take it back, or make the first password",
        || post(access::work),
    ),
    read("/access/open", May(Action::ReviewAccess), "Open a review", || get(access::ask_open)),
    write("/access/open", May(Action::ReviewAccess), "Open a review", || post(access::open)),
    read("/access/reviews/{review}", May(Action::ReadAccess), "One review, line by line", || {
        get(review::one)
    }),
    write(
        "/access/reviews/{review}",
        May(Action::ReviewAccess),
        "Answer lines of a review, say that a change is done, or decide of one that is held",
        || post(review::answer),
    ),
    read("/access/reviews/{review}/file", May(Action::ReadAccess), "A review as a file", || {
        get(review::file)
    }),
    read(
        "/visitors",
        May(Action::WelcomeVisitors),
        "Pools of visitors\u{2019} accounts, and the log",
        || get(visitors::all),
    ),
    write("/visitors.csv", May(Action::WelcomeVisitors), "The visitors\u{2019} log as a file", || {
        post(visitors::export)
    }),
    read("/visitors/new", May(Action::KeepVisitors), "Make a pool", || get(visitors::ask)),
    write("/visitors/new", May(Action::KeepVisitors), "Make a pool", || post(visitors::make)),
    read("/visitors/{pool}", May(Action::WelcomeVisitors), "One pool", || get(visitors::one)),
    write("/visitors/{pool}", May(Action::WelcomeVisitors), "Take an account back, or end the pool", || {
        post(visitors::end)
    }),
    read("/visitors/{pool}/welcome", May(Action::WelcomeVisitors), "Hand an account to a visitor", || {
        get(visitors::ask_welcome)
    }),
    write("/visitors/{pool}/welcome", May(Action::WelcomeVisitors), "Hand an account to a visitor", || {
        post(visitors::welcome)
    }),
    read("/classes", May(Action::RunClass), "The classes that one runs", || get(classes::all)),
    read(
        "/classes/{class}",
        May(Action::RunClass),
        "One class, its learners and what they sign in with",
        || get(classes::one),
    ),
    write(
        "/classes/{class}",
        May(Action::RunClass),
        "Open or close the window in which badges count; void a badge, take pictures away",
        || post(classes::work),
    ),
    read("/classes/{class}/badges", May(Action::RunClass), "Make badges: whose", || get(class_badges::ask)),
    write("/classes/{class}/badges", May(Action::RunClass), "Make badges, and print them", || {
        post(class_badges::make)
    }),
    read("/classes/{class}/pictures/{person}", May(Action::RunClass), "Give a child pictures: which", || {
        get(class_child::ask_pictures)
    }),
    write("/classes/{class}/pictures/{person}", May(Action::RunClass), "Give a child pictures", || {
        post(class_child::give_pictures)
    }),
    read("/classes/{class}/record/{person}", May(Action::RunClass), "Open a sealed record: why", || {
        get(class_child::ask_record)
    }),
    write("/classes/{class}/record/{person}", May(Action::RunClass), "Open a sealed record", || {
        post(class_child::open_record)
    }),
    read("/my-account", May(Action::OwnAccount), "One\u{2019}s own account and sessions", || {
        get(my_account::show)
    }),
    write("/my-account", May(Action::OwnAccount), "End one\u{2019}s own sessions", || post(my_account::end)),
    read("/my-account/password", May(Action::OwnAccount), "Change one\u{2019}s own password", || {
        get(my_account::ask_password)
    }),
    write("/my-account/password", May(Action::OwnAccount), "Change one\u{2019}s own password", || {
        post(my_account::change_password)
    }),
    read("/my-account/app", May(Action::OwnAccount), "Add an app for codes as a second step", || {
        get(factors::ask_app)
    }),
    write("/my-account/app", May(Action::OwnAccount), "Add an app for codes as a second step", || {
        post(factors::add_app)
    }),
    read("/my-account/passkey", May(Action::OwnAccount), "Add a passkey as a second step", || {
        get(factors::ask_passkey)
    }),
    write("/my-account/passkey", May(Action::OwnAccount), "Add a passkey as a second step", || {
        post(factors::add_passkey)
    }),
    write("/my-account/codes", May(Action::OwnAccount), "Make new recovery codes", || {
        post(factors::renew_codes)
    }),
    write("/my-account/factors", May(Action::OwnAccount), "Name a second step, or take it away", || {
        post(factors::work)
    }),
    read(
        "/administrators",
        May(Action::ManageAccounts),
        "Who can administer, what is missing, and the recovery accounts",
        || get(administrators::show),
    ),
    write(
        "/administrators",
        May(Action::ManageAccounts),
        "Ask for the end of a recovery account, other owners or another one; agree, think better of it, or do it",
        || post(administrators::work),
    ),
    read("/confirm", May(Action::OwnAccount), "Show once more that it is oneself", || {
        get(my_account::ask_confirm)
    }),
    write("/confirm", May(Action::OwnAccount), "Show once more that it is oneself", || {
        post(my_account::confirm)
    }),
    read("/sign-in", Anybody, "Sign in to the console", || get(sign_in::show)),
    write("/sign-in", Anybody, "Sign in to the console", || post(sign_in::enter)),
    read(
        "/sign-in/password",
        Anybody,
        "Choose a password in the place of an issued one; for whoever has just given that",
        || get(choose_password::ask_first),
    ),
    write("/sign-in/password", Anybody, "Choose a password in the place of an issued one", || {
        post(choose_password::choose_first)
    }),
    read(
        "/sign-in/code",
        Anybody,
        "Show the second step; for whoever has just given the password, or left school within a session",
        || get(second_step::ask),
    ),
    write("/sign-in/code", Anybody, "Show the second step", || post(second_step::show)),
    write("/sign-in/passkey", Anybody, "Sign in with a passkey alone", || post(second_step::sign_in)),
    read(
        "/sign-in/set-up",
        Anybody,
        "Choose a second step to set up; for whoever must have one and has just given the password",
        || get(factors::ask_set_up),
    ),
    read("/sign-in/app", Anybody, "Set up an app for codes at the first sign-in", || {
        get(factors::ask_first_app)
    }),
    write("/sign-in/app", Anybody, "Set up an app for codes at the first sign-in", || {
        post(factors::add_first_app)
    }),
    read("/sign-in/new-passkey", Anybody, "Set up a passkey at the first sign-in", || {
        get(factors::ask_first_passkey)
    }),
    write("/sign-in/new-passkey", Anybody, "Set up a passkey at the first sign-in", || {
        post(factors::add_first_passkey)
    }),
    read("/sign-in/forgot", Anybody, "A forgotten password, where there is a second step", || {
        get(second_step::ask_forgotten)
    }),
    write("/sign-in/forgot", Anybody, "A forgotten password, where there is a second step", || {
        post(second_step::forgotten)
    }),
    write("/sign-out", Anybody, "Sign out of the console", || post(sign_in::leave)),
    read("/web/sign-in", Anybody, "Sign in to use the web from this device", || get(web::show)),
    write("/web/sign-in", Anybody, "Sign in to use the web from this device", || post(web::enter)),
    read("/web/badge", Anybody, "Sign in to use the web with a badge", || get(web_badge::show)),
    write("/web/badge", Anybody, "Sign in to use the web with a badge", || post(web_badge::enter)),
    read("/web/pictures", Anybody, "Sign in to use the web with three pictures", || get(web_pictures::show)),
    write("/web/pictures", Anybody, "Sign in to use the web with three pictures", || {
        post(web_pictures::press)
    }),
    read("/web/password", Anybody, "Choose a password, with the one that one has", || {
        get(choose_password::ask_web)
    }),
    write("/web/password", Anybody, "Choose a password, with the one that one has", || {
        post(choose_password::choose_web)
    }),
    read("/web/portal", Anybody, "What a device\u{2019}s system asks of a captive portal (RFC 8908)", || {
        get(web::portal)
    }),
    write("/web/sign-out", Anybody, "Stop using the web from this device", || post(web::leave)),
    read("/assets/{revision}/{file}", Anybody, "Style sheet and scripts", || get(assets::serve)),
];

/// The table as a router, behind the front door.
pub(crate) fn router(desk: Desk) -> Router {
    let desk = Arc::new(desk);
    let mut router = Router::new();
    for route in ROUTES {
        let gate = middleware::from_fn_with_state(route.access, gate);
        router = router.route(route.path, (route.answer)().layer(gate));
    }
    router
        .fallback(|| async { Problem::NotFound })
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), front_door))
        .with_state(desk)
}

/// Nobody passes unseen to a page that is not for everybody, whether or not its handler remembers to ask.
async fn gate(State(access): State<Access>, visit: Visit, request: Request, next: Next) -> Response {
    match access {
        May(_) if visit.signed_in.is_none() => Problem::SignInFirst.into_response(),
        May(_) | Anybody => next.run(request).await,
    }
}

/// The table for `docs/console.md`.
#[must_use]
pub fn as_markdown() -> String {
    let mut table = "| method | path | who | what for |\n| --- | --- | --- | --- |\n".to_owned();
    for Route { method, path, access, purpose, .. } in ROUTES {
        let who = match access {
            Anybody => "anybody",
            May(action) => action.slug(),
        };
        table.push_str(&format!("| {method} | `{path}` | {who} | {purpose} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reporting_signing_in_and_assets_are_for_anybody() {
        let open: Vec<_> =
            ROUTES.iter().filter(|route| route.access == Anybody).map(|route| route.path).collect();
        assert_eq!(
            open,
            [
                "/report",
                "/report/status",
                "/report/{kind}",
                "/report/{kind}",
                "/sign-in",
                "/sign-in",
                "/sign-in/password",
                "/sign-in/password",
                "/sign-in/code",
                "/sign-in/code",
                "/sign-in/passkey",
                "/sign-in/set-up",
                "/sign-in/app",
                "/sign-in/app",
                "/sign-in/new-passkey",
                "/sign-in/new-passkey",
                "/sign-in/forgot",
                "/sign-in/forgot",
                "/sign-out",
                "/web/sign-in",
                "/web/sign-in",
                "/web/badge",
                "/web/badge",
                "/web/pictures",
                "/web/pictures",
                "/web/password",
                "/web/password",
                "/web/portal",
                "/web/sign-out",
                "/assets/{revision}/{file}"
            ]
        );
    }

    #[test]
    fn the_table_in_the_documentation_is_this_one() {
        let documentation = include_str!("../../../docs/console.md");
        assert!(documentation.contains(&as_markdown()), "docs/console.md should hold:\n{}", as_markdown());
    }
}
