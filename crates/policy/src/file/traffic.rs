//! What a group's connections may carry, as a document writes it: ways round the filter, services for the school's own
//! accounts, kinds of files, uploads.
//!
//! Left out: structure and names (`walk`), and what the rules do; the proxy sees to them.

use super::choices::{InspectionChoice, TenantChoice, WayChoice};
use super::edition::{BypassFile, GroupFile};
use super::problem::{Findings, Miss, quoted};
use super::values::{At, CategoryName, FileKindName, HostText, WayName};
use crate::rules::{FileRules, SWITCHED, TenantRule, TenantService, TrafficRules, UploadRules};
use model::{FileKind, Host, WayRound};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

const MIB: u64 = 1024 * 1024;

/// Ways round the filter; each is closed where it is left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct WaysRoundFile {
    /// Encrypted names in TLS.
    pub(crate) ech: Option<At<WayChoice>>,
    /// HTTP/3 over UDP; closed, answers lose their invitations to it.
    pub(crate) quic: Option<At<WayChoice>>,
    /// DNS past the school's: inside HTTPS, inside TLS, or plain inside a tunnel.
    pub(crate) doh: Option<At<WayChoice>>,
    /// VPNs and proxies inside connections.
    pub(crate) vpn: Option<At<WayChoice>>,
    /// Tor, as far as names, ports and hellos tell it.
    pub(crate) tor: Option<At<WayChoice>>,
    /// One name outside a connection and another inside.
    pub(crate) fronting: Option<At<WayChoice>>,
    /// Addresses instead of names, where our DNS did not give them out.
    pub(crate) address_literals: Option<At<WayChoice>>,
    /// Pages inside translations, archives and caches; closed, they are judged as if they had been asked for themselves.
    pub(crate) translation_and_archives: Option<At<WayChoice>>,
    /// Whatever is neither TLS nor HTTP.
    pub(crate) unknown_protocols: Option<At<WayChoice>>,
}

impl WaysRoundFile {
    fn shut(&self) -> BTreeSet<WayRound> {
        let choices = [
            (WayRound::EncryptedHello, &self.ech),
            (WayRound::Quic, &self.quic),
            (WayRound::EncryptedDns, &self.doh),
            (WayRound::Vpn, &self.vpn),
            (WayRound::Tor, &self.tor),
            (WayRound::Fronting, &self.fronting),
            (WayRound::AddressLiteral, &self.address_literals),
            (WayRound::TranslationOrArchive, &self.translation_and_archives),
            (WayRound::UnknownProtocol, &self.unknown_protocols),
        ];
        let is_open = |choice: &Option<At<WayChoice>>| choice.as_deref() == Some(&WayChoice::Open);
        choices.into_iter().filter(|(_, choice)| !is_open(choice)).map(|(way, _)| way).collect()
    }
}

/// A service that is open for the school's own accounts alone.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct TenantFile {
    /// The service.
    pub(crate) service: At<TenantChoice>,
    /// The accounts it is open for, as the service names them: domains, or ids of tenants, workspaces, teams.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(crate) allowed: Vec<At<String>>,
    /// The school's own id: for Microsoft the directory, for Slack the workspace.
    pub(crate) own: Option<At<String>>,
}

/// Kinds of files that may not be fetched, told by what is in them.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FilesFile {
    /// The kinds.
    #[serde(default)]
    pub(crate) block: Vec<At<FileKindName>>,
    /// Categories of hosts from which all kinds may be fetched.
    #[serde(default)]
    pub(crate) except: Vec<At<CategoryName>>,
}

/// What may not be sent.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct UploadsFile {
    /// Categories of hosts to which nothing may be uploaded.
    #[serde(default)]
    pub(crate) block: Vec<At<CategoryName>>,
    /// Hosts to which nothing may be uploaded, each with everything below it.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    pub(crate) deny: Vec<At<HostText>>,
    /// Kinds of files that may not be uploaded anywhere, told by what is in them.
    #[serde(default)]
    pub(crate) block_files: Vec<At<FileKindName>>,
    /// The most MiB of one upload, anywhere.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) most_mib: Option<u32>,
}

/// The rules as values.
pub(crate) fn rules(group: &GroupFile) -> TrafficRules {
    let tenant = |tenant: &TenantFile| TenantRule {
        service: (*tenant.service).into(),
        allowed: tenant.allowed.iter().map(|id| id.as_str().into()).collect(),
        own: tenant.own.as_ref().map(|id| id.as_str().into()),
    };
    TrafficRules {
        shut: group.ways_round.shut().into_iter().chain(ways(&group.close_ways)).collect(),
        tenants: group.tenant.iter().map(tenant).collect(),
        files: FileRules {
            block: kinds(&group.files.block),
            except: group.files.except.iter().map(|category| category.0).collect(),
        },
        uploads: UploadRules {
            block: group.uploads.block.iter().map(|category| category.0).collect(),
            deny: group.uploads.deny.iter().map(|host| host.0.clone()).collect(),
            block_files: kinds(&group.uploads.block_files),
            most_bytes: group.uploads.most_mib.map(|mib| u64::from(mib) * MIB),
        },
        scan: group.scan.rules(),
    }
}

/// Ways by name.
pub(crate) fn ways(names: &[At<WayName>]) -> BTreeSet<WayRound> {
    names.iter().map(|name| name.0).collect()
}

/// Kinds by name.
pub(crate) fn kinds(names: &[At<FileKindName>]) -> BTreeSet<FileKind> {
    names.iter().map(|name| name.0).collect()
}

/// Reports the mistakes of a group's traffic rules.
pub(crate) fn check(group: &GroupFile, bypass: &[BypassFile], findings: &mut Findings<'_>) {
    let mut services = HashSet::new();
    for tenant in &group.tenant {
        if !services.insert(tenant.service.slug()) {
            let found = format!("{} again", quoted(tenant.service.slug()));
            findings.error(&tenant.service.span(), Miss::new("each service once in a group", found));
        }
        check_tenant(tenant, findings);
        check_reach(tenant, group, bypass, findings);
    }
    let unread = group.inspection != InspectionChoice::On;
    if let Some(kind) = group.files.block.first().filter(|_| unread) {
        let expected = "a group whose connections are opened; here only files over plain HTTP are seen";
        findings.warning(&kind.span(), Miss::new(expected, quoted(kind.0.slug())));
    }
    if let (Some(except), true) = (group.files.except.first(), group.files.block.is_empty()) {
        let expected = "`except` beside kinds that are blocked; here it changes nothing";
        findings.warning(&except.span(), Miss::new(expected, quoted(except.0.slug())));
    }
    let uploads = &group.uploads;
    let first = uploads.block.first().map(|category| (category.span(), category.0.slug().to_owned()));
    let first = first.or_else(|| uploads.deny.first().map(|host| (host.span(), host.0.to_string())));
    let first =
        first.or_else(|| uploads.block_files.first().map(|kind| (kind.span(), kind.0.slug().to_owned())));
    if let Some((span, found)) = first.filter(|_| unread) {
        let expected = "a group whose connections are opened; here only uploads over plain HTTP are seen";
        findings.warning(&span, Miss::new(expected, quoted(&found)));
    }
}

/// What a service's header takes.
fn check_tenant(tenant: &TenantFile, findings: &mut Findings<'_>) {
    let service = TenantService::from(*tenant.service);
    let takes_none = service == TenantService::MicrosoftPersonal;
    if takes_none != tenant.allowed.is_empty() {
        let miss = if takes_none {
            Miss::new("no `allowed`: private accounts can only be shut", "some accounts")
        } else {
            Miss::new("`allowed` with at least one account", "none, which services read as everybody")
        };
        findings.error(&tenant.service.span(), miss);
    }
    for id in &tenant.allowed {
        if let Some(expected) = mistake(service, id) {
            findings.error(&id.span(), Miss::new(expected, quoted(id)));
        }
    }
    let asks_own = matches!(service, TenantService::Microsoft | TenantService::Slack);
    match &tenant.own {
        None if asks_own => {
            let expected =
                "`own`, the school's id at the service (Microsoft: the directory's, Slack: the workspace's)";
            findings.error(&tenant.service.span(), Miss::new(expected, "nothing of that name"));
        }
        Some(own) if !asks_own => {
            findings.error(&own.span(), Miss::new("no `own`: this service does not ask for it", quoted(own)));
        }
        Some(own) if service == TenantService::Microsoft && !is_uuid(own) => {
            findings.error(
                &own.span(),
                Miss::new("the id of a directory, in 32 digits and 4 hyphens", quoted(own)),
            );
        }
        Some(own) if service == TenantService::Slack && !is_short_id(own) => {
            findings.error(
                &own.span(),
                Miss::new("the id of a workspace or organisation, such as T0123ABCD", quoted(own)),
            );
        }
        _ => {}
    }
}

/// What belongs there instead of an account that the service cannot mean.
fn mistake(service: TenantService, id: &str) -> Option<&'static str> {
    let is_domain =
        |text: &str| Host::parse(text).is_ok_and(|host| host.name().is_some_and(|name| name.contains('.')));
    let (fits, expected) = match service {
        TenantService::Google => (is_domain(id), "a domain of the school's accounts, such as school.example"),
        TenantService::Microsoft => {
            (is_domain(id) || is_uuid(id), "a domain of the school's accounts, or the id of a directory")
        }
        TenantService::Slack => (is_short_id(id), "the id of a workspace or organisation, such as T0123ABCD"),
        TenantService::ChatGpt | TenantService::Claude => {
            (is_uuid(id), "an id in 32 digits and 4 hyphens, as the service's settings show it")
        }
        TenantService::Dropbox | TenantService::MicrosoftPersonal => {
            (id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','), "an id without blanks or commas")
        }
    };
    (!fits).then_some(expected)
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn is_short_id(text: &str) -> bool {
    text.len() >= 8
        && text.starts_with(['T', 'E'])
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// A service is told by a field in requests, which only an opened connection can be given.
fn check_reach(tenant: &TenantFile, group: &GroupFile, bypass: &[BypassFile], findings: &mut Findings<'_>) {
    let service = TenantService::from(*tenant.service);
    let slug = quoted(tenant.service.slug());
    if group.inspection != InspectionChoice::On {
        let expected = "a group whose connections are opened, since a service is told inside them";
        return findings.warning(&tenant.service.span(), Miss::new(expected, slug));
    }
    let signs_in = Host::parse(service.sign_in_host());
    let covers = |entry: &&BypassFile| match (&entry.host.0, &signs_in) {
        (Host::Name(covering), Ok(Host::Name(name))) => {
            name.strip_suffix(&**covering).is_some_and(|below| below.is_empty() || below.ends_with('.'))
        }
        _ => false,
    };
    if let Some(entry) = bypass.iter().find(covers) {
        let expected =
            format!("{} opened, since {slug} is restricted where people sign in", service.sign_in_host());
        findings.warning(
            &tenant.service.span(),
            Miss::new(expected, format!("{} among the hosts never opened", entry.host.0)),
        );
    }
}

/// The ways that a document can switch, for its names.
pub(crate) fn switched() -> impl Iterator<Item = WayRound> {
    SWITCHED.into_iter()
}
