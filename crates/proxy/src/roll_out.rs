//! What devices need to trust the school's inspection certificate, as files for whoever manages them.
//!
//! While one authority takes over from another, every pack holds both certificates, so that one roll-out serves until the
//! old one is retired.
//!
//! Left out: sending the files anywhere. The private key is in none of them.

use crate::CertificateAuthority;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A file of the packs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackFile {
    /// Where it lies among them, such as `windows/school-web-filter-1.cer`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Where Debian and Ubuntu look for certificates that were added by hand.
const DEBIAN_FOLDER: &str = "/usr/local/share/ca-certificates";
/// What the files are called, with a number.
const NAME: &str = "school-web-filter";

/// The packs for these authorities, the one in use first: a folder each for Windows, Google, Apple, Debian and Firefox, and
/// a page that says what to do with them. `organisation` is the school's name, as people know it.
pub fn roll_out_packs(authorities: &[&CertificateAuthority], organisation: &str) -> Vec<PackFile> {
    let mut files = Vec::new();
    let mut put = |path: String, bytes: Vec<u8>| files.push(PackFile { path, bytes });
    for (number, authority) in (1_usize..).zip(authorities) {
        let pem = authority.certificate_pem().as_bytes();
        put(format!("windows/{NAME}-{number}.cer"), authority.certificate_der().to_vec());
        put(format!("google/{NAME}-{number}.pem"), pem.to_vec());
        put(format!("debian/{NAME}-{number}.crt"), pem.to_vec());
    }
    put("windows/install.ps1".into(), WINDOWS_SCRIPT.into());
    put("debian/install.sh".into(), DEBIAN_SCRIPT.into());
    put(format!("apple/{NAME}.mobileconfig"), apple_profile(authorities, organisation).into_bytes());
    put("firefox/policies.json".into(), firefox_policies(authorities.len()).into_bytes());
    put("READ-ME.txt".into(), read_me(authorities, organisation).into_bytes());
    files
}

impl CertificateAuthority {
    /// The certificate's SHA-256 fingerprint as systems show it: pairs of upper-case digits with colons between.
    pub fn fingerprint(&self) -> String {
        let pairs: Vec<String> = self.digest().iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.certificate_der()).into()
    }
}

/// Run as an administrator, or from Intune as the system.
const WINDOWS_SCRIPT: &str = "\
# Puts the school's web filter certificates among the trusted roots of this computer. Run as an administrator.\r
$ErrorActionPreference = 'Stop'\r
Get-ChildItem -Path $PSScriptRoot -Filter '*.cer' | ForEach-Object {\r
    Import-Certificate -FilePath $_.FullName -CertStoreLocation 'Cert:\\LocalMachine\\Root' | Out-Null\r
}\r
";

/// `DESTDIR` and `UPDATE` let it be tried without touching the machine.
const DEBIAN_SCRIPT: &str = "\
#!/bin/sh
# Puts the school's web filter certificates among the trusted roots of this computer. Run as root.
set -eu
here=$(cd \"$(dirname \"$0\")\" && pwd)
mkdir -p \"${DESTDIR:-}/usr/local/share/ca-certificates\"
for file in \"$here\"/*.crt; do
    install -m 0644 \"$file\" \"${DESTDIR:-}/usr/local/share/ca-certificates/\"
done
${UPDATE:-update-ca-certificates}
";

/// A configuration profile with a root certificate payload for each authority (Apple, Device Management,
/// `com.apple.security.root`, read 2026-11-22). Its identifiers come from the certificates, so that the same certificates
/// update a profile instead of adding one.
fn apple_profile(authorities: &[&CertificateAuthority], organisation: &str) -> String {
    let organisation = escaped(organisation);
    let mut payloads = String::new();
    let mut whole = Sha256::new();
    for (number, authority) in (1_usize..).zip(authorities) {
        let digest = authority.digest();
        whole.update(digest);
        let content: String =
            authority.certificate_pem().lines().filter(|line| !line.starts_with('-')).collect();
        let uuid = uuid(&digest);
        // Writing into a string does not fail.
        let _ = write!(
            payloads,
            "    <dict>\n      \
               <key>PayloadType</key><string>com.apple.security.root</string>\n      \
               <key>PayloadVersion</key><integer>1</integer>\n      \
               <key>PayloadIdentifier</key><string>uk.schoolgate.filter.{uuid}</string>\n      \
               <key>PayloadUUID</key><string>{uuid}</string>\n      \
               <key>PayloadDisplayName</key><string>{organisation} web filter, certificate {number}</string>\n      \
               <key>PayloadCertificateFileName</key><string>{NAME}-{number}.cer</string>\n      \
               <key>PayloadContent</key><data>{content}</data>\n    \
             </dict>\n"
        );
    }
    let uuid = uuid(&whole.finalize().into());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n  \
           <key>PayloadType</key><string>Configuration</string>\n  \
           <key>PayloadVersion</key><integer>1</integer>\n  \
           <key>PayloadIdentifier</key><string>uk.schoolgate.filter</string>\n  \
           <key>PayloadUUID</key><string>{uuid}</string>\n  \
           <key>PayloadDisplayName</key><string>{organisation} web filter</string>\n  \
           <key>PayloadOrganization</key><string>{organisation}</string>\n  \
           <key>PayloadScope</key><string>System</string>\n  \
           <key>PayloadContent</key>\n  <array>\n{payloads}  </array>\n\
         </dict>\n</plist>\n"
    )
}

/// Sixteen bytes of a digest as a UUID of our own making (version 8, RFC 9562, section 5.8).
fn uuid(digest: &[u8; 32]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in digest.iter().take(16).enumerate() {
        let byte = match index {
            6 => (byte & 0x0f) | 0x80,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if [4, 6, 8, 10].contains(&index) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02X}");
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Firefox's enterprise policy: the system's roots count, and on Linux, where Firefox does not read those, the files
/// (Mozilla, policy templates, `Certificates`, read 2026-11-22).
fn firefox_policies(authorities: usize) -> String {
    let files: Vec<String> =
        (1..=authorities).map(|number| format!("        \"{DEBIAN_FOLDER}/{NAME}-{number}.crt\"")).collect();
    format!(
        "{{\n  \"policies\": {{\n    \"Certificates\": {{\n      \"ImportEnterpriseRoots\": true,\n      \
         \"Install\": [\n{}\n      ]\n    }}\n  }}\n}}\n",
        files.join(",\n")
    )
}

fn read_me(authorities: &[&CertificateAuthority], organisation: &str) -> String {
    let mut text = format!(
        "The web filter certificate of {organisation}\n\n\
         Devices of the school must trust these certificates, or web pages show a warning. Put them on the school's own\n\
         devices, and on nothing else without its owner's agreement. They are no secret.\n\n"
    );
    for (number, authority) in (1_usize..).zip(authorities) {
        let until = authority.not_after();
        let state = if number == 1 { "in use" } else { "takes over later" };
        let fingerprint = authority.fingerprint();
        let _ = write!(text, "Certificate {number} ({state}), until {until}\n  SHA-256 {fingerprint}\n\n");
    }
    text.push_str(STEPS);
    text
}

const STEPS: &str = "\
Windows, by Group Policy: Computer Configuration, Policies, Windows Settings, Security Settings, Public Key Policies,
  Trusted Root Certification Authorities, Import: each .cer file in windows/.
Windows, by Intune: Devices, Configuration, a new profile of the type Trusted certificate, destination store
  Computer certificate store - Root: each .cer file in windows/. Or run windows/install.ps1 as a platform script.
Chromebooks and Google accounts: Google Admin console, Devices, Networks, Certificates, Add certificate: each .pem file in
  google/, enabled for Chromebooks and Chromium.
iPad, iPhone and Mac, by Jamf or any other device management: upload apple/school-web-filter.mobileconfig as a profile.
  Roots that device management installs are trusted at once. By hand, switch the certificate on in Settings, General,
  About, Certificate Trust Settings.
Debian and Ubuntu: run debian/install.sh as root.
Firefox: put firefox/policies.json into the folder distribution beside the program, or into /etc/firefox/policies on
  Linux, where debian/install.sh must have run too.
Android: by the device management, as a CA certificate: the .cer files in windows/. Many apps ignore it; their hosts
  belong on the bypass list.
";

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    use std::path::Path;
    use std::process::Command;

    fn authority(name: &str) -> CertificateAuthority {
        CertificateAuthority::create(name, Timestamp::parse("2026-11-22T10:00:00Z").unwrap()).unwrap()
    }

    fn write(folder: &Path, authorities: &[&CertificateAuthority]) {
        for file in roll_out_packs(authorities, "Ash & Elm <Primary>") {
            let path = folder.join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.bytes).unwrap();
        }
    }

    fn run(program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn no_pack_holds_the_key_and_every_pack_holds_both_certificates() {
        let (one, two) = (authority("Old"), authority("New"));
        let files = roll_out_packs(&[&one, &two], "Ash Primary");
        for file in &files {
            let text = String::from_utf8_lossy(&file.bytes);
            assert!(!text.contains("PRIVATE"), "{}", file.path);
        }
        for ending in ["-1.cer", "-2.cer", "-1.pem", "-2.pem", "-1.crt", "-2.crt", "READ-ME.txt"] {
            assert!(files.iter().any(|file| file.path.ends_with(ending)), "{ending}");
        }
    }

    #[test]
    fn openssl_reads_the_windows_file_and_shows_our_fingerprint() {
        let (folder, one) = (tempfile::tempdir().unwrap(), authority("Old"));
        write(folder.path(), &[&one]);
        let file = folder.path().join("windows/school-web-filter-1.cer");
        let arguments = ["x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256", "-in"];
        let shown = run("openssl", &[&arguments[..], &[file.to_str().unwrap()]].concat());
        assert!(shown.contains(&one.fingerprint()), "{shown}");
    }

    #[test]
    fn debian_s_own_tool_takes_the_certificates_up() {
        let (folder, one, two) = (tempfile::tempdir().unwrap(), authority("Old"), authority("New"));
        write(folder.path(), &[&one, &two]);
        let root = folder.path().join("root");
        let within = |path: &str| root.join(path).to_str().unwrap().to_owned();
        for made in ["etc/ssl/certs", "usr/share/ca-certificates", "usr/local/share"] {
            std::fs::create_dir_all(root.join(made)).unwrap();
        }
        std::fs::create_dir_all(root.join("hooks")).unwrap();
        std::fs::write(root.join("conf"), "").unwrap();
        let update = format!(
            "update-ca-certificates --certsconf {} --certsdir {} --localcertsdir {} --etccertsdir {} --hooksdir {}",
            within("conf"),
            within("usr/share/ca-certificates"),
            within("usr/local/share/ca-certificates"),
            within("etc/ssl/certs"),
            within("hooks")
        );
        let output = Command::new("sh")
            .arg(folder.path().join("debian/install.sh"))
            .env("DESTDIR", &root)
            .env("UPDATE", update)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let bundle = std::fs::read(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
        let found: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&bundle).map(Result::unwrap).collect();
        assert_eq!(found.len(), 2);
        assert!(found.contains(one.certificate_der()) && found.contains(two.certificate_der()));
    }

    #[test]
    fn the_apple_profile_and_the_firefox_policy_are_read_by_readers_of_their_formats() {
        let (folder, one, two) = (tempfile::tempdir().unwrap(), authority("Old"), authority("New"));
        write(folder.path(), &[&one, &two]);
        let program = "\
import json, plistlib, sys
profile = plistlib.load(open(sys.argv[1] + '/apple/school-web-filter.mobileconfig', 'rb'))
assert profile['PayloadType'] == 'Configuration' and profile['PayloadOrganization'] == 'Ash & Elm <Primary>'
for payload in profile['PayloadContent']:
    assert payload['PayloadType'] == 'com.apple.security.root'
    print(payload['PayloadContent'].hex())
policy = json.load(open(sys.argv[1] + '/firefox/policies.json'))['policies']['Certificates']
assert policy['ImportEnterpriseRoots'] is True and len(policy['Install']) == 2
";
        let shown = run("python3", &["-c", program, folder.path().to_str().unwrap()]);
        let hex = |authority: &CertificateAuthority| {
            authority.certificate_der().iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        };
        assert_eq!(shown.lines().collect::<Vec<_>>(), [hex(&one), hex(&two)]);
    }
}
