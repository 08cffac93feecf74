//! The fields by which services let in the school's own accounts alone.
//!
//! Sources, as gathered on 2026-11-22: the services' own help for administrators (Google Workspace, Microsoft Entra
//! tenant restrictions, Slack, Dropbox, OpenAI, Anthropic). Left out: services without such a field.
//!
//! Invariant: where a service is restricted, no field of the client's of that name goes through.

use super::requests::is_at_or_below;
use crate::headers::passes_on;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use model::Host;
use policy::rules::{TenantRule, TenantService};

/// Where a service's fields go, and what they say.
struct Fields {
    service: TenantService,
    /// Each with everything below it.
    hosts: &'static [&'static str],
    fields: &'static [(&'static str, Says)],
}

#[derive(Clone, Copy)]
enum Says {
    /// The accounts, between commas.
    Accounts,
    /// The school's own id.
    Own,
    /// Always this.
    Always(&'static str),
}

const FIELDS: [Fields; 7] = [
    Fields {
        service: TenantService::Google,
        hosts: &["google.com", "google.co.uk"],
        fields: &[("x-googapps-allowed-domains", Says::Accounts)],
    },
    Fields {
        service: TenantService::Microsoft,
        hosts: &["login.microsoftonline.com", "login.microsoft.com", "login.windows.net"],
        fields: &[("restrict-access-to-tenants", Says::Accounts), ("restrict-access-context", Says::Own)],
    },
    Fields {
        service: TenantService::MicrosoftPersonal,
        hosts: &["login.live.com"],
        fields: &[("sec-restrict-tenant-access-policy", Says::Always("restrict-msa"))],
    },
    Fields {
        service: TenantService::Slack,
        hosts: &["slack.com"],
        fields: &[
            ("x-slack-allowed-workspaces-requester", Says::Own),
            ("x-slack-allowed-workspaces", Says::Accounts),
        ],
    },
    Fields {
        service: TenantService::Dropbox,
        hosts: &["dropbox.com"],
        fields: &[("x-dropbox-allowed-team-ids", Says::Accounts)],
    },
    Fields {
        service: TenantService::ChatGpt,
        hosts: &["chatgpt.com", "openai.com"],
        fields: &[("chatgpt-allowed-workspace-id", Says::Accounts)],
    },
    Fields {
        service: TenantService::Claude,
        hosts: &["claude.ai", "api.anthropic.com"],
        fields: &[("anthropic-allowed-org-ids", Says::Accounts)],
    },
];

/// Sets the fields of the services that are restricted, on requests to their hosts.
pub(super) fn restrict(rules: &[TenantRule], host: &Host, headers: &mut HeaderMap) {
    for rule in rules {
        let of_service = FIELDS.iter().filter(|fields| fields.service == rule.service);
        for fields in of_service.filter(|fields| fields.hosts.iter().any(|at| is_at_or_below(host, at))) {
            for (name, says) in fields.fields {
                set(headers, name, *says, rule);
            }
        }
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, says: Says, rule: &TenantRule) {
    let name = HeaderName::from_static(name);
    headers.remove(&name);
    let value = match says {
        Says::Accounts => rule.allowed.join(","),
        Says::Own => rule.own.as_deref().unwrap_or_default().to_owned(),
        Says::Always(value) => value.to_owned(),
    };
    if let Ok(value) = HeaderValue::from_str(&value) {
        passes_on(headers, &name);
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(service: TenantService, allowed: &[&str], own: Option<&str>) -> TenantRule {
        TenantRule {
            service,
            allowed: allowed.iter().map(|id| (*id).into()).collect(),
            own: own.map(Into::into),
        }
    }

    #[test]
    fn each_service_is_told_on_its_own_hosts_alone_and_whatever_the_client_says() {
        let rules = [
            rule(TenantService::Google, &["a.example", "b.example"], None),
            rule(TenantService::Microsoft, &["a.example"], Some("5f0c6d3e-0b1a-4c57-9a52-6e1f1e4b7a10")),
            rule(TenantService::MicrosoftPersonal, &[], None),
            rule(TenantService::Slack, &["T0123ABCD"], Some("E0123ABCD")),
            rule(TenantService::Dropbox, &["dbtid:1"], None),
            rule(TenantService::ChatGpt, &["w"], None),
            rule(TenantService::Claude, &["o", "p"], None),
        ];
        for (host, expected) in [
            ("accounts.google.com", &[("x-googapps-allowed-domains", "a.example,b.example")][..]),
            (
                "login.microsoftonline.com",
                &[
                    ("restrict-access-to-tenants", "a.example"),
                    ("restrict-access-context", "5f0c6d3e-0b1a-4c57-9a52-6e1f1e4b7a10"),
                ],
            ),
            ("login.live.com", &[("sec-restrict-tenant-access-policy", "restrict-msa")]),
            (
                "files.slack.com",
                &[
                    ("x-slack-allowed-workspaces-requester", "E0123ABCD"),
                    ("x-slack-allowed-workspaces", "T0123ABCD"),
                ],
            ),
            ("www.dropbox.com", &[("x-dropbox-allowed-team-ids", "dbtid:1")]),
            ("chatgpt.com", &[("chatgpt-allowed-workspace-id", "w")]),
            ("claude.ai", &[("anthropic-allowed-org-ids", "o,p")]),
            ("notgoogle.com", &[]),
        ] {
            let mut headers = HeaderMap::new();
            for (name, _) in expected {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static("mine.example"));
            }
            restrict(&rules, &Host::parse(host).unwrap(), &mut headers);
            let told: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            let mut expected = expected.to_vec();
            let mut told = told;
            expected.sort_unstable();
            told.sort_unstable();
            assert_eq!(told, expected, "{host}");
        }
    }
}
