//! A list over HTTPS: taken from a server that the school trusts, and from no other.

use lists::{Fetch, SourceState, Update, prepare};
use model::{Category, Host, ListId, Timestamp};
use policy::rules::{ListFormat, ListSource, Subscription};
use std::collections::HashMap;
use testkit::certificates::{Fault, TestAuthority};
use testkit::origin::{Origin, TestPage};

#[tokio::test]
async fn a_list_comes_over_https_from_a_trusted_server_and_from_no_other() {
    let authority = TestAuthority::new().unwrap();
    for (fault, trusted) in [(Fault::None, true), (Fault::Untrusted, false), (Fault::Expired, false)] {
        let tls = authority.server("localhost", fault, &["http/1.1"]).unwrap();
        let page = TestPage { content_type: "text/plain", body: "chess.test\n".into() };
        let origin = Origin::start(Some(tls), HashMap::from([("/list".to_owned(), page)])).await.unwrap();
        let source = ListSource {
            id: ListId::new("far"),
            name: "far".into(),
            format: ListFormat::Domains,
            source: format!("https://localhost:{}/list", origin.address().port()).into(),
            category: Category::parse("games"),
            folders: Vec::new(),
            subscription: Subscription::default(),
        };
        let fetch = Fetch { extra_roots: vec![authority.der()], ..Fetch::default() };
        let how = Update { fetch, ..Update::default() };
        let folder = tempfile::tempdir().unwrap();
        let prepared = prepare(&[source], folder.path(), &how, Timestamp(1), &mut |_| {}).await.unwrap();
        let (image, report) = prepared.swap().await.unwrap();
        let blocked = !image.lookup(&Host::parse("www.chess.test").unwrap()).is_empty();
        assert_eq!(blocked, trusted, "{fault:?}");
        let fresh =
            report.lists.iter().any(|list| list.id.as_str() == "far" && list.state == SourceState::Fresh);
        assert_eq!(fresh, trusted, "{fault:?}");
    }
}
