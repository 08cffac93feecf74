//! The inspection authority's files: the one in use and, while a change is under way, the next one and its date.
//!
//! A running gate takes changes up (`renewals`).
//!
//! Invariants: there is one authority in use at any moment; which it is, a date in a file says, not somebody's haste. A
//! change that broke off is finished by finishing it again.

use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;
use model::{Clock, Timestamp};
use proxy::{CertificateAuthority, LeafSigner};
use std::path::{Path, PathBuf};

const PART: &str = "certificate authority";

/// The authorities of a gate.
pub(crate) struct Authorities {
    pub(crate) current: CertificateAuthority,
    /// The next one, and from when on it signs.
    pub(crate) next: Option<(CertificateAuthority, Timestamp)>,
}

/// The signer of a gate: its authority is loaded, or made at the first start.
pub(crate) fn signer(folder: &Folder, config: &Config, clock: &Clock) -> Result<LeafSigner, ProgramError> {
    let (certificate, key) = (folder.authority_certificate(), folder.authority_key());
    if !certificate.exists() && !key.exists() {
        let name = format!("{} web filter", config.gate.organisation);
        CertificateAuthority::create(&name, clock.now())
            .and_then(|made| made.save(&certificate, &key))
            .map_err(ProgramError::part(PART))?;
    }
    let first = load(folder)?.current;
    let signer = LeafSigner::new(first, clock.clone()).map_err(ProgramError::part(PART))?;
    take_up(folder, &signer)?;
    Ok(signer)
}

/// Gives a signer the authorities as the files have them now.
pub(crate) fn take_up(folder: &Folder, signer: &LeafSigner) -> Result<(), ProgramError> {
    let Authorities { current, next } = load(folder)?;
    signer.put(current, next);
    Ok(())
}

/// The files that say which authority signs when.
pub(crate) fn files(folder: &Folder) -> [PathBuf; 5] {
    let Files { certificate, key, next_certificate, next_key, date, .. } = Files::of(folder);
    [certificate, key, next_certificate, next_key, date]
}

/// Reads what there is.
pub(crate) fn load(folder: &Folder) -> Result<Authorities, ProgramError> {
    let files = Files::of(folder);
    for lost in [&files.certificate, &files.key] {
        if !lost.exists() {
            // A new authority would be one that no device of the school trusts.
            return Err(ProgramError::lost(
                lost,
                "a new one would be one that no device of the school trusts",
            ));
        }
    }
    if files.next_certificate.exists() && !files.next_key.exists() {
        return Err(ProgramError::Question(
            "The change of the authority broke off. Run `schoolgate authority finish` again.".to_owned(),
        ));
    }
    let current =
        CertificateAuthority::load(&files.certificate, &files.key).map_err(ProgramError::part(PART))?;
    let next = match files.next_key.exists() {
        true => Some((
            CertificateAuthority::load(&files.next_certificate, &files.next_key)
                .map_err(ProgramError::part(PART))?,
            read_date(&files.date)?,
        )),
        false => None,
    };
    Ok(Authorities { current, next })
}

/// Makes the next authority, which signs from a moment on.
pub(crate) fn save_next(
    folder: &Folder,
    next: &CertificateAuthority,
    from: Timestamp,
) -> Result<(), ProgramError> {
    let files = Files::of(folder);
    // The date first: a next authority without one would not load.
    write(&files.date, &format!("{from}\n"))?;
    next.save(&files.next_certificate, &files.next_key).map_err(ProgramError::part(PART))
}

/// Makes the next authority the only one. The old one's certificate is kept beside it, its key is not.
pub(crate) fn finish(folder: &Folder) -> Result<(), ProgramError> {
    let files = Files::of(folder);
    if files.next_key.exists() {
        let old = std::fs::read_to_string(&files.certificate)
            .map_err(|source| ProgramError::file(&files.certificate, source))?;
        write(&files.old_certificate, &old)?;
        rename(&files.next_key, &files.key)?;
    }
    if files.next_certificate.exists() {
        rename(&files.next_certificate, &files.certificate)?;
    }
    match std::fs::remove_file(&files.date) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(ProgramError::file(&files.date, source))
        }
        _ => Ok(()),
    }
}

/// True where a finish broke off half-way.
pub(crate) fn is_half_finished(folder: &Folder) -> bool {
    let files = Files::of(folder);
    files.next_certificate.exists() && !files.next_key.exists()
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    next_certificate: PathBuf,
    next_key: PathBuf,
    old_certificate: PathBuf,
    date: PathBuf,
}

impl Files {
    fn of(folder: &Folder) -> Self {
        let at = |name: &str| folder.path().join(name);
        Self {
            certificate: folder.authority_certificate(),
            key: folder.authority_key(),
            next_certificate: at("authority-next.pem"),
            next_key: at("authority-next.key"),
            old_certificate: at("authority-old.pem"),
            date: at("authority-next.from"),
        }
    }
}

fn read_date(file: &Path) -> Result<Timestamp, ProgramError> {
    let text = std::fs::read_to_string(file).map_err(|source| ProgramError::file(file, source))?;
    Timestamp::parse(text.trim()).ok_or_else(|| ProgramError::Configuration {
        file: file.to_owned(),
        words: format!("expected a moment such as 2026-12-20T00:00:00Z, found {}", text.trim()),
    })
}

fn write(file: &Path, text: &str) -> Result<(), ProgramError> {
    std::fs::write(file, text).map_err(|source| ProgramError::file(file, source))
}

fn rename(from: &Path, to: &Path) -> Result<(), ProgramError> {
    std::fs::rename(from, to).map_err(|source| ProgramError::file(from, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_348_800_000);

    fn folder() -> (tempfile::TempDir, Folder, CertificateAuthority) {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let made = CertificateAuthority::create("Ash Primary web filter", NOON).unwrap();
        made.save(&folder.authority_certificate(), &folder.authority_key()).unwrap();
        (home, folder, made)
    }

    #[test]
    fn a_change_goes_from_one_authority_over_two_to_one() {
        let (_home, folder, old) = folder();
        assert!(load(&folder).unwrap().next.is_none());
        let next = CertificateAuthority::create("Ash Primary web filter 2", NOON).unwrap();
        let from = NOON.plus_ms(86_400_000);
        save_next(&folder, &next, from).unwrap();
        let both = load(&folder).unwrap();
        assert_eq!(both.current.fingerprint(), old.fingerprint());
        let (found, found_from) = both.next.unwrap();
        assert_eq!((found.fingerprint(), found_from), (next.fingerprint(), from));
        assert!(save_next(&folder, &old, from).is_err(), "there is one next authority at most");
        finish(&folder).unwrap();
        let one = load(&folder).unwrap();
        assert!(one.next.is_none());
        assert_eq!(one.current.fingerprint(), next.fingerprint());
        let kept = std::fs::read_to_string(folder.path().join("authority-old.pem")).unwrap();
        assert_eq!(kept, old.certificate_pem());
    }

    #[test]
    fn a_finish_that_broke_off_is_noticed_and_finished() {
        let (_home, folder, _) = folder();
        let next = CertificateAuthority::create("Ash Primary web filter 2", NOON).unwrap();
        save_next(&folder, &next, NOON).unwrap();
        let files = Files::of(&folder);
        rename(&files.next_key, &files.key).unwrap();
        assert!(is_half_finished(&folder));
        assert!(load(&folder).err().unwrap().to_string().contains("authority finish"));
        finish(&folder).unwrap();
        assert_eq!(load(&folder).unwrap().current.fingerprint(), next.fingerprint());
    }
}
