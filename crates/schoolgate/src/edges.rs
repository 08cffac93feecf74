//! The parts that listen: DNS, proxy, console. Bound first, all of them, and only then run.

mod dns;
mod inspection;
mod logs;
mod notify;
mod radius;

pub(crate) use self::dns::{read_roots, read_secret};
pub(crate) use logs::LogEvents;
pub(crate) use notify::{way_of, ways_out};

use crate::authority::signer;
use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;
use crate::gate::Shared;
use crate::narrow::Narrowed;
use crate::renewals::Renewals;
use ::dns::{DnsServer, UpstreamHealth, UpstreamState};
use app::{App, DnsUpstream, Health};
use console::{Console, ConsoleConfig};
use intake::{AccountingServer, LogAddresses, LogServer};
use model::{Clock, Host};
use proxy::{LeafSigner, Proxy, Resolver};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often a part says that it is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// How often the name servers outside are looked at, as they did with the last questions.
const UPSTREAMS: Duration = Duration::from_secs(5);

/// Where everything listens, as people and programs need it.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    pub(crate) dns: Vec<SocketAddr>,
    /// DNS over TLS; empty where it is not offered.
    pub(crate) tls: Vec<SocketAddr>,
    /// DNS over HTTPS, in the same way.
    pub(crate) https: Vec<SocketAddr>,
    /// RADIUS accounting; `None` where it is not taken.
    pub(crate) radius: Option<SocketAddr>,
    /// Logs of other systems; empty where none are taken.
    pub(crate) logs: LogAddresses,
    pub(crate) proxy: proxy::Addresses,
    pub(crate) console: String,
    pub(crate) authority: PathBuf,
    /// What the process has shut off behind itself.
    pub(crate) narrowed: Narrowed,
}

impl Listening {
    pub(crate) fn as_json(&self) -> String {
        json!({
            "dns": self.dns.first().map(ToString::to_string),
            "dns_over_tls": self.tls.first().map(ToString::to_string),
            "dns_over_https": self.https.first().map(ToString::to_string),
            "radius_accounting": self.radius.map(|address| address.to_string()),
            "logs_udp": self.logs.udp.first().map(ToString::to_string),
            "logs_tcp": self.logs.tcp.first().map(ToString::to_string),
            "logs_tls": self.logs.tls.first().map(ToString::to_string),
            "proxy": self.proxy_url(),
            "proxy_over_tls": self.proxy.explicit_tls.first().map(|address| format!("https://{address}")),
            "transparent": self.proxy.transparent.first().map(ToString::to_string),
            "icap": self.proxy.icap.first().map(ToString::to_string),
            "console": self.console,
            "narrowed": { "files": self.narrowed.files.words(), "calls": self.narrowed.calls.words() },
            "authority": self.authority.display().to_string(),
        })
        .to_string()
    }

    pub(crate) fn as_text(&self) -> String {
        let dns = self.dns.iter().map(ToString::to_string);
        let tls = self.tls.iter().map(|address| format!("{address} (TLS)"));
        let https = self.https.iter().map(|address| format!("{address} (HTTPS)"));
        let dns: Vec<String> = dns.chain(tls).chain(https).collect();
        format!(
            "The gate runs.\n  console     {}\n  proxy       {}\n  DNS         {}\n  certificate {}\n  narrowed    files {}, system calls {}",
            self.console,
            self.proxy_url(),
            dns.join(", "),
            self.authority.display(),
            self.narrowed.files.words(),
            self.narrowed.calls.words()
        )
    }

    pub(crate) fn proxy_url(&self) -> String {
        self.proxy.explicit.first().map(|address| format!("http://{address}")).unwrap_or_default()
    }
}

/// Everything that listens, bound and not yet answering.
pub(crate) struct Edges {
    dns: DnsServer,
    proxy: Proxy,
    console: Console,
    radius: Option<AccountingServer>,
    logs: Option<LogServer>,
    log_events: Option<LogEvents>,
    renewals: Renewals,
    listening: Listening,
    clock: Clock,
}

impl Edges {
    pub(crate) async fn bind(
        folder: &Folder,
        config: &Config,
        shared: Shared,
        app: App,
    ) -> Result<Self, ProgramError> {
        let clock = shared.clock.clone();
        let signer = Arc::new(signer(folder, config, &clock)?);
        let authority = folder.authority_certificate();
        let dns = DnsServer::bind(dns::config(folder, config, &shared, &signer)?, dns::ports(&shared))
            .await
            .map_err(ProgramError::part("DNS"))?;
        let (logs, log_events) = logs::bind(folder, config, &shared, &signer).await?.unzip();
        // The console first: the block page leads to it.
        let sign_in = app.proxy_sign_in();
        let console = Console::bind(console_config(config, &signer, &clock)?, app.clone())
            .await
            .map_err(ProgramError::part("console"))?;
        let console_address = config.console_address(console.local_addr());
        app.set_console_address(&console_address);
        let negotiate = config.proxy.negotiate()?;
        let keytab = negotiate.as_ref().map(|(file, settings)| (file.clone(), Arc::clone(&settings.keys)));
        let renewals = Renewals::new(folder, &signer, keytab);
        let proxy_config = proxy::Config {
            sign_in: Some(sign_in),
            negotiate: negotiate.map(|(_, settings)| settings),
            scan: config.scan.scanner(folder)?,
            icap: config.icap.icap()?,
            ..proxy_config(config, &console_address)?
        };
        let radius = radius::bind(folder, &config.radius, &shared).await?;
        let proxy = Proxy::bind(proxy_config, proxy_ports(config, &shared, signer)?)
            .await
            .map_err(ProgramError::part("proxy"))?;
        let listening = Listening {
            dns: dns.local_addrs(),
            tls: dns.tls_addrs(),
            https: dns.https_addrs(),
            radius: radius.as_ref().map(AccountingServer::local_addr),
            logs: logs.as_ref().map(LogServer::local_addrs).unwrap_or_default(),
            proxy: proxy.addresses().clone(),
            console: console_address,
            authority,
            narrowed: Narrowed::default(),
        };
        Ok(Self { dns, proxy, console, radius, renewals, logs, log_events, listening, clock })
    }

    pub(crate) fn listening(&self) -> Listening {
        self.listening.clone()
    }

    /// What the listeners for logs hear, where there are some; once.
    pub(crate) fn take_log_events(&mut self) -> Option<LogEvents> {
        self.log_events.take()
    }

    /// Starts answering. A part that ends before it was told to ends the whole gate.
    pub(crate) fn run(self, tasks: &TaskTracker, stop: &CancellationToken, health: &Arc<Health>) {
        let Self { dns, proxy, console, radius, renewals, logs, clock, .. } = self;
        let part = |name: &'static str| Part {
            name,
            stop: stop.clone(),
            health: Arc::clone(health),
            clock: clock.clone(),
        };
        let until = || stop.clone().cancelled_owned();
        tasks.spawn(watch_upstreams(dns.upstreams(), stop.clone(), (Arc::clone(health), clock.clone())));
        let told = inspection::Told::new(&proxy, renewals.signer());
        tasks.spawn(told.watch(stop.clone(), (Arc::clone(health), clock.clone())));
        tasks.spawn(renewals.watch(stop.clone()));
        tasks.spawn(part("DNS filter").watch(dns.run(stop.clone())));
        tasks.spawn(part("Web proxy").watch(proxy.run(until())));
        if let Some(radius) = radius {
            tasks.spawn(part("RADIUS accounting").watch(radius.run(stop.clone())));
        }
        if let Some(logs) = logs {
            tasks.spawn(part("Logs of other systems").watch(logs.run(stop.clone())));
        }
        tasks.spawn(part("Console").watch(console.run(until())));
    }
}

/// One listening part, and who hears of its life.
struct Part {
    name: &'static str,
    stop: CancellationToken,
    health: Arc<Health>,
    clock: Clock,
}

impl Part {
    async fn watch(self, run: impl Future<Output = ()>) {
        let mut sign_of_life = tokio::time::interval(SIGN_OF_LIFE);
        tokio::pin!(run);
        loop {
            tokio::select! {
                () = &mut run => break,
                _ = sign_of_life.tick() => self.health.listening(self.name, self.clock.now()),
            }
        }
        if !self.stop.is_cancelled() {
            tracing::error!(part = self.name, "a part ended by itself");
            self.health.stopped(self.name, "it ended by itself", self.clock.now());
            self.stop.cancel();
        }
    }
}

/// Tells how the name servers outside do, as long as the gate runs.
async fn watch_upstreams(
    upstreams: UpstreamHealth,
    stop: CancellationToken,
    (health, clock): (Arc<Health>, Clock),
) {
    let mut looks = tokio::time::interval(UPSTREAMS);
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        let asked = upstreams.counts().into_iter().filter(|counts| counts.state != UpstreamState::NotAsked);
        let seen = asked.map(|counts| DnsUpstream {
            name: counts.upstream,
            answers: counts.state == UpstreamState::Answers,
        });
        health.upstreams(seen.collect(), clock.now());
    }
}

fn proxy_config(config: &Config, console_address: &str) -> Result<proxy::Config, ProgramError> {
    let mut extra_roots = Vec::new();
    for file in &config.proxy.trusted_roots {
        for certificate in CertificateDer::pem_file_iter(file).map_err(ProgramError::part("trusted_roots"))? {
            extra_roots.push(certificate.map_err(ProgramError::part("trusted_roots"))?);
        }
    }
    let links = blockpage::Links {
        sign_in: Some(format!("{console_address}/web/sign-in")),
        report: None,
        trusted_people: None,
    };
    let (listen, tls_listen) = (config.proxy.listen.clone(), config.proxy.tls_listen.clone());
    let is_for_others = listen.iter().chain(&tls_listen).any(|address| !address.ip().is_loopback());
    let advertised_host = is_for_others.then(|| config.gate.name.clone());
    let plain_passwords = if config.proxy.plain_passwords {
        proxy::PlainPasswords::Taken
    } else {
        proxy::PlainPasswords::Refused
    };
    Ok(proxy::Config {
        listen,
        tls_listen,
        transparent: config.proxy.transparent(),
        proxy_peers: config.proxy.proxy_peers()?,
        plain_passwords,
        advertised_host,
        pac_rules: config.proxy.pac_rules()?,
        extra_roots,
        links,
        limits: proxy::Limits {
            connections_per_second: config.proxy.connections_per_second,
            requests_per_second: config.proxy.requests_per_second,
            ..proxy::Limits::default()
        },
        ..proxy::Config::default()
    })
}

fn proxy_ports(
    config: &Config,
    shared: &Shared,
    signer: Arc<LeafSigner>,
) -> Result<proxy::Ports, ProgramError> {
    let listed: HashMap<Host, Vec<IpAddr>> = config.listed_hosts()?;
    let resolver = Arc::new(Resolver::new(listed, config.reachable_ranges()?));
    let Shared { snapshot, roster, identities, handed_out, leaks, suggestions, events, clock } =
        shared.clone();
    Ok(proxy::Ports {
        snapshot,
        roster,
        identities,
        events,
        clock,
        signer,
        resolver,
        handed_out,
        leaks,
        suggestions,
    })
}

fn console_config(
    config: &Config,
    signer: &LeafSigner,
    clock: &Clock,
) -> Result<ConsoleConfig, ProgramError> {
    let (cert_chain_pem, key_pem) = console_certificate(config, signer)?;
    let proxy = config.proxy.listen.first().filter(|address| address.port() != 0);
    Ok(ConsoleConfig {
        listen: config.console.listen,
        cert_chain_pem,
        key_pem,
        certificate_page: proxy.map(|address| format!("http://{address}/certificate")),
        clock: clock.clone(),
    })
}

/// The console's certificate and key: those of the configuration, or some of the school's own authority.
fn console_certificate(config: &Config, signer: &LeafSigner) -> Result<(String, String), ProgramError> {
    let read =
        |file: &PathBuf| std::fs::read_to_string(file).map_err(|source| ProgramError::file(file, source));
    if !config.console.certificate.as_os_str().is_empty() {
        return Ok((read(&config.console.certificate)?, read(&config.console.key)?));
    }
    let loopback = [Host::Name("localhost".into()), Host::Address(IpAddr::from([127, 0, 0, 1]))];
    let addresses = config.gate.addresses.iter().map(|address| Host::Address(*address));
    let names: Vec<Host> = [config.gate.host()?].into_iter().chain(loopback).chain(addresses).collect();
    let given = signer.server_certificate(&names).map_err(ProgramError::part("console certificate"))?;
    Ok((given.chain_pem, given.key_pem))
}
