//! The process shuts doors behind itself that it will not need: files outside the gate's folder, other programs, and
//! system calls that no web filter makes (Landlock and seccomp, Linux).
//!
//! It happens before the first thread starts, so that every thread is held by it, and nothing takes it back. What the
//! configuration names is opened to it first. The network stays open: the gate is there for it.
//!
//! A kernel without either is no reason not to start: what holds is said where the gate says that it runs.

use crate::config::Config;
use crate::folder::Folder;
use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, path_beneath_rules,
};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter};
use std::path::{Path, PathBuf};

/// The rights of Landlock that are known here; an older kernel holds those that it knows.
const KNOWN: ABI = ABI::V5;
/// What the system's libraries read to resolve names and to learn of the machine. Folders in which `resolv.conf` is
/// replaced stand here as such; `/etc` itself does not.
const READ: [&str; 17] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/etc/passwd",
    "/etc/localtime",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/lib",
    "/usr/lib",
    "/lib64",
    "/proc",
    "/sys/fs/cgroup",
];
/// Where something is written beside the gate's folder: what SQLite sorts on disk, and nowhere.
const WRITE: [&str; 4] = ["/tmp", "/var/tmp", "/dev/null", "/dev/urandom"];

/// System calls that load code, change the machine, look into other processes, or start programs.
const REFUSED: [libc::c_long; 38] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_quotactl,
    libc::SYS_personality,
];

/// How far the process was narrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Narrowed {
    /// Files, and other programs.
    pub(crate) files: Held,
    /// System calls.
    pub(crate) calls: Held,
}

/// How far something holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Held {
    InFull,
    /// The kernel knows only some of it.
    InPart,
    /// The kernel does not know it, or the configuration does not want it.
    #[default]
    NotAtAll,
}

impl Held {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::InFull => "in full",
            Self::InPart => "in part",
            Self::NotAtAll => "not at all",
        }
    }
}

impl Narrowed {
    /// Narrows this thread and every one that it starts to what a gate in this folder needs. Where the folder or its
    /// configuration cannot be read, nothing happens: whoever starts the gate says so.
    pub(crate) fn to(folder: &Path) -> Self {
        let config = Config::read(&Folder::at(folder).config());
        let config = config.as_ref().ok();
        if config.is_some_and(|config| !config.gate.narrowed) {
            return Self::default();
        }
        let narrowed = Self::to_files(folder, &config.map(Config::files).unwrap_or_default());
        let (files, calls) = (narrowed.files.words(), narrowed.calls.words());
        if narrowed.files == Held::InFull && narrowed.calls == Held::InFull {
            tracing::info!(files, calls, "the process is narrowed");
        } else {
            tracing::warn!(files, calls, "the process is not narrowed as far as it could be");
        }
        narrowed
    }

    fn to_files(folder: &Path, read: &[PathBuf]) -> Self {
        let files = narrow_files(folder, read).unwrap_or_else(|error| {
            tracing::warn!(%error, "files could not be shut off");
            Held::NotAtAll
        });
        let calls = narrow_calls().unwrap_or_else(|error| {
            tracing::warn!(%error, "system calls could not be shut off");
            Held::NotAtAll
        });
        Self { files, calls }
    }
}

fn narrow_files(folder: &Path, read: &[PathBuf]) -> Result<Held, RulesetError> {
    let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let everything = AccessFs::from_all(KNOWN) & !BitFlags::from(AccessFs::Execute);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(READ, reading))?
        .add_rules(path_beneath_rules(read, reading))?
        .add_rules(path_beneath_rules(WRITE, everything))?
        .add_rules(path_beneath_rules([folder], everything))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Held::InFull,
        RulesetStatus::PartiallyEnforced => Held::InPart,
        RulesetStatus::NotEnforced => Held::NotAtAll,
    })
}

/// Why system calls cannot be refused.
#[derive(Debug, thiserror::Error)]
enum CallsError {
    #[error("the filter cannot be made: {0}")]
    Filter(#[from] BackendError),
    #[error("the kernel does not take the filter: {0}")]
    Kernel(#[from] seccompiler::Error),
}

fn narrow_calls() -> Result<Held, CallsError> {
    let rules = REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(Held::InFull)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    /// On a thread of its own: what narrows it holds nobody else.
    #[test]
    fn a_narrowed_process_keeps_its_folder_and_the_network_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("gate");
        // A file outside the folders that everybody may use.
        let root = PathBuf::from("/etc/debian_version");
        std::fs::create_dir(&folder).unwrap();
        // Everybody's to read, until the process is narrowed.
        let others = Path::new("/var/lib/dpkg/status");
        std::fs::read(others).unwrap();
        let narrowed = std::thread::spawn(move || {
            let narrowed = Narrowed::to_files(&folder, std::slice::from_ref(&root));
            std::fs::write(folder.join("here"), "kept").unwrap();
            std::fs::rename(folder.join("here"), folder.join("there")).unwrap();
            assert_eq!(std::fs::read_to_string(folder.join("there")).unwrap(), "kept");
            assert!(!std::fs::read(&root).unwrap().is_empty());
            for closed in [Path::new("/etc/shadow"), others] {
                assert_eq!(
                    std::fs::read(closed).unwrap_err().kind(),
                    ErrorKind::PermissionDenied,
                    "{closed:?}"
                );
            }
            let to_write = std::fs::File::options().append(true).open(&root);
            assert_eq!(to_write.unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(Command::new("/bin/true").status().unwrap_err().kind(), ErrorKind::PermissionDenied);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            narrowed
        });
        assert_eq!(narrowed.join().unwrap(), Narrowed { files: Held::InFull, calls: Held::InFull });
    }
}
