//! One account is suspended, and every door of every program on the same records is shut within five seconds: the console,
//! the proxy's sign-in, and the sign-in to the web of an address.

use crate::gate::{Gate, shipped_policy};
use crate::lists::propose;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testkit::certificates::Fault;
use tokio::process::Command;

/// How soon every door is shut.
const SOON: Duration = Duration::from_secs(5);
/// Where the proxy asks who it is; and where a page does, since whoever signs in there is known by their address.
const AT_THE_PROXY: &str = "127.0.0.1";
const AT_THE_PAGE: &str = "127.0.0.2";

/// Somebody with a client of their own at one gate.
struct Client<'a> {
    gate: &'a Gate,
    cookies: PathBuf,
}

impl Client<'_> {
    /// What a page answers: its status and its text.
    async fn ask(&self, from: &str, path: &str, form: Option<&str>) -> (String, String) {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-w", "\n%{http_code}", "--noproxy", "*", "--interface", from]);
        curl.args(["--cacert", &self.gate.address("authority")]);
        curl.arg("--cookie").arg(&self.cookies).arg("--cookie-jar").arg(&self.cookies);
        if let Some(form) = form {
            curl.args(["--header", "Sec-Fetch-Site: same-origin", "--data", form]);
        }
        let output = curl.arg(format!("{}{path}", self.gate.address("console"))).output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let (text, status) = said.rsplit_once('\n').unwrap();
        (status.to_owned(), text.replace("&#x2f;", "/"))
    }

    async fn sign_in(&self, login: &str) {
        let form = format!("login={login}&password={}", self.gate.password(login));
        let (status, text) = self.ask(AT_THE_PROXY, "/sign-in", Some(&form)).await;
        assert_eq!(status, "303", "{text}");
    }

    /// True while the console opens.
    async fn is_in_console(&self) -> bool {
        self.ask(AT_THE_PROXY, "/my-account", None).await.0 == "200"
    }

    /// True while the web's page knows who sits at the address.
    async fn is_on_web(&self) -> bool {
        self.ask(AT_THE_PAGE, "/web/sign-in", None).await.1.contains("Hello")
    }
}

/// What the proxy answers to somebody's password: 200 while it opens, 407 when it does not.
async fn at_proxy(gate: &Gate, url: &str, login: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}", "--noproxy", ""]);
    curl.args(["--interface", AT_THE_PROXY, "--cacert", &gate.address("authority")]);
    curl.args(["--proxy", &gate.address("proxy")]);
    let user = format!("{login}:{}", gate.password(login));
    let output = curl.args(["--proxy-user", &user, url]).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (status, connect) = said.split_once(' ').unwrap();
    if status == "000" { connect.to_owned() } else { status.to_owned() }
}

/// Between two marks of a page.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap().0
}

#[tokio::test]
async fn an_account_that_is_suspended_is_out_of_every_door_of_every_program_within_five_seconds() {
    let cluster = testkit::postgres::Cluster::start().unwrap();
    let mut gate = Gate::start_with(&format!("[store]\npostgres = \"{}\"\n", cluster.url())).await;
    let (_origin, url) = gate.origin("games.schoolgate.test", Fault::None, "<title>Game</title>").await;
    let policy = shipped_policy();
    let machine = "id = \"this-machine\"\nschool = \"larkfield\"\nranges = [\"127.0.0.0/8\", \"::1/128\"]\n";
    let two = "id = \"this-machine\"\nschool = \"larkfield\"\nsign_in = \"proxy\"\nranges = [\"127.0.0.1/32\", \"::1/128\"]\n\n\
               [[network]]\nid = \"the-page\"\nschool = \"larkfield\"\nranges = [\"127.0.0.2/32\"]\n";
    assert!(policy.contains(machine), "the shipped policy names this machine");
    propose(&gate, &policy.replacen(machine, two, 1)).await;
    gate.reconfigure(|text| text.replacen("[proxy]\n", "[proxy]\nplain_passwords = true\n", 1)).await;
    let second = gate.second().await;

    let jars = tempfile::tempdir().unwrap();
    let client = |gate, name: &str| Client { gate, cookies: jars.path().join(name) };
    let (here, there) = (client(&gate, "here"), client(&second, "there"));
    let who = "class-teacher";
    for client in [&here, &there] {
        client.sign_in(who).await;
        let form = format!("login={who}&password={}", client.gate.password(who));
        let (_, page) = client.ask(AT_THE_PAGE, "/web/sign-in", Some(&form)).await;
        assert!(client.is_in_console().await && client.is_on_web().await, "{page}");
        assert_eq!(at_proxy(client.gate, &url, who).await, "200");
    }

    let head = client(&gate, "head");
    head.sign_in("headteacher").await;
    let (_, people) = head.ask(AT_THE_PROXY, "/people", Some(&format!("search={who}"))).await;
    let person = format!("/people/0{}", between(&people, "href=\"/people/0", "\""));
    let (_, page) = head.ask(AT_THE_PROXY, &person, None).await;
    let account = between(&page, "name=\"account\" value=\"", "\"");
    let form = format!("deed=suspend&account={account}&reason=a+test+asks");
    let (status, text) = head.ask(AT_THE_PROXY, &person, Some(&form)).await;
    assert_eq!(status, "303", "{text}");
    let suspended = Instant::now();

    let mut open = vec!["everything".to_owned()];
    while !open.is_empty() {
        assert!(suspended.elapsed() < SOON, "still open after {:?}: {open:?}", suspended.elapsed());
        open.clear();
        for (client, name) in [(&here, "here"), (&there, "there")] {
            if client.is_in_console().await {
                open.push(format!("the console {name}"));
            }
            if client.is_on_web().await {
                open.push(format!("the web {name}"));
            }
            if at_proxy(client.gate, &url, who).await != "407" {
                open.push(format!("the proxy {name}"));
            }
        }
    }
    let (_, page) = there.ask(AT_THE_PAGE, "/web/sign-in", Some(&format!("login={who}&password=x"))).await;
    assert!(!page.contains("Hello"));
}
