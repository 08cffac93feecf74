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
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        encrypted: encrypted(folder, config, signer)?,
        proxy_peers: dns.proxy_peers()?,
        other_upstreams: dns.upstreams()?,
        upstream_roots: roots(&dns.upstream_roots)?,
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
        let name = Host::parse(name)
            .map_err(|error| ProgramError::Question(format!("dns.encrypted.name: {error}, found {name}")))?;
        Certificate::Ready(Arc::new(own_certificate(signer, &name)?))
    } else {
        Certificate::Files { chain: asked.certificate.clone(), key: asked.key.clone() }
    };
    Ok(Some(Encrypted {
        tls_listen: asked.tls_listen.clone(),
        https_listen: asked.https_listen.clone(),
        name: name.clone(),
        certificate,
        devices: devices(&folder.device_tokens())?,
    }))
}

/// A certificate of the school's own authority, for this name.
fn own_certificate(signer: &LeafSigner, name: &Host) -> Result<ServerConfig, ProgramError> {
    let part = "certificate for encrypted DNS";
    let given = signer.server_certificate(std::slice::from_ref(name)).map_err(ProgramError::part(part))?;
    let chain = CertificateDer::pem_slice_iter(given.chain_pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(given.key_pem.as_bytes()).map_err(ProgramError::part(part))?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map_err(ProgramError::part(part))?, key)
        .map_err(ProgramError::part(part))
}

/// Which device has which token: a line each, `TOKEN DEVICE`. The file is the gate's user's alone, like every secret.
fn devices(file: &Path) -> Result<DeviceTokens, ProgramError> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(ProgramError::file(file, source)),
    };
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

fn roots(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, ProgramError> {
    let mut roots = Vec::new();
    for file in files {
        for certificate in
            CertificateDer::pem_file_iter(file).map_err(ProgramError::part("upstream_roots"))?
        {
            roots.push(certificate.map_err(ProgramError::part("upstream_roots"))?.as_ref().to_vec());
        }
    }
    Ok(roots)
}
