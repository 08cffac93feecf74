//! Keys that are replaced while the gate runs: the inspection authority (`schoolgate authority rotate` and `finish`) and the
//! keytab of the proxy's Kerberos service.
//!
//! Left out: the console's own certificate and those of encrypted DNS, which are read at the start.
//!
//! Invariant: what cannot be read leaves what is in force as it is, and is tried again when a file changes once more.

use crate::authority;
use crate::folder::Folder;
use proxy::{Keytab, LeafSigner, ServiceKeys};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How soon a change is taken up.
const LOOK: Duration = Duration::from_secs(1);

/// What is watched, and what takes it up.
pub(crate) struct Renewals {
    folder: Folder,
    signer: Arc<LeafSigner>,
    keytab: Option<(PathBuf, Arc<ServiceKeys>)>,
    seen: Seen,
}

/// How the files were when they were looked at last.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    authority: Vec<Stamp>,
    keytab: Stamp,
}

/// Tells one state of a file from another: number, size, and the time of its last change to the nanosecond.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Renewals {
    /// Starts from what is in force: the files as they are now are what these were read from.
    pub(crate) fn new(
        folder: &Folder,
        signer: &Arc<LeafSigner>,
        keytab: Option<(PathBuf, Arc<ServiceKeys>)>,
    ) -> Self {
        let seen = Seen::now(folder, keytab.as_ref().map(|(file, _)| file.as_path()));
        Self { folder: folder.clone(), signer: Arc::clone(signer), keytab, seen }
    }

    /// The signer that changes of the authority are given to.
    pub(crate) fn signer(&self) -> &Arc<LeafSigner> {
        &self.signer
    }

    /// Looks again and again until the gate stops.
    pub(crate) async fn watch(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        while stop.run_until_cancelled(looks.tick()).await.is_some() {
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(renewals) => self = renewals,
                Err(_) => {
                    tracing::error!("keys that are replaced are taken up no more");
                    return;
                }
            }
        }
    }

    fn look(&mut self) {
        let now = Seen::now(&self.folder, self.keytab.as_ref().map(|(file, _)| file.as_path()));
        if now.authority != self.seen.authority {
            match authority::take_up(&self.folder, &self.signer) {
                Ok(()) => tracing::info!("a changed inspection authority was taken up"),
                Err(error) => tracing::warn!(%error, "a changed inspection authority was not taken up"),
            }
        }
        if let Some((file, keys)) = self.keytab.as_ref().filter(|_| now.keytab != self.seen.keytab) {
            match Keytab::read(file) {
                Ok(keytab) => {
                    keys.put(keytab);
                    tracing::info!("a changed keytab was taken up");
                }
                Err(error) => tracing::warn!(%error, "a changed keytab was not taken up"),
            }
        }
        self.seen = now;
    }
}

impl Seen {
    fn now(folder: &Folder, keytab: Option<&Path>) -> Self {
        let authority = authority::files(folder).iter().map(|file| stamp(file)).collect();
        Self { authority, keytab: keytab.and_then(stamp) }
    }
}

fn stamp(file: &Path) -> Stamp {
    let found = std::fs::metadata(file).ok()?;
    Some((found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Clock, Timestamp};
    use proxy::CertificateAuthority;

    #[test]
    fn a_next_authority_and_the_end_of_the_old_one_are_taken_up_and_half_a_change_is_not() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let clock = Clock::fixed(Timestamp::parse("2026-11-22T10:00:00Z").unwrap());
        let make = |name: &str| CertificateAuthority::create(name, clock.now()).unwrap();
        let old = make("Ash Primary web filter");
        old.save(&folder.authority_certificate(), &folder.authority_key()).unwrap();
        let old_print = old.fingerprint();
        let signer = Arc::new(LeafSigner::new(old, clock.clone()).unwrap());
        let mut renewals = Renewals::new(&folder, &signer, None);
        renewals.look();
        assert_eq!(signer.authority().fingerprint(), old_print);

        let next = make("Ash Primary web filter 2");
        authority::save_next(&folder, &next, clock.now().plus_ms(1_000)).unwrap();
        renewals.look();
        assert_eq!(signer.authority().fingerprint(), old_print);
        assert_eq!(signer.next_authority().unwrap().0.fingerprint(), next.fingerprint());

        std::fs::rename(home.path().join("authority-next.key"), folder.authority_key()).unwrap();
        renewals.look();
        assert!(signer.next_authority().is_some(), "half a change is not taken up");
        authority::finish(&folder).unwrap();
        renewals.look();
        assert_eq!(signer.authority().fingerprint(), next.fingerprint());
        assert!(signer.next_authority().is_none());
    }
}
