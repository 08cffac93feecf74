//! Where a gate keeps what it has: one folder, closed to every other user.

use crate::error::ProgramError;
use std::path::{Path, PathBuf};

/// A gate's folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder, made where it is missing, readable by this user alone.
    pub(crate) fn open(path: &Path) -> Result<Self, ProgramError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| ProgramError::file(path, source))?;
        Ok(Self(path.to_owned()))
    }

    /// A folder of which nothing is known yet.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder of a gate that was set up before.
    pub(crate) fn existing(path: &Path) -> Result<Self, ProgramError> {
        let folder = Self(path.to_owned());
        match folder.config().try_exists() {
            Ok(true) => {
                use std::os::unix::fs::PermissionsExt as _;
                // Made by hand it may be open to others; what lies in it is not for them.
                let closed = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700));
                closed.map(|()| folder).map_err(|source| ProgramError::file(path, source))
            }
            Ok(false) => Err(ProgramError::Question(format!(
                "{}: expected a gate's folder with a schoolgate.toml in it; `schoolgate demo --folder {}` makes one",
                path.display(),
                path.display()
            ))),
            Err(source) => Err(ProgramError::file(path, source)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("schoolgate.toml")
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.0.join("records.sqlite")
    }

    pub(crate) fn history(&self) -> PathBuf {
        self.0.join("history")
    }

    /// Lines of other systems, files of a day.
    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    pub(crate) fn lists(&self) -> PathBuf {
        self.0.join("lists")
    }

    /// Files that are held while they are scanned.
    pub(crate) fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// Credentials of lists, a file each.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.0.join("secrets")
    }

    /// By which token a device is known that asks by encrypted DNS from elsewhere.
    pub(crate) fn device_tokens(&self) -> PathBuf {
        self.secrets().join("device-tokens")
    }

    /// The inspection authority's certificate, to install on devices.
    pub(crate) fn authority_certificate(&self) -> PathBuf {
        self.0.join("authority.pem")
    }

    pub(crate) fn authority_key(&self) -> PathBuf {
        self.0.join("authority.key")
    }

    pub(crate) fn demo_password(&self) -> PathBuf {
        self.0.join("demo-password")
    }

    /// The demo school's accounts and passwords, for whoever tries it.
    pub(crate) fn demo_accounts(&self) -> PathBuf {
        self.0.join("demo-accounts.txt")
    }

    /// What the monitoring rules remember between two starts.
    pub(crate) fn monitoring(&self) -> PathBuf {
        self.0.join("monitoring.state")
    }

    /// Wrong passwords that were counted and what they locked.
    pub(crate) fn locks(&self) -> PathBuf {
        self.0.join("lockout.state")
    }

    /// The key that seals the audit log and signs packs.
    pub(crate) fn audit_key(&self) -> PathBuf {
        self.0.join("audit.key")
    }

    /// Checkpoints of the audit log, outside the records.
    pub(crate) fn audit_checkpoints(&self) -> PathBuf {
        self.0.join("audit.checkpoints")
    }

    /// Packs that were made for somebody who asked.
    pub(crate) fn packs(&self) -> PathBuf {
        self.0.join("packs")
    }

    pub(crate) fn pepper(&self) -> PathBuf {
        self.0.join("pepper")
    }
}

/// Reads a secret, or makes it from `fresh` and writes it for this user alone.
pub(crate) fn read_or_make_secret(
    file: &Path,
    fresh: impl FnOnce() -> Result<Vec<u8>, ProgramError>,
) -> Result<Vec<u8>, ProgramError> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let bytes = fresh()?;
            write_secret(file, &bytes).map_err(|source| ProgramError::file(file, source))?;
            Ok(bytes)
        }
        Err(source) => Err(ProgramError::file(file, source)),
    }
}

/// Writes a file for this user alone, in place of the one there was: a crash leaves the one or the other, whole.
pub(crate) fn replace_secret(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => write_secret(&fresh, bytes)?,
    }
    std::fs::rename(&fresh, file)?;
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn write_secret(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    out.write_all(bytes)?;
    out.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_the_new_one_also_after_a_crash_in_the_middle() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("kept");
        replace_secret(&file, b"one").unwrap();
        std::fs::write(home.path().join("kept.new"), b"hal").unwrap();
        replace_secret(&file, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
