//! Who is asking, from the wire to the screen: a controller's RADIUS accounting, and two people behind one address.

use crate::gate::{Gate, shipped_policy};
use crate::lists::propose;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use testkit::certificates::Fault;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const SECRET: &str = "a secret of some length";

#[tokio::test]
async fn whoever_a_controller_reports_is_named_by_why_with_how_and_until_when() {
    let mut gate = Gate::start().await;
    let secrets = gate.folder.path().join("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    let file = secrets.join("wifi");
    std::fs::write(&file, SECRET).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    gate.reconfigure(|text| {
        text + "\n[radius]\nlisten = \"127.0.0.1:0\"\n[[radius.client]]\naddress = \"127.0.0.1\"\nsecret = \"wifi\"\n"
    })
    .await;
    let report = "User-Name = \"elsie\"\nAcct-Status-Type = Start\nAcct-Session-Id = \"1\"\nFramed-IP-Address = 10.20.0.9\n";
    let mut radclient = Command::new("radclient")
        .args(["-r", "2", "-t", "5", &gate.address("radius_accounting"), "acct", SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    radclient.stdin.take().unwrap().write_all(report.as_bytes()).await.unwrap();
    assert!(radclient.wait().await.unwrap().success());

    let mut head = gate.console_browser("headteacher").await;
    let why = format!("{}/why?who=10.20.0.9&url=www.bbc.co.uk", gate.address("console"));
    head.visit(&why).await.unwrap();
    let text = head.text().await.unwrap();
    assert!(text.contains("Elsie") && text.contains("(signed in to the network at "), "{text}");
    assert!(text.contains(", at 10.20.0.9: in the group Lower Key Stage 2"), "{text}");
}

/// Has the proxy ask each connection from this machine who it is.
pub async fn ask_at_the_proxy(gate: &Gate) {
    let policy = shipped_policy();
    let machine = "id = \"this-machine\"\n";
    propose(gate, &policy.replacen(machine, &format!("{machine}sign_in = \"proxy\"\n"), 1)).await;
}

#[tokio::test]
async fn a_pupil_and_a_teacher_behind_one_address_each_get_their_own_rules_and_their_own_history() {
    let mut gate = Gate::start().await;
    let (_origin, url) = gate.origin("games.schoolgate.test", Fault::None, "<title>Game</title>Play").await;
    ask_at_the_proxy(&gate).await;
    gate.reconfigure(|text| text.replacen("[proxy]\n", "[proxy]\nplain_passwords = true\n", 1)).await;

    let (pupil, teacher) = (gate.password("elsie"), gate.password("class-teacher"));
    let (pupil, teacher, wrong) = tokio::join!(
        curl(&gate, &url, "elsie", &pupil),
        curl(&gate, &url, "class-teacher", &teacher),
        curl(&gate, &url, "class-teacher", "of last term"),
    );
    assert_eq!((pupil.as_str(), teacher.as_str(), wrong.as_str()), ("403", "200", "407"));
    let csv = gate.history_csv_with_names("headteacher", "host=games.schoolgate.test").await;
    let of = |login: &str| csv.lines().filter(|line| line.contains(&format!(",{login},"))).count();
    assert_eq!((of("elsie"), of("class-teacher")), (1, 1), "{csv}");
    assert_eq!(csv.matches("signed in to the proxy at ").count(), 2, "{csv}");
}

/// What a curl process of its own was answered: the origin's status, or the proxy's where that let it no further.
async fn curl(gate: &Gate, url: &str, login: &str, password: &str) -> String {
    let authority = PathBuf::from(gate.address("authority"));
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}", "--noproxy", ""]);
    curl.arg("--cacert").arg(authority).args(["--proxy", &gate.address("proxy")]);
    let output = curl.args(["--proxy-user", &format!("{login}:{password}"), url]).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (status, connect) = said.split_once(' ').unwrap();
    if status == "000" { connect.to_owned() } else { status.to_owned() }
}
