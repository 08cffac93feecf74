//! Nothing is open by accident: every route of the table, with every role.

use crate::school::School;
use crate::wire::Visitor;
use console::{Access, ROUTES};
use hyper::StatusCode;
use model::{Action, Role};

/// What the printed table says; a test of `identity` keeps it equal to the one in force.
fn may(role: Role, action: Action) -> bool {
    let table = include_str!("../../../../docs/permissions.md");
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let head = table.lines().find(|line| line.starts_with("| Role ")).unwrap();
    let column = cells(head).iter().position(|cell| cell == action.slug()).unwrap();
    let row = table.lines().find(|line| line.starts_with(&format!("| {} |", role.title()))).unwrap();
    cells(row)[column] == "yes"
}

/// An id that nothing has: whoever may do the action at all finds nothing there.
const NOTHING: &str = "01990000-0000-7000-8000-000000000000";

/// Every page to read that is not for everybody: a path, and the action it needs. One that ends in [`NOTHING`] is not
/// there for anybody.
fn guarded(school: &School) -> impl Iterator<Item = (String, Action)> {
    ROUTES.iter().filter(|route| route.method == "GET").filter_map(|route| match route.access {
        Access::May(action) => {
            let path = route.path.replace("{clause}", "FLT-2").replace("{list}", "starter");
            let path = [
                "{alert}",
                "{case}",
                "{export}",
                "{hold}",
                "{week}",
                "{host}",
                "{look}",
                "{event}",
                "{person}",
                "{request}",
                "{review}",
                "{pool}",
                "{import}",
                "{class}",
            ]
            .iter()
            .fold(path, |path, id| path.replace(id, NOTHING));
            Some((path.replace("{revision}", &school.earlier_lists), action))
        }
        Access::Anybody => None,
    })
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_sent_to_sign_in_and_back_afterwards() {
    let school = School::open().await;
    let visitor = Visitor::new(&school);
    for (path, _) in guarded(&school) {
        let answer = visitor.get(&path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        let back = path.trim_start_matches('/').replace('/', "%2F");
        let expected =
            if back.is_empty() { "/sign-in".to_owned() } else { format!("/sign-in?next=%2F{back}") };
        assert_eq!(answer.location(), expected);
    }
    school.close().await;
}

#[tokio::test]
async fn each_role_opens_what_the_table_says_and_nothing_else() {
    let school = School::open().await;
    for role in Role::ALL {
        let mut visitor = Visitor::new(&school);
        let signed_in = visitor.sign_in(role).await;
        if !may(role, Action::SeeHome) {
            assert_eq!(signed_in.status, StatusCode::UNPROCESSABLE_ENTITY, "{role:?}");
            assert!(visitor.cookie.is_empty());
            continue;
        }
        for (path, action) in guarded(&school) {
            // The page of news answers at once where somebody has seen other news than there is.
            let path = if path.ends_with("/live") { format!("{path}?seen=9") } else { path };
            let answer = visitor.get(&path).await;
            let expected = match may(role, action) {
                true if path.contains(NOTHING) => StatusCode::NOT_FOUND,
                true => StatusCode::OK,
                false => StatusCode::FORBIDDEN,
            };
            assert_eq!(answer.status, expected, "{role:?} at {path}");
        }
    }
    school.close().await;
}
