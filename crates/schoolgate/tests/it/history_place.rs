//! The history on a ClickHouse server: moved there and back at the command line, and a gate that filters without it.

use crate::gate::Gate;
use std::os::unix::fs::PermissionsExt as _;
use testkit::certificates::Fault;
use testkit::clickhouse::ClickHouse;

/// The section of a server, and the file of its password.
fn name_server(gate: &Gate, engine: &ClickHouse) -> String {
    let (user, password) = engine.login();
    let secrets = gate.folder.path().join("secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    let file = secrets.join("events");
    std::fs::write(&file, password).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let address = engine.address();
    format!("[history.server]\naddress = \"{address}\"\nuser = \"{user}\"\npassword = \"events\"\n")
}

#[tokio::test]
async fn history_moves_to_a_server_and_the_gate_goes_on_there_and_filters_while_it_is_away() {
    let mut engine = ClickHouse::start().unwrap();
    engine.ask("CREATE DATABASE schoolgate").unwrap();
    let mut gate = Gate::start().await;
    let (origin, url) = gate.origin("education.schoolgate.test", Fault::None, "<title>Page</title>").await;
    gate.sign_in_to_web("elsie").await;
    let mut browser = gate.browser().await;
    browser.visit(&format!("{url}?before-the-move")).await.unwrap();
    let running =
        gate.command(&["history", "move", "--to", "clickhouse", "--reason", "the trust grows"]).await;
    assert!(!running.status.success(), "not while it runs");
    gate.stop().await;
    let server = name_server(&gate, &engine);
    let file = gate.folder.path().join("schoolgate.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{config}\n{server}")).unwrap();

    let moved = gate.command(&["history", "move", "--to", "clickhouse", "--reason", "the trust grows"]).await;
    let said = String::from_utf8_lossy(&moved.stdout).into_owned();
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
    assert!(
        said.contains("are the same in both places") && said.contains("place = \"clickhouse\""),
        "{said}"
    );
    std::fs::write(&file, format!("{config}\n[history]\nplace = \"clickhouse\"\n{server}")).unwrap();
    gate.start_again().await;
    let mut browser = gate.browser().await;
    browser.visit(&format!("{url}?after-the-move")).await.unwrap();
    browser.close().await.unwrap();
    gate.stop().await;
    gate.start_again().await;
    let csv = gate.history_csv("safeguarding-lead", "host=education.schoolgate.test").await;
    assert!(csv.contains("?before-the-move") && csv.contains("?after-the-move"), "{csv}");

    // Dead at the start: it filters, and says that it does not record.
    gate.stop().await;
    engine.kill();
    gate.start_again().await;
    let mut browser = gate.browser().await;
    browser.visit(&format!("{url}?while-it-is-away")).await.unwrap();
    assert_eq!(browser.title().await.unwrap(), "Page");
    let mut technician = gate.console_browser("technician").await;
    technician.visit(&format!("{}/", gate.address("console"))).await.unwrap();
    let home = technician.text().await.unwrap();
    assert!(home.contains("Recording of requests"), "{home}");
    assert!(!home.contains("Nothing was lost since start"), "{home}");
    engine.start_again().unwrap();
    gate.stop().await;
    gate.start_again().await;
    let csv = gate.history_csv("safeguarding-lead", "host=education.schoolgate.test").await;
    assert_eq!(csv.matches("?while-it-is-away").count(), 1, "{csv}");

    gate.stop().await;
    std::fs::rename(gate.folder.path().join("history"), gate.folder.path().join("aside")).unwrap();
    let back = gate.command(&["history", "move", "--to", "folder", "--reason", "and back"]).await;
    assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    std::fs::write(&file, &config).unwrap();
    gate.start_again().await;
    let csv = gate.history_csv("safeguarding-lead", "host=education.schoolgate.test").await;
    for visit in ["?before-the-move", "?after-the-move", "?while-it-is-away"] {
        assert_eq!(csv.matches(visit).count(), 1, "{visit}: {csv}");
    }
    assert!(!origin.seen().is_empty());
}
