//! A real Chromium, driven over the DevTools protocol: just what the journeys need.
//!
//! Own code instead of a driver crate: the generated ones take longer to compile than everything else in the tests.
//! No certificate is ever ignored: what the browser trusts is what stands in its own NSS store.
#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value never panics: what is not there reads as null"
)]

use crate::{TestError, listening};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// How long the browser may take for one thing before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a browser starts with.
#[derive(Debug, Default)]
pub struct BrowserOptions {
    /// The proxy, as `http://127.0.0.1:3128`; empty: none.
    pub proxy: String,
    /// A CA certificate (PEM file) to put in the browser's NSS store; `None`: it trusts only what the system trusts.
    pub trusted_ca: Option<PathBuf>,
}

/// A running Chromium with one page.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    next_id: u64,
    _home: tempfile::TempDir,
}

impl Browser {
    /// Starts Chromium with an empty profile of its own.
    pub async fn launch(options: &BrowserOptions) -> Result<Self, TestError> {
        Self::launch_with(options, &[]).await
    }

    /// The same with a camera that shows a film (YUV4MPEG2) again and again, and that every page may use.
    pub async fn launch_with_camera(options: &BrowserOptions, film: &Path) -> Result<Self, TestError> {
        let film = format!("--use-file-for-fake-video-capture={}", film.display());
        let camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", &film];
        Self::launch_with(options, &camera).await
    }

    async fn launch_with(options: &BrowserOptions, flags: &[&str]) -> Result<Self, TestError> {
        let home = tempfile::Builder::new().prefix("schoolgate-browser").tempdir()?;
        if let Some(ca) = &options.trusted_ca {
            trust(home.path(), ca).await?;
        }
        let mut process = chromium(home.path(), options).args(flags).spawn().map_err(|error| {
            TestError::new(format!("chromium does not start ({error}); `cargo xtask test` installs it"))
        })?;
        let address = listening::address(&mut process, "DevTools listening on ", PATIENCE).await?;
        let config =
            WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(64 << 20));
        let (socket, _) = connect_async_with_config(address, Some(config), false).await?;
        let mut browser = Self { process, socket, session: String::new(), next_id: 0, _home: home };
        browser.open_page().await?;
        Ok(browser)
    }

    async fn open_page(&mut self) -> Result<(), TestError> {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"})).await?;
        let id = target["targetId"].clone();
        let attached = self.call("Target.attachToTarget", json!({"targetId": id, "flatten": true})).await?;
        self.session = attached["sessionId"].as_str().unwrap_or_default().to_owned();
        self.call("Page.enable", json!({})).await?;
        self.call("Page.setBypassCSP", json!({"enabled": false})).await?;
        Ok(())
    }

    /// Opens an address and waits until it is loaded. The text is Chromium's own error, such as
    /// `net::ERR_CERT_AUTHORITY_INVALID`, where it could not.
    pub async fn open(&mut self, url: &str) -> Result<Result<(), String>, TestError> {
        let answer =
            self.call_until("Page.navigate", json!({"url": url}), Some("Page.loadEventFired")).await?;
        Ok(match answer["errorText"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(()),
        })
    }

    /// Opens an address that must load.
    pub async fn visit(&mut self, url: &str) -> Result<(), TestError> {
        self.open(url).await?.map_err(|error| TestError::new(format!("{url} did not load: {error}")))
    }

    /// The value of a JavaScript expression; a promise is awaited.
    pub async fn value_of(&mut self, expression: &str) -> Result<Value, TestError> {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", asked).await?;
        match answer.get("exceptionDetails") {
            Some(exception) => Err(TestError::new(format!("the page threw: {exception}"))),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// The page's visible text.
    pub async fn text(&mut self) -> Result<String, TestError> {
        Ok(self
            .value_of("document.body ? document.body.innerText : ''")
            .await?
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// The page's title.
    pub async fn title(&mut self) -> Result<String, TestError> {
        Ok(self.value_of("document.title").await?.as_str().unwrap_or_default().to_owned())
    }

    /// Types into the field with this name.
    pub async fn fill(&mut self, name: &str, text: &str) -> Result<(), TestError> {
        let field = format!("document.querySelector('[name={}]')", Value::from(name));
        self.value_of(&format!("{field}.focus(), {field}.value = ''")).await?;
        self.call("Input.insertText", json!({"text": text})).await?;
        Ok(())
    }

    /// Presses the first button or link whose text is exactly this, to the eye or to a screen reader, and waits for the page it
    /// leads to.
    pub async fn press(&mut self, words: &str) -> Result<(), TestError> {
        let found = format!(
            "(() => {{ const all = [...document.querySelectorAll('button, a, input[type=submit]')];
               const plain = text => (text || '').replace(/\\s+/g, ' ').trim(), words = {};
               const it = all.find(e => [e.innerText, e.textContent, e.value].some(text => plain(text) === words));
               if (!it) return false; setTimeout(() => it.click(), 0); return true; }})()",
            Value::from(words)
        );
        let asked = json!({"expression": found, "returnByValue": true});
        let answer = self.call_until("Runtime.evaluate", asked, Some("Page.loadEventFired")).await?;
        match answer["result"]["value"].as_bool() {
            Some(true) => Ok(()),
            _ => Err(TestError::new(format!("no button or link says \u{201c}{words}\u{201d}"))),
        }
    }

    /// The cookies that go to an address, as a `Cookie` header has them.
    pub async fn cookies(&mut self, url: &str) -> Result<String, TestError> {
        let answer = self.call("Network.getCookies", json!({"urls": [url]})).await?;
        let cookies = answer["cookies"].as_array().cloned().unwrap_or_default();
        let pair =
            |cookie: &Value| Some(format!("{}={}", cookie["name"].as_str()?, cookie["value"].as_str()?));
        Ok(cookies.iter().filter_map(pair).collect::<Vec<_>>().join("; "))
    }

    /// Sets the width of the window in CSS pixels.
    pub async fn set_width(&mut self, pixels: u32) -> Result<(), TestError> {
        let size = json!({"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": pixels < 600});
        self.call("Emulation.setDeviceMetricsOverride", size).await.map(drop)
    }

    /// Switches the page's scripts off or on, from the next page on.
    pub async fn set_scripts(&mut self, enabled: Scripts) -> Result<(), TestError> {
        let off = json!({"value": enabled == Scripts::Off});
        self.call("Emulation.setScriptExecutionDisabled", off).await.map(drop)
    }

    /// Plugs in an authenticator that is not there: one that is part of the device, keeps passkeys, and has just recognised
    /// its owner. Its id, for [`Browser::passkeys`].
    pub async fn plug_in_authenticator(&mut self) -> Result<String, TestError> {
        self.call("WebAuthn.enable", json!({"enableUI": false})).await?;
        let options = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        });
        let added = self.call("WebAuthn.addVirtualAuthenticator", json!({"options": options})).await?;
        Ok(added["authenticatorId"].as_str().unwrap_or_default().to_owned())
    }

    /// The passkeys that an authenticator holds, private keys and counters too.
    pub async fn passkeys(&mut self, authenticator: &str) -> Result<Vec<Value>, TestError> {
        let asked = json!({"authenticatorId": authenticator});
        let answer = self.call("WebAuthn.getCredentials", asked).await?;
        Ok(answer["credentials"].as_array().cloned().unwrap_or_default())
    }

    /// Puts a passkey into an authenticator, as somebody who copied it would.
    pub async fn add_passkey(&mut self, authenticator: &str, passkey: &Value) -> Result<(), TestError> {
        let asked = json!({"authenticatorId": authenticator, "credential": passkey});
        self.call("WebAuthn.addCredential", asked).await.map(drop)
    }

    /// Takes every passkey out of an authenticator.
    pub async fn clear_passkeys(&mut self, authenticator: &str) -> Result<(), TestError> {
        let asked = json!({"authenticatorId": authenticator});
        self.call("WebAuthn.clearCredentials", asked).await.map(drop)
    }

    /// The whole page as a PNG file.
    pub async fn screenshot(&mut self, file: &Path) -> Result<(), TestError> {
        use base64::Engine as _;
        let asked = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.call("Page.captureScreenshot", asked).await?;
        let png = answer["data"].as_str().unwrap_or_default();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(png)
            .map_err(|error| TestError::new(error.to_string()))?;
        std::fs::write(file, bytes)?;
        Ok(())
    }

    /// What axe finds wrong with the page: rule, how bad, and the first place; empty when nothing.
    pub async fn accessibility_problems(&mut self, axe: &str) -> Result<Vec<String>, TestError> {
        self.value_of(&format!("{axe};undefined")).await?;
        let run = "axe.run({runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']})
            .then(r => r.violations.map(v => `${v.id} (${v.impact}): ${v.help}: ${v.nodes[0].html}`))";
        let found = self.value_of(run).await?;
        let rules = found.as_array().cloned().unwrap_or_default();
        Ok(rules.iter().filter_map(|rule| rule.as_str().map(str::to_owned)).collect())
    }

    /// True when the page is wider than the window.
    pub async fn scrolls_sideways(&mut self) -> Result<bool, TestError> {
        let wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
        Ok(self.value_of(wider).await?.as_bool().unwrap_or(true))
    }

    /// Closes the browser.
    pub async fn close(mut self) -> Result<(), TestError> {
        self.process.kill().await?;
        Ok(())
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Result<Value, TestError> {
        self.call_until(method, parameters, None).await
    }

    /// Calls, and waits for the answer and for an event; an answer that carries an error text ends the wait.
    async fn call_until(
        &mut self,
        method: &str,
        parameters: Value,
        event: Option<&str>,
    ) -> Result<Value, TestError> {
        self.next_id += 1;
        let mut message = json!({"id": self.next_id, "method": method, "params": parameters});
        if !self.session.is_empty() && !method.starts_with("Target.") {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).await?;
        let wait = timeout(PATIENCE, self.answer_and_event(self.next_id, event));
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
                if let Some(error) = message.get("error") {
                    return Err(TestError::new(format!("the browser refused: {error}")));
                }
                let result = message["result"].clone();
                let ends = result.get("errorText").is_some() || result["result"]["value"] == json!(false);
                seen = seen || ends;
                answer = Some(result);
            } else if message["method"].as_str() == event && answer.is_some() {
                seen = true;
            }
            if let (true, Some(answer)) = (seen, &answer) {
                return Ok(answer.clone());
            }
        }
    }
}

/// Whether a page's scripts run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scripts {
    /// They run.
    On,
    /// They do not.
    Off,
}

fn chromium(home: &Path, options: &BrowserOptions) -> Command {
    let mut command = Command::new("chromium");
    command
        .env("HOME", home)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--remote-debugging-port=0", "--window-size=1280,900"])
        .arg(format!("--user-data-dir={}", home.join("profile").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if !options.proxy.is_empty() {
        // Without the second flag Chromium would go round the proxy for every host of this machine.
        command.arg(format!("--proxy-server={}", options.proxy)).arg("--proxy-bypass-list=<-loopback>");
    }
    command
}

/// Puts a CA into the NSS store of this home, as `certutil` of `libnss3-tools` does.
async fn trust(home: &Path, ca: &Path) -> Result<(), TestError> {
    let store = home.join(".pki/nssdb");
    std::fs::create_dir_all(&store)?;
    let database = format!("sql:{}", store.display());
    for arguments in [
        vec!["-N", "-d", &database, "--empty-password"],
        vec!["-A", "-d", &database, "-t", "C,,", "-n", "Schoolgate test CA", "-i", &ca.display().to_string()],
    ] {
        let done = Command::new("certutil").args(&arguments).output().await.map_err(|error| {
            TestError::new(format!(
                "certutil does not start ({error}); `cargo xtask test` installs libnss3-tools"
            ))
        })?;
        if !done.status.success() {
            return Err(TestError::new(format!(
                "certutil failed: {}",
                String::from_utf8_lossy(&done.stderr)
            )));
        }
    }
    Ok(())
}
