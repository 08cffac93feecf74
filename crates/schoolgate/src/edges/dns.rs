//! DNS as the configuration has it.

use crate::config::{Config, LocalName};
use crate::error::ProgramError;
use crate::folder::Folder;
use crate::gate::Shared;
use ::dns::{Certificate, DeviceTokens, DnsConfig, DnsPorts, Encrypted, Validation};
use model::{DeviceId, Host};
use proxy::LeafSigner;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest file of tokens: some ten thousand devices.
const TOKENS_LIMIT_BYTES: u64 = 1 << 20;

pub(super) fn config(
    folder: &Folder,
    config: &Config,
    shared: &Shared,
    signer: &LeafSigner,
) -> Result<DnsConfig, ProgramError> {
    let own = LocalName { name: config.gate.name.clone(), addresses: config.gate.addresses.clone() };
    let names = config.local_names.iter().chain((!own.addresses.is_empty()).then_some(&own));
    let dns = &config.dns;
    Ok(DnsConfig {
        listen: dns.listen.clone(),
        workers: dns.workers,
        rate_limit: dns.rate_limit(),
        block_page_addresses: block_page(config)?,
        encrypted: encrypted(folder, config, signer)?,
        proxy_peers: dns.proxy_peers()?,
        upstreams: dns.upstreams()?,
        upstream_roots: read_roots(&dns.upstream_roots, "upstream_roots")?,
        local_names: names.map(|local| (local.name.clone(), local.addresses.clone())).collect(),
        private_suffixes: dns.private_suffixes.clone(),
        forward: dns.forward()?,
        local_zones: dns.local_zones.clone(),
        validation: if dns.dnssec { Validation::FromTheRoot } else { Validation::ByUpstreams },
        handed_out: Arc::clone(&shared.handed_out),
        ..DnsConfig::default()
    })
}

pub(super) fn ports(shared: &Shared) -> DnsPorts {
    let Shared { snapshot, roster, identities, events, clock, .. } = shared.clone();
    DnsPorts { snapshot, roster, identities, events, clock }
}

fn encrypted(
    folder: &Folder,
    config: &Config,
    signer: &LeafSigner,
) -> Result<Option<Encrypted>, ProgramError> {
    let asked = &config.dns.encrypted;
    if !asked.is_offered() {
        return Ok(None);
    }
    let name = if asked.name.is_empty() { &config.gate.name } else { &asked.name };
    let certificate = if asked.certificate.as_os_str().is_empty() {
        Certificate::Ready(Arc::new(own_certificate(signer, &certificate_names(config, name)?)?))
    } else {
        Certificate::Files { chain: asked.certificate.clone(), key: asked.key.clone() }
    };
    Ok(Some(Encrypted {
        tls_listen: asked.tls_listen.clone(),
        https_listen: asked.https_listen.clone(),
        name: name.clone(),
        certificate,
        addresses: config.gate.addresses.clone(),
        devices: devices(&folder.device_tokens())?,
    }))
}

/// Where blocked names lead; empty: nowhere.
fn block_page(config: &Config) -> Result<Vec<IpAddr>, ProgramError> {
    match (config.dns.block_page, config.gate.addresses.as_slice()) {
        (false, _) => Ok(Vec::new()),
        (true, []) => Err(ProgramError::Question(
            "dns.block_page: expected gate.addresses that blocked names can lead to, found none".into(),
        )),
        (true, addresses) => Ok(addresses.to_vec()),
    }
}

/// The names and addresses that clients reach encrypted DNS by: those with a device's token before the name too, and
/// every address that clients are told of (RFC 9462, 4.2).
fn certificate_names(config: &Config, name: &str) -> Result<Vec<Host>, ProgramError> {
    let name = Host::parse(name)
        .map_err(|error| ProgramError::Question(format!("dns.encrypted.name: {error}, found {name}")))?;
    let with_token = name.name().map(|name| Host::Name(format!("*.{name}").into()));
    let encrypted = &config.dns.encrypted;
    let listening = encrypted.tls_listen.iter().chain(&encrypted.https_listen).map(SocketAddr::ip);
    let addresses = config.gate.addresses.iter().copied().chain(listening);
    let mut names: Vec<Host> = std::iter::once(name).chain(with_token).collect();
    for address in addresses.filter(|address| !address.is_unspecified()).map(Host::Address) {
        if !names.contains(&address) {
            names.push(address);
        }
    }
    Ok(names)
}

/// A certificate of the school's own authority.
fn own_certificate(signer: &LeafSigner, names: &[Host]) -> Result<ServerConfig, ProgramError> {
    let part = "certificate for encrypted DNS";
    let given = signer.server_certificate(names).map_err(ProgramError::part(part))?;
    let chain = CertificateDer::pem_slice_iter(given.chain_pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(given.key_pem.as_bytes()).map_err(ProgramError::part(part))?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map_err(ProgramError::part(part))?, key)
        .map_err(ProgramError::part(part))
}

/// Which device has which token: a line each, `TOKEN DEVICE`. The file is the gate's user's alone, like every secret.
fn devices(file: &Path) -> Result<DeviceTokens, ProgramError> {
    let text = read_secret(file)?;
    let mut devices = DeviceTokens::default();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        // The line itself is a secret.
        let wrong = |words: &str| ProgramError::Question(format!("{}:{number}: {words}", file.display()));
        let (token, device) =
            line.trim().split_once(' ').ok_or_else(|| wrong("expected a token and a device's id"))?;
        let device = DeviceId::parse(device.trim()).ok_or_else(|| wrong("expected a device's id"))?;
        devices.insert(token, device).map_err(|error| wrong(&error.to_string()))?;
    }
    Ok(devices)
}

/// Reads a file that nobody but its owner may read; nothing where there is none.
pub(crate) fn read_secret(file: &Path) -> Result<String, ProgramError> {
    let failed = |source| ProgramError::file(file, source);
    let wrong = |words: String| ProgramError::Question(format!("{}: {words}", file.display()));
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(source) => return Err(failed(source)),
    };
    let mode = opened.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(wrong(format!(
            "expected a file that its owner alone can read (mode 600), found {mode:o}"
        )));
    }
    let mut text = String::new();
    let length = opened.take(TOKENS_LIMIT_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if u64::try_from(length).is_ok_and(|length| length <= TOKENS_LIMIT_BYTES) {
        Ok(text)
    } else {
        Err(wrong(format!("expected {TOKENS_LIMIT_BYTES} bytes at most, found more")))
    }
}

/// The certificates of PEM files (DER); `key` is what names them.
pub(crate) fn read_roots(files: &[PathBuf], key: &'static str) -> Result<Vec<Vec<u8>>, ProgramError> {
    let mut roots = Vec::new();
    for file in files {
        for certificate in CertificateDer::pem_file_iter(file).map_err(ProgramError::part(key))? {
            roots.push(certificate.map_err(ProgramError::part(key))?.as_ref().to_vec());
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config_of(more: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schoolgate.toml");
        let head = "[gate]\nname = \"gate.test\"\norganisation = \"A school\"\n";
        std::fs::write(&file, format!("{head}{more}")).unwrap();
        Config::read(&file).unwrap()
    }

    #[test]
    fn the_gates_own_certificate_is_for_tokens_before_its_name_and_for_every_address() {
        let config = config_of(
            "addresses = [\"10.1.0.2\"]\n[dns.encrypted]\ntls_listen = [\"0.0.0.0:853\"]\n\
             https_listen = [\"10.1.0.2:443\", \"[2001:db8::2]:443\"]\n",
        );
        let names = certificate_names(&config, "dns.gate.test").unwrap();
        let texts: Vec<String> = names.iter().map(Host::to_string).collect();
        assert_eq!(texts, ["dns.gate.test", "*.dns.gate.test", "10.1.0.2", "[2001:db8::2]"]);
        assert!(certificate_names(&config, "not a name").is_err());
    }

    #[test]
    fn blocked_names_lead_to_the_gate_where_the_settings_say_so() {
        let page = |more| block_page(&config_of(more));
        assert!(page("addresses = [\"10.1.0.2\"]\n").unwrap().is_empty());
        assert_eq!(page("addresses = [\"10.1.0.2\"]\n[dns]\nblock_page = true\n").unwrap().len(), 1);
        assert!(page("[dns]\nblock_page = true\n").is_err());
        let limit = config_of("[dns]\nquestions_per_second = 7\nburst = 9\n").dns.rate_limit();
        assert_eq!((limit.per_s, limit.burst), (7, 9));
    }

    #[test]
    fn tokens_are_read_from_a_file_that_others_cannot_read_and_weak_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("device-tokens");
        assert!(devices(&file).is_ok());
        let device = "00000000-0000-0000-0000-00000000004d";
        let write = |token: &str, mode| {
            std::fs::write(&file, format!("{token} {device}\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            devices(&file)
        };
        let good = "laptop-77-is-known-by-this";
        assert_eq!(write(good, 0o600).unwrap().get(good), DeviceId::parse(device));
        for (token, mode) in
            [(good, 0o640), ("aaaaaaaaaaaaaaaaaaaa", 0o600), (&"a1-b2-c3 ".repeat(200_000), 0o600)]
        {
            let error = write(token, mode).unwrap_err().to_string();
            assert!(error.contains("device-tokens") && !error.contains(good), "{error}");
        }
    }
}
