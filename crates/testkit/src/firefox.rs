//! A real Firefox, driven over WebDriver BiDi (W3C, read 2026-11-22): just what the journeys need.
//!
//! It trusts what it ships with and what the school's roll-out pack tells it to, and no certificate is ever waved
//! through. The pack is installed as its own page says, in a mount namespace of this browser's own: the machine keeps an
//! empty folder, `/etc/firefox/policies`, and nothing else. That needs root.
#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value never panics: what is not there reads as null"
)]

use crate::{TestError, listening};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long the browser may take for one thing before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// How it finds its way to the web.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FirefoxWay {
    /// Through a proxy, for every host: `127.0.0.1:3128`.
    Proxy(String),
    /// As a file says: `http://127.0.0.1:3128/proxy.pac`.
    Pac(String),
}

/// What a Firefox starts with.
#[derive(Clone, Debug)]
pub struct FirefoxOptions {
    /// How it finds its way.
    pub way: FirefoxWay,
    /// A roll-out pack, as `schoolgate authority pack` wrote it; `None`: it trusts only what it ships with.
    pub pack: Option<PathBuf>,
    /// Names that it finds at this machine by itself, where nothing leads it to the proxy.
    pub local_names: Vec<String>,
}

/// A running Firefox with one page.
#[derive(Debug)]
pub struct Firefox {
    process: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    context: Value,
    next_id: u64,
    _profile: tempfile::TempDir,
}

impl Firefox {
    /// Starts Firefox with a profile of its own that asks nothing of the outside by itself.
    pub async fn launch(options: &FirefoxOptions) -> Result<Self, TestError> {
        let profile = tempfile::Builder::new().prefix("schoolgate-firefox").tempdir()?;
        std::fs::write(profile.path().join("user.js"), preferences(options))?;
        let mut process = firefox(profile.path(), options.pack.as_deref())?.spawn().map_err(|error| {
            TestError::new(format!("firefox does not start ({error}); `cargo xtask test` installs it"))
        })?;
        let address = listening::address(&mut process, "WebDriver BiDi listening on ", PATIENCE).await?;
        let (socket, _) = connect_async(format!("{address}/session")).await?;
        let mut firefox = Self { process, socket, context: Value::Null, next_id: 0, _profile: profile };
        firefox.call("session.new", json!({"capabilities": {}})).await?;
        firefox.call("session.subscribe", json!({"events": ["browsingContext.load"]})).await?;
        let tree = firefox.call("browsingContext.getTree", json!({})).await?;
        firefox.context = tree["contexts"][0]["context"].clone();
        Ok(firefox)
    }

    /// Opens an address and waits until it is loaded. The text is Firefox's own error, such as one that names
    /// `SEC_ERROR_UNKNOWN_ISSUER`, where it could not.
    pub async fn open(&mut self, url: &str) -> Result<Result<(), String>, TestError> {
        let asked = json!({"context": self.context, "url": url, "wait": "complete"});
        let answer = self.answer_of("browsingContext.navigate", asked, None).await?;
        Ok(match answer["type"].as_str() {
            Some("success") => Ok(()),
            _ => Err(answer["message"].as_str().unwrap_or_default().to_owned()),
        })
    }

    /// Opens an address that must load.
    pub async fn visit(&mut self, url: &str) -> Result<(), TestError> {
        self.open(url).await?.map_err(|error| TestError::new(format!("{url} did not load: {error}")))
    }

    /// The value of a JavaScript expression that is a text, a number or a truth; a promise is awaited.
    pub async fn value_of(&mut self, expression: &str) -> Result<Value, TestError> {
        let answer = self.call("script.evaluate", self.evaluation(expression)).await?;
        match answer["type"].as_str() {
            Some("success") => Ok(answer["result"]["value"].clone()),
            _ => Err(TestError::new(format!("the page threw: {}", answer["exceptionDetails"]["text"]))),
        }
    }

    /// The page's visible text.
    pub async fn text(&mut self) -> Result<String, TestError> {
        let text = self.value_of("document.body ? document.body.innerText : ''").await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// The page's title.
    pub async fn title(&mut self) -> Result<String, TestError> {
        Ok(self.value_of("document.title").await?.as_str().unwrap_or_default().to_owned())
    }

    /// Types into the field with this name.
    pub async fn fill(&mut self, name: &str, text: &str) -> Result<(), TestError> {
        let field = format!("document.querySelector('[name={}]')", Value::from(name));
        self.value_of(&format!("{field}.value = {}", Value::from(text))).await.map(drop)
    }

    /// Presses the first button whose text is exactly this, and waits for the page it leads to.
    pub async fn press(&mut self, words: &str) -> Result<(), TestError> {
        let press = format!(
            "(() => {{ const it = [...document.querySelectorAll('button')].find(e => e.innerText.trim() === {});
               if (it) setTimeout(() => it.click(), 0); return !!it; }})()",
            Value::from(words)
        );
        let asked = self.evaluation(&press);
        let answer = self.answer_of("script.evaluate", asked, Some("browsingContext.load")).await?;
        match answer["result"]["result"]["value"].as_bool() {
            Some(true) => Ok(()),
            _ => Err(TestError::new(format!("no button says \u{201c}{words}\u{201d}: {answer}"))),
        }
    }

    /// Closes the browser, and waits until its whole family of processes has gone.
    pub async fn close(mut self) -> Result<(), TestError> {
        self.call("browser.close", json!({})).await?;
        timeout(PATIENCE, self.process.wait()).await.map_err(|_| TestError::new("firefox stays"))??;
        Ok(())
    }

    fn evaluation(&self, expression: &str) -> Value {
        json!({"expression": expression, "target": {"context": self.context}, "awaitPromise": true})
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Result<Value, TestError> {
        let answer = self.answer_of(method, parameters, None).await?;
        match answer["type"].as_str() {
            Some("success") => Ok(answer["result"].clone()),
            _ => Err(TestError::new(format!("firefox refused {method}: {answer}"))),
        }
    }

    /// Calls, and waits for the answer, and then for an event, unless the answer is that nothing was found.
    async fn answer_of(
        &mut self,
        method: &str,
        parameters: Value,
        event: Option<&str>,
    ) -> Result<Value, TestError> {
        self.next_id += 1;
        let (id, message) =
            (self.next_id, json!({"id": self.next_id, "method": method, "params": parameters}));
        self.socket.send(Message::text(message.to_string())).await?;
        let wait = timeout(PATIENCE, self.answer_and_event(id, event));
        wait.await.map_err(|_| TestError::new(format!("{method} took longer than {PATIENCE:?}")))?
    }

    async fn answer_and_event(&mut self, id: u64, event: Option<&str>) -> Result<Value, TestError> {
        let (mut answer, mut seen) = (None, event.is_none());
        loop {
            let Some(message) = self.socket.next().await else {
                return Err(TestError::new("the browser went away"));
            };
            let Message::Text(text) = message? else { continue };
            let message: Value =
                serde_json::from_str(&text).map_err(|error| TestError::new(error.to_string()))?;
            if message["id"] == json!(id) {
                seen |= message["result"]["result"]["value"] == json!(false) || message["type"] == "error";
                answer = Some(message);
            } else if answer.is_some() && event.is_some() && message["method"].as_str() == event {
                seen = true;
            }
            if seen && let Some(answer) = answer.take() {
                return Ok(answer);
            }
        }
    }
}

/// Installs the pack as its READ-ME.txt says, where it is seen by what follows alone, and then becomes Firefox.
const WITH_PACK: &str = "\
mkdir -p /etc/firefox/policies
for folder in /etc/firefox/policies /usr/local/share/ca-certificates; do mount -t tmpfs none $folder; done
UPDATE=true sh \"$PACK/debian/install.sh\"
cp \"$PACK/firefox/policies.json\" /etc/firefox/policies/
exec firefox-esr \"$@\"";

fn firefox(profile: &Path, pack: Option<&Path>) -> Result<Command, TestError> {
    let mut command = match pack {
        None => Command::new("firefox-esr"),
        Some(pack) => {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-ec", WITH_PACK, "firefox"]).env("PACK", pack.canonicalize()?);
            command
        }
    };
    command
        .env("HOME", profile)
        .env("MOZ_CRASHREPORTER_DISABLE", "1")
        .args(["--headless", "--no-remote", "--new-instance", "--remote-debugging-port", "0"])
        .arg("--profile")
        .arg(profile)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

/// What asks the outside by itself, switched off. BiDi switches off much of the same.
const QUIET: [(&str, &str); 14] = [
    ("app.normandy.enabled", "false"),
    ("app.update.disabledForTesting", "true"),
    ("browser.region.network.url", "''"),
    ("browser.safebrowsing.malware.enabled", "false"),
    ("browser.safebrowsing.phishing.enabled", "false"),
    ("browser.shell.checkDefaultBrowser", "false"),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("dom.push.connection.enabled", "false"),
    ("extensions.getAddons.cache.enabled", "false"),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("network.trr.mode", "5"),
    ("services.settings.server", "'data:,nothing'"),
    ("toolkit.telemetry.server", "''"),
];

fn preferences(options: &FirefoxOptions) -> String {
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "user_pref(\"{name}\", {value});");
    };
    for (name, value) in QUIET {
        set(name, value);
    }
    // Without this it would go round the proxy for every host of this machine.
    set("network.proxy.allow_hijacking_localhost", "true");
    set("network.dns.localDomains", &Value::from(options.local_names.join(",")).to_string());
    match &options.way {
        FirefoxWay::Proxy(proxy) => {
            let (host, port) = proxy.rsplit_once(':').unwrap_or((proxy, "3128"));
            set("network.proxy.type", "1");
            for scheme in ["http", "ssl"] {
                set(&format!("network.proxy.{scheme}"), &Value::from(host).to_string());
                set(&format!("network.proxy.{scheme}_port"), port);
            }
        }
        FirefoxWay::Pac(file) => {
            set("network.proxy.type", "2");
            set("network.proxy.autoconfig_url", &Value::from(file.as_str()).to_string());
        }
    }
    text
}
