//! Nothing of another school comes through any page, list, count, search, file, form or error of the console: every route of
//! the table, with every role, and with the ids of what belongs to the other school.

use crate::school::{PASSWORD, School, opened};
use crate::wire::{Answer, Visitor};
use app::Upload;
use app::views::{PoolForm, RightsForm, VisitorForm};
use console::{Access, ROUTES};
use model::{
    Actor, Affiliation, ClassId, ClassKind, ClassPart, ImportKind, Person, PersonId, ReviewKind, Role,
    SchoolId, Scope, YearGroup,
};
use std::net::IpAddr;
use store::{Change, ClassChange};
use uuid::Uuid;

/// Whatever belongs to the other school bears this in its name, and nothing else does.
const MARK: &str = "quill";
/// An id that nothing has.
const NOTHING: &str = "01990000-0000-7000-8000-000000000000";
/// What stands in a path for something of the other school.
const THEIRS: [&str; 6] = ["{person}", "{class}", "{import}", "{request}", "{review}", "{pool}"];

/// What is sent to each path that takes a form: all that could be done there. `ACCOUNT` and `PERSON` are the other school's.
/// Nothing that is typed bears the mark, so an answer that does says what it must not.
const FORMS: &[(&str, &[&str])] = &[
    ("/people", &["search=feather", "role=learner&year=1", "state=open&page=1"]),
    ("/people.csv", &["", "search=feather"]),
    ("/people/new", &["step=add&name=Ann+Sample&login=ann.sample&role=learner&year=1&school=whitestone"]),
    (
        "/people/{person}",
        &[
            "deed=suspend&account=ACCOUNT&reason=why",
            "deed=close&account=ACCOUNT&reason=why",
            "deed=end-sessions&reason=why",
        ],
    ),
    ("/people/{person}/reset", &["made_sure=known-in-person&handed_over=slip"]),
    (
        "/people/imports/{import}",
        &[
            "deed=approve&seen=&reason=why",
            "deed=drop&reason=why",
            "deed=undo&reason=why",
            "deed=slips",
            "deed=answer-all",
        ],
    ),
    ("/access/ask", &["step=check&kind=also&login=zq.teacher&role=staff&school=ashbrook&why=why"]),
    ("/access/requests/{request}", &["deed=approve&reason=why", "deed=refuse&reason=why", "deed=slip"]),
    ("/access/open", &["kind=accounts&place=school:whitestone"]),
    ("/access/reviews/{review}", &["answer-1=remove&words-1=why", "deed=lapse&reason=why"]),
    ("/visitors.csv", &[""]),
    ("/visitors/new", &["purpose=Fair&host=Office&count=3&until=2026-11-27&school=whitestone"]),
    ("/visitors/{pool}", &["deed=end-pool", "deed=take-back&account=ACCOUNT"]),
    ("/visitors/{pool}/welcome", &["visitor=Ray+Reader&host=Library&why=stories"]),
    (
        "/classes/{class}",
        &[
            "deed=open&minutes=10&place=school",
            "deed=close",
            "deed=void&person=PERSON",
            "deed=take-pictures&person=PERSON",
        ],
    ),
    ("/classes/{class}/badges", &["which=all", "which=PERSON"]),
    ("/classes/{class}/pictures/{person}", &["deed=draw", "deed=choose&first=0&second=1&third=2"]),
    ("/classes/{class}/record/{person}", &["reason=why"]),
    ("/history", &["person=zq.child"]),
];

/// What belongs to the other school: what stands in paths, and its id.
struct Theirs {
    ids: Vec<(&'static str, String)>,
    account: String,
}

fn id(number: u128) -> PersonId {
    PersonId(Uuid::from_u128(1_000 + number))
}

fn whitestone() -> Scope {
    Scope::School(SchoolId::new("whitestone"))
}

/// A head, a technician and a class teacher, and a class with one child.
fn their_people() -> Vec<Change> {
    let person = |number, login: &str, role, year: Option<&str>| Change::AddPerson {
        person: Person {
            id: id(number),
            login: format!("zq.{login}"),
            display_name: format!("Robin{number} Quillfeather"),
            affiliations: vec![Affiliation {
                scope: whitestone(),
                role,
                year: year.and_then(YearGroup::parse),
            }],
        },
        scope: Scope::Trust,
    };
    let (class, school) = (ClassId(Uuid::from_u128(2_000)), SchoolId::new("whitestone"));
    let (name, kind) = ("Quill".to_owned(), ClassKind::Registration);
    let join = |number, part| {
        let (person, scope) = (id(number), whitestone());
        Change::Class(ClassChange::Join { class, person, part, from: opened(), scope })
    };
    vec![
        person(0, "head", Role::Headteacher, None),
        person(1, "technician", Role::Technician, None),
        person(2, "teacher", Role::ClassTeacher, None),
        person(3, "child", Role::Learner, Some("1")),
        Change::Class(ClassChange::Add { id: class, school, name, kind, from: opened() }),
        join(2, ClassPart::Teacher),
        join(3, ClassPart::Learner),
    ]
}

fn them(number: u128, login: &str, role: Role) -> Actor {
    Actor::Person { id: id(number), login: format!("zq.{login}"), roles: vec![(role, whitestone())] }
}

/// An import, a request, a review, and a pool with a visitor.
async fn their_work(school: &School) -> Theirs {
    let app = &school.app;
    let here: IpAddr = "10.20.0.77".parse().unwrap();
    let (head, technician) = (them(0, "head", Role::Headteacher), them(1, "technician", Role::Technician));
    let mut proofs = Vec::new();
    for login in ["zq.head", "zq.technician"] {
        let token = app.sign_in(login, PASSWORD, here).await.unwrap().token;
        proofs.push(app.fresh(&token).await.unwrap());
    }
    let upload = Upload {
        school: SchoolId::new("whitestone"),
        kind: ImportKind::File,
        name: "quill.csv".to_owned(),
        format: None,
        grades: roster::Grades::YearGroups,
        leaving: None,
        bytes: b"Adno,Forename,Surname,Year\n1,Ola,Quillchild,7\n2,Per,Quillchild,Year 99\n".to_vec(),
    };
    let import = app.stage_import(&technician, upload).await.unwrap();
    let form = RightsForm {
        kind: "newcomer".to_owned(),
        login: "zq.nesta".to_owned(),
        name: "Nesta Quillhollow".to_owned(),
        role: Role::Staff.slug().to_owned(),
        school: "whitestone".to_owned(),
        why: "she begins in January".to_owned(),
    };
    let request = app.ask_for_rights((&technician, &proofs[1]), &form).await.unwrap();
    let place = whitestone().to_string();
    let review = app.open_review((&head, &proofs[0]), ReviewKind::Accounts, &place).await.unwrap();
    let form = PoolForm {
        purpose: "Quill fair".to_owned(),
        host: "The office".to_owned(),
        count: "3".to_owned(),
        until: "2026-11-27".to_owned(),
        school: "whitestone".to_owned(),
    };
    let pool = app.make_pool((&head, &proofs[0]), &form).await.unwrap().unwrap();
    let form = VisitorForm {
        visitor: "Ray Quillreader".to_owned(),
        host: "The library".to_owned(),
        why: "stories".to_owned(),
    };
    app.welcome_visitor((&head, &proofs[0]), pool, &form).await.unwrap().unwrap().unwrap();
    let ids = [
        id(3).to_string(),
        Uuid::from_u128(2_000).to_string(),
        import.to_string(),
        request.to_string(),
        review.to_string(),
        pool.to_string(),
    ];
    Theirs { ids: THEIRS.into_iter().zip(ids).collect(), account: id(3).to_string() }
}

impl Theirs {
    /// A path with their ids in it, and with nothing's where something else is meant.
    fn path(&self, school: &School, path: &str) -> String {
        let path = self.ids.iter().fold(path.to_owned(), |path, (part, id)| path.replace(part, id));
        let path = path.replace("{clause}", "FLT-2").replace("{list}", "starter");
        let path = path.replace("{revision}", &school.earlier_lists);
        let mut plain = String::new();
        for part in path.split_inclusive('}') {
            let (before, named) = part.split_once('{').unwrap_or((part, ""));
            plain.push_str(before);
            plain.push_str(if named.is_empty() { "" } else { NOTHING });
        }
        if plain.ends_with("/live") { format!("{plain}?seen=9") } else { plain }
    }

    fn form(&self, form: &str) -> String {
        form.replace("ACCOUNT", &self.account).replace("PERSON", &id(3).to_string())
    }
}

fn names_theirs(path: &str) -> bool {
    THEIRS.iter().any(|part| path.contains(part))
}

fn must_say_nothing(answer: &Answer, what: &str) {
    let body = answer.body.to_lowercase();
    let found = body.find(MARK).map(|at| body[at.saturating_sub(80)..].chars().take(160).collect::<String>());
    assert_eq!(found, None, "{what}");
    let headers = format!("{:?}", answer.headers).to_lowercase();
    assert!(!headers.contains(MARK), "{what}: {headers}");
}

/// All that is theirs, as the records have it.
async fn their_records(school: &School) -> String {
    let (store, now) = (&school.store, opened());
    let mut lines: Vec<String> = Vec::new();
    for person in store.people().await.unwrap() {
        if person.affiliations.iter().any(|held| held.scope == whitestone()) {
            lines.push(format!("{person:?} {:?}", store.accounts_of(person.id).await.unwrap()));
        }
    }
    lines.extend(store.imports().await.unwrap().iter().map(|import| {
        let (staged, decided, undone) = (&import.staged.id, &import.decided, &import.undone);
        format!("{staged:?} {:?} {decided:?} {undone:?} {}", import.state, import.outcome)
    }));
    lines.extend(store.reviews().await.unwrap().iter().map(|review| format!("{review:?}")));
    lines.extend(store.visitors_log().await.unwrap().iter().map(|visitor| format!("{visitor:?}")));
    lines.extend(store.rights_requests().await.unwrap().iter().map(|request| format!("{request:?}")));
    lines.extend(store.class_windows(now).await.unwrap().iter().map(|window| format!("{window:?}")));
    let class = ClassId(Uuid::from_u128(2_000));
    lines.push(format!("{:?}", store.badges_of_class(class, now).await.unwrap().len()));
    lines.push(format!("{:?}", store.pictures_of_class(class, now).await.unwrap().len()));
    lines.join("\n")
}

#[tokio::test]
async fn nobody_reaches_another_schools_people_by_any_address_or_form() {
    let school = School::open_in_trust(their_people()).await;
    let theirs = their_work(&school).await;
    let before = their_records(&school).await;
    for role in Role::ALL {
        let mut visitor = Visitor::new(&school);
        visitor.sign_in(role).await;
        if visitor.cookie.is_empty() {
            continue;
        }
        for route in ROUTES.iter().filter(|route| matches!(route.access, Access::May(_))) {
            let path = theirs.path(&school, route.path);
            let what = format!("{role:?} at {} {}", route.method, route.path);
            if route.method == "GET" {
                let answer = visitor.get(&path).await;
                must_say_nothing(&answer, &what);
                assert!(
                    !names_theirs(route.path) || answer.status.is_client_error(),
                    "{what}: {}",
                    answer.status
                );
            }
            let forms =
                FORMS.iter().find(|(path, _)| *path == route.path).map_or(&[][..], |(_, forms)| *forms);
            for form in forms.iter().filter(|_| route.method == "POST") {
                let answer = visitor.post(&path, &theirs.form(form)).await;
                must_say_nothing(&answer, &format!("{what} with {form}"));
                let is_refused = answer.status.is_client_error();
                assert!(!names_theirs(route.path) || is_refused, "{what} with {form}: {}", answer.status);
            }
        }
    }
    assert_eq!(their_records(&school).await, before, "nothing of theirs was changed");
    school.close().await;
}

/// The control: their own people find at the same addresses what nobody else does.
#[tokio::test]
async fn a_schools_own_people_reach_what_others_do_not() {
    let school = School::open_in_trust(their_people()).await;
    let theirs = their_work(&school).await;
    let mut visitors = Vec::new();
    for login in ["zq.head", "zq.technician", "zq.teacher"] {
        let mut visitor = Visitor::new(&school);
        visitor.sign_in_as(login).await;
        assert!(!visitor.cookie.is_empty(), "{login}");
        visitors.push(visitor);
    }
    let routes = ROUTES.iter().filter(|route| route.method == "GET" && names_theirs(route.path));
    // A child of Year 1 has no sealed record before their teacher made one, and is nobody's to give pictures here.
    let routes =
        routes.filter(|route| !route.path.contains("/record/") && !route.path.contains("/pictures/"));
    for route in routes.chain(ROUTES.iter().filter(|route| ["/people", "/access"].contains(&route.path))) {
        if route.method != "GET" {
            continue;
        }
        let mut seen = false;
        for visitor in &visitors {
            let answer = visitor.get(&theirs.path(&school, route.path)).await;
            // What was wrong in a file is said by row, and names nobody.
            let says = answer.body.to_lowercase().contains(MARK) || route.path.ends_with("/mistakes.csv");
            seen |= answer.status.is_success() && says;
        }
        assert!(seen, "nobody of theirs sees {}", route.path);
    }
    // Every form is of a route that there is, so that none is forgotten by a change of its path.
    for (path, _) in FORMS {
        assert!(ROUTES.iter().any(|route| route.method == "POST" && route.path == *path), "{path}");
    }
    // And every route that takes a form about something of theirs has one.
    let unsent = ROUTES.iter().filter(|route| route.method == "POST" && names_theirs(route.path));
    for route in unsent {
        assert!(FORMS.iter().any(|(path, _)| *path == route.path), "{} has no form here", route.path);
    }
    school.close().await;
}
