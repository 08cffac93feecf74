//! Servers of `openssl` with what nobody should use any more: short keys, SHA-1, TLS 1.1.

use super::der::element;
use super::{BadCertificates, Case};
use crate::TestError;
use rcgen::{Issuer, KeyPair, SubjectPublicKeyInfo};
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// What is old about a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OldServerFault {
    /// An RSA key of 1,024 bits.
    ShortKey,
    /// A certificate signed over SHA-1, and rightly so.
    Sha1,
    /// TLS 1.1, and nothing newer.
    Tls11,
}

/// A running `openssl s_server`; it ends with this value.
pub struct OldServer {
    /// Where it listens.
    pub address: SocketAddr,
    _process: Child,
    _folder: TempDir,
}

const SHA256_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b];
const SHA1_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5];

impl BadCertificates {
    /// Starts a server for `name` with something old about it.
    pub async fn old_server(&self, fault: OldServerFault, name: &str) -> Result<OldServer, TestError> {
        let folder = tempfile::tempdir()?;
        let at = |file: &str| folder.path().join(file);
        let bits = if fault == OldServerFault::ShortKey { "1024" } else { "2048" };
        openssl(folder.path(), &["genrsa", "-out", "leaf.key", bits]).await?;
        openssl(folder.path(), &["rsa", "-in", "leaf.key", "-pubout", "-out", "leaf.pub"]).await?;
        let key = SubjectPublicKeyInfo::from_pem(&std::fs::read_to_string(at("leaf.pub"))?)?;
        let params = self.leaf_params(Case::Good, name)?;
        let chain = match fault {
            OldServerFault::Sha1 => {
                openssl(folder.path(), &["genpkey", "-algorithm", "RSA", "-out", "issuer.key"]).await?;
                let issuer_key = KeyPair::from_pem(&std::fs::read_to_string(at("issuer.key"))?)?;
                let mut issuer_params = self.leaf_params(Case::Good, "Old issuer of the tests")?;
                issuer_params.subject_alt_names.clear();
                issuer_params.extended_key_usages.clear();
                issuer_params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
                let issuer = issuer_params.signed_by(&issuer_key, &self.root)?;
                let leaf = params.signed_by(&key, &Issuer::new(issuer_params, issuer_key))?;
                let leaf = sign_over_sha1(folder.path(), leaf.der()).await?;
                vec![leaf, issuer.der().to_vec()]
            }
            OldServerFault::ShortKey | OldServerFault::Tls11 => {
                vec![params.signed_by(&key, &self.issuer)?.der().to_vec(), self.issuer.der().to_vec()]
            }
        };
        for (file, der) in ["leaf", "issuer"].iter().zip(chain) {
            std::fs::write(at(&format!("{file}.der")), der)?;
            let (from, to) = (format!("{file}.der"), format!("{file}.pem"));
            openssl(folder.path(), &["x509", "-inform", "DER", "-in", &from, "-out", &to]).await?;
        }
        let versions: &[&str] = if fault == OldServerFault::Tls11 { &["-tls1_1"] } else { &[] };
        serve(folder, versions).await
    }
}

async fn serve(folder: TempDir, versions: &[&str]) -> Result<OldServer, TestError> {
    let mut process = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cipher", "DEFAULT@SECLEVEL=0"])
        .args(["-cert", "leaf.pem", "-key", "leaf.key", "-cert_chain", "issuer.pem"])
        .args(versions)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let out = process.stdout.take().ok_or_else(|| TestError::new("openssl has no output"))?;
    let mut lines = BufReader::new(out).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            let address = address.parse().map_err(|_| TestError::new(format!("no address: {address}")))?;
            // What it says later is of no interest, but must have somewhere to go.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(OldServer { address, _process: process, _folder: folder });
        }
    }
    Err(TestError::new("openssl ended before it listened"))
}

/// The same certificate, with SHA-1 named in it and a true signature over that.
async fn sign_over_sha1(folder: &Path, certificate: &CertificateDer<'_>) -> Result<Vec<u8>, TestError> {
    let algorithm = |oid: &[u8]| element(0x30, &[element(6, &[oid.to_vec()]), vec![5, 0]]);
    let (old, new) = (algorithm(SHA256_RSA), algorithm(SHA1_RSA));
    let at = certificate
        .windows(old.len())
        .rposition(|window| window == old)
        .ok_or_else(|| TestError::new("the certificate is not signed with RSA and SHA-256"))?;
    // The outer sequence of so long a certificate begins with four bytes.
    let signed = certificate.get(4..at).unwrap_or_default();
    let inner = signed.windows(old.len()).position(|window| window == old);
    let inner = inner.ok_or_else(|| TestError::new("the certificate does not say how it is signed"))?;
    let (before, rest) = signed.split_at(inner);
    let signed = [before, &new, rest.get(old.len()..).unwrap_or_default()].concat();
    std::fs::write(folder.join("signed"), &signed)?;
    openssl(folder, &["dgst", "-sha1", "-sign", "issuer.key", "-out", "signature", "signed"]).await?;
    let signature = std::fs::read(folder.join("signature"))?;
    Ok(element(0x30, &[signed, new, element(3, &[vec![0], signature])]))
}

async fn openssl(folder: &Path, arguments: &[&str]) -> Result<(), TestError> {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(TestError::new(format!(
        "openssl {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    )))
}
