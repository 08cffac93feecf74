use lists::{
    BUILT_IN_ILLEGAL, Fetch, ListError, Progress, Report, SourceState, Update, holds, last_report, prepare,
    starter_image,
};
use model::{Category, Host, ListId, Timestamp};
use policy::image::Image;
use policy::rules::{ListFormat, ListSource, Subscription};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const FIRST: Timestamp = Timestamp(1_000);
const SECOND: Timestamp = Timestamp(2_000);

fn source(id: &str, format: ListFormat, source: &str) -> ListSource {
    let category = Category::parse("games");
    ListSource {
        id: ListId::new(id),
        name: id.into(),
        format,
        source: source.into(),
        category,
        folders: vec![],
        subscription: Subscription::default(),
    }
}

/// An update of the gate's own, put in force.
async fn update(
    lists: &[ListSource],
    dir: &Path,
    fetch: &Fetch,
    at: Timestamp,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(Image, Report), ListError> {
    let how = Update { fetch: fetch.clone(), ..Update::default() };
    prepare(lists, dir, &how, at, on_progress).await?.swap().await
}

async fn run(lists: &[ListSource], dir: &Path, at: Timestamp) -> (Image, Report) {
    update(lists, dir, &Fetch::default(), at, &mut |_| {}).await.unwrap()
}

fn blocks(image: &Image, host: &str) -> bool {
    !image.lookup(&Host::parse(host).unwrap()).is_empty()
}

/// A web server of fixed answers, each the whole text after the request, by path. An answer can be changed.
#[derive(Clone)]
struct Server {
    address: String,
    answers: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new(HashMap::<String, Vec<u8>>::new()));
        let server = Self { address, answers: answers.clone() };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                let text = String::from_utf8(request).unwrap();
                let path = text.split(' ').nth(1).unwrap().to_owned();
                let answer = answers.lock().unwrap().get(&path).cloned();
                // The other side may hang up before it has read all: that is one of the cases.
                let _ =
                    stream.write_all(&answer.unwrap_or_else(|| b"HTTP/1.1 404 No\r\n\r\n".to_vec())).await;
            }
        });
        server
    }

    fn answer(&self, path: &str, head: &str, body: &[u8]) {
        let mut answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").into_bytes();
        answer.extend_from_slice(body);
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

#[tokio::test]
async fn a_list_is_downloaded_through_redirections_and_its_progress_is_told() {
    let (server, dir) = (Server::start().await, tempfile::tempdir().unwrap());
    server.answer("/old?a=b", "302 Found\r\nlocation: /new", b"");
    server.answer("/new", "200 OK\r\ncontent-length: 12", b"one.example\n");
    let list = source("web", ListFormat::Domains, &server.url("/old?a=b"));
    let mut told = Vec::new();
    let mut tell = |progress| told.push(progress);
    let (image, report) = update(&[list], dir.path(), &Fetch::default(), FIRST, &mut tell).await.unwrap();
    assert!(blocks(&image, "www.one.example"));
    assert_eq!(report.lists[0].state, SourceState::Fresh);
    let id = ListId::new("web");
    assert_eq!(told[0], Progress::Fetching { list: id.clone(), bytes: 12, of: Some(12) });
    assert_eq!(
        told[1..],
        [Progress::Read { list: id, entries: 1, state: SourceState::Fresh }, Progress::Building]
    );
}

#[tokio::test]
async fn a_source_that_fails_in_any_way_is_replaced_by_its_last_good_copy() {
    let (server, dir) = (Server::start().await, tempfile::tempdir().unwrap());
    let lists = [source("web", ListFormat::Domains, &server.url("/list"))];
    server.answer("/list", "200 OK", b"one.example\n");
    let (first, _) = run(&lists, dir.path(), FIRST).await;
    for (head, body, why) in [
        ("404 Not Found", &b""[..], "404"),
        ("302 Found\r\nlocation: /list", b"", "at most 5 redirections"),
        ("302 Found\r\nlocation: ftp://example.com/", b"", "http or https"),
        ("200 OK", b"<html>Please sign in</html>", "found none"),
        ("200 OK\r\ncontent-length: 99999999999", b"one.example\n", "at most 268435456 bytes"),
        ("200 OK\r\ncontent-length: 100", b"one.example\n", "HTTP"),
        ("200 OK", b"\x1f\x8b\x08\x00broken", "unpacking"),
    ] {
        server.answer("/list", head, body);
        let (image, report) = run(&lists, dir.path(), SECOND).await;
        assert_eq!(image.revision(), first.revision(), "{head}");
        let SourceState::Copy { since, why: said } = &report.lists[0].state else { panic!("{head}") };
        assert_eq!(*since, FIRST);
        assert!(said.contains(why), "{said}");
        assert_eq!(image.lists()[0].read_at, FIRST);
    }
}

#[tokio::test]
async fn a_source_that_never_worked_is_missing_and_the_others_are_in_force() {
    let (server, dir) = (Server::start().await, tempfile::tempdir().unwrap());
    let lists = [
        source("web", ListFormat::Domains, &server.url("/nothing")),
        source("starter", ListFormat::Starter, "starter"),
    ];
    let (image, report) = run(&lists, dir.path(), FIRST).await;
    assert!(matches!(report.lists[0].state, SourceState::Missing { .. }));
    assert_eq!(report.lists[1].state, SourceState::Fresh);
    assert!(blocks(&image, "illegal-test.schoolgate.test"));
    assert_eq!(lists::open_current(dir.path()).unwrap().revision(), image.revision());
}

#[tokio::test]
async fn bounds_on_size_and_time_hold() {
    let (server, dir) = (Server::start().await, tempfile::tempdir().unwrap());
    server.answer("/list", "200 OK", b"one.example\ntwo.example\n");
    // A listener that accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_address = format!("http://{}/", silent.local_addr().unwrap());
    for (address, expected) in
        [(server.url("/list"), "at most 10 bytes"), (silent_address, "within 0 seconds")]
    {
        let settings =
            Fetch { size_limit_bytes: 10, time_limit: Duration::from_millis(500), ..Fetch::default() };
        let list = source("web", ListFormat::Domains, &address);
        let (_, report) = update(&[list], dir.path(), &settings, FIRST, &mut |_| {}).await.unwrap();
        let SourceState::Missing { why } = &report.lists[0].state else { panic!("{address}") };
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test]
async fn a_folder_that_goes_away_is_replaced_by_its_last_good_copy() {
    let (folder, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = folder.path().join("tree");
    std::fs::create_dir_all(tree.join("adult")).unwrap();
    std::fs::write(tree.join("adult/domains"), "adult.example\n").unwrap();
    std::os::unix::fs::symlink("adult", tree.join("porn")).unwrap();
    let pornography = Category::parse("pornography").unwrap();
    let path = tree.to_str().unwrap();
    let lists =
        [ListSource { folders: vec![("porn".into(), pornography)], ..source("ut1", ListFormat::Ut1, path) }];
    let (image, report) = run(&lists, dir.path(), FIRST).await;
    assert!(blocks(&image, "adult.example"));
    assert_eq!(report.lists[0].names, 1);
    std::fs::remove_dir_all(&tree).unwrap();
    let (image, report) = run(&lists, dir.path(), SECOND).await;
    assert!(blocks(&image, "adult.example"));
    assert!(matches!(report.lists[0].state, SourceState::Copy { since: FIRST, .. }));
}

#[tokio::test]
async fn the_same_lists_again_give_the_same_revision_with_a_later_time_of_reading() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("names.txt");
    std::fs::write(&file, "0.0.0.0 one.example\n").unwrap();
    let lists = [source("odd/../id", ListFormat::Hosts, file.to_str().unwrap())];
    let (first, _) = run(&lists, dir.path(), FIRST).await;
    let (second, _) = run(&lists, dir.path(), SECOND).await;
    assert_eq!(first.revision(), second.revision());
    assert_eq!((first.lists()[0].read_at, second.lists()[0].read_at), (FIRST, SECOND));
}

#[tokio::test]
async fn the_illegal_list_is_in_every_image_whatever_the_policy_lists() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("names.txt");
    std::fs::write(&file, "one.example\n").unwrap();
    let other = source("other", ListFormat::Domains, file.to_str().unwrap());
    let is_illegal = |image: &Image| {
        let host = Host::parse("illegal-test.schoolgate.test").unwrap();
        image.lookup(&host).categories().contains(Category::ILLEGAL)
    };
    for lists in [vec![], vec![other.clone()]] {
        let (image, report) = run(&lists, dir.path(), FIRST).await;
        assert!(is_illegal(&image) && holds(&image, None, &lists), "{lists:?}");
        assert_eq!(report.lists.last().unwrap().id.as_str(), BUILT_IN_ILLEGAL);
        assert!(report.troubles().is_empty());
    }
    let starter = starter_image(FIRST).unwrap();
    assert!(is_illegal(&starter) && holds(&starter, None, &[]));
    assert!(!holds(&starter, None, &[other]));
}

#[tokio::test]
async fn a_list_in_force_that_goes_missing_leaves_the_image_in_force_and_a_new_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("names.txt");
    std::fs::write(&file, "one.example\n").unwrap();
    let mut held = source("held", ListFormat::Domains, file.to_str().unwrap());
    let absent = source("absent", ListFormat::Domains, "/nowhere/at/all");
    let (image, report) = run(&[held.clone(), absent.clone()], dir.path(), FIRST).await;
    assert!(blocks(&image, "one.example") && !holds(&image, None, &[absent]));
    assert_eq!(report.missing(), ["absent"]);
    let [trouble] = &report.troubles()[..] else { panic!("{:?}", report.troubles()) };
    assert!(trouble.contains("absent") && !trouble.contains("/nowhere"), "{trouble}");

    std::fs::remove_file(&file).unwrap();
    let (_, report) = run(&[held.clone()], dir.path(), SECOND).await;
    assert!(report.troubles()[0].contains("its copy of 1970-01-01"), "{:?}", report.troubles());

    std::fs::remove_dir_all(dir.path().join("sources")).unwrap();
    held.source = "/nowhere/at/all".into();
    let lost = update(&[held], dir.path(), &Fetch::default(), SECOND, &mut |_| {}).await;
    assert!(matches!(lost, Err(ListError::WouldBeLost { lists }) if lists == ["held"]));
    assert!(blocks(&lists::open_current(dir.path()).unwrap(), "one.example"));
}

#[tokio::test]
async fn a_list_of_rules_alone_is_held_and_does_not_stop_deciding() {
    let (home, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pages = home.path().join("pages.txt");
    std::fs::write(&pages, "one.example/page\n").unwrap();
    let lists = [source("pages", ListFormat::Urls, &pages.display().to_string())];
    let (image, report) = run(&lists, dir.path(), FIRST).await;
    let told = report.lists.iter().find(|list| list.id.as_str() == "pages").unwrap();
    assert_eq!((told.names, told.rules), (0, 1));
    assert!(!holds(&image, None, &lists));
    assert!(holds(&image, last_report(dir.path()).as_ref(), &lists), "by the account on the disk");
    std::fs::remove_file(&pages).unwrap();
    std::fs::remove_dir_all(dir.path().join("sources")).unwrap();
    let lost = update(&lists, dir.path(), &Fetch::default(), SECOND, &mut |_| {}).await;
    assert!(matches!(lost, Err(ListError::WouldBeLost { .. })), "{lost:?}");
}
