//! The peer: Debian's Squid with `ssl-bump`, one worker, no cache, so that it carries every request as we do.

use super::authority::{certificate_file, key_file};
use super::peer::{free_port, until_listening};
use super::sites::unread;
use crate::child::Program;
use crate::error::BenchError;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::Command;

const CERTIFICATES: &str = "/usr/lib/squid/security_file_certgen";
/// Who Squid becomes where it is started as root.
const USER: &str = "proxy";

/// Its name and version, for the rows.
pub(crate) fn version() -> String {
    let output = Command::new("squid").arg("-v").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let version = text.lines().find_map(|line| line.strip_prefix("Squid Cache: Version "));
    format!("Squid {}", version.unwrap_or("of unknown version"))
}

/// Starts it with the authority in `folder`, trusting the origins' authority, and waits until it listens.
pub(crate) fn start(
    core: &str,
    folder: &Path,
    origins: &Path,
    hosts: &Path,
) -> Result<(Program, SocketAddrV4), BenchError> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_port()?);
    let (certificates, conf) = (folder.join("certificates"), folder.join("squid.conf"));
    super::peer::run(CERTIFICATES, &["-c", "-s", &certificates.to_string_lossy(), "-M", "16MB"])?;
    let text = configuration(folder, address, &certificate_file(origins), hosts);
    fs::write(&conf, text).map_err(BenchError::file(&conf))?;
    super::peer::give_to(USER, folder)?;
    let program = Program::other(core, "squid", &["-N", "-f", &conf.to_string_lossy()])?;
    until_listening(address, "squid")?;
    Ok((program, address))
}

/// Nothing that only costs: no logs, no cache, no header of its own, no lookups.
fn configuration(folder: &Path, address: SocketAddrV4, origins: &Path, hosts: &Path) -> String {
    let (certificate, key) = (certificate_file(folder), key_file(folder));
    let (certificate, key) = (certificate.display(), key.display());
    let mut text = format!(
        "http_port {address} ssl-bump tls-cert={certificate} tls-key={key} generate-host-certificates=on \
         dynamic_cert_mem_cache_size=16MB\n"
    );
    let (folder, hosts, unread) = (folder.display(), hosts.display(), unread().name);
    // Writing to a string does not fail.
    let _ = writeln!(text, "sslcrtd_program {CERTIFICATES} -s {folder}/certificates -M 16MB");
    let _ = writeln!(text, "acl unread ssl::server_name {unread}");
    let _ = writeln!(text, "tls_outgoing_options cafile={}", origins.display());
    let _ =
        writeln!(text, "hosts_file {hosts}\npid_filename {folder}/squid.pid\ncache_log {folder}/cache.log");
    let _ = writeln!(text, "coredump_dir {folder}\ncache_effective_user {USER}");
    for line in [
        "visible_hostname squid.bench.test",
        "sslcrtd_children 2 startup=2 idle=1",
        "acl first at_step SslBump1",
        "ssl_bump peek first",
        "ssl_bump splice unread",
        "ssl_bump bump all",
        "http_access allow all",
        "workers 1",
        "cache deny all",
        "cache_mem 0 MB",
        "access_log none",
        "cache_store_log none",
        "via off",
        "forwarded_for delete",
        "pinger_enable off",
        "netdb_filename none",
        "max_filedescriptors 20000",
        "client_idle_pconn_timeout 30 minutes",
        "server_idle_pconn_timeout 30 minutes",
        "shutdown_lifetime 0 seconds",
    ] {
        let _ = writeln!(text, "{line}");
    }
    text
}
