//! What the proxy tells of its inspection, for the screens.

use app::{AuthoritySeen, Health, InspectionSeen, ScanSeen};
use model::Clock;
use proxy::{CertificateAuthority, LeafSigner, Proxy, RevocationCounts, ScanCounts};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it is asked.
const ASKED: Duration = Duration::from_secs(5);

/// Where it is asked of.
pub(super) struct Told {
    signer: Arc<LeafSigner>,
    revocation: Box<dyn Fn() -> RevocationCounts + Send + Sync>,
    refused: Box<dyn Fn() -> Vec<(String, u64)> + Send + Sync>,
    scan: Box<dyn Fn() -> Option<ScanCounts> + Send + Sync>,
}

impl Told {
    pub(super) fn new(proxy: &Proxy, signer: &Arc<LeafSigner>) -> Self {
        let refused = proxy.certificates_refused();
        let in_words =
            move || refused().into_iter().map(|(fault, times)| (fault.words().to_owned(), times)).collect();
        Self {
            signer: Arc::clone(signer),
            revocation: Box::new(proxy.revocation_counts()),
            refused: Box::new(in_words),
            scan: Box::new(proxy.scan_counts()),
        }
    }

    /// Tells it, as long as the gate runs.
    pub(super) async fn watch(self, stop: CancellationToken, (health, clock): (Arc<Health>, Clock)) {
        let mut asked = tokio::time::interval(ASKED);
        while stop.run_until_cancelled(asked.tick()).await.is_some() {
            health.inspection(self.now(), clock.now());
        }
    }

    fn now(&self) -> InspectionSeen {
        let RevocationCounts { good, revoked, unknown } = (self.revocation)();
        InspectionSeen {
            authority: seen(&self.signer.authority()),
            next: self.signer.next_authority().map(|(next, from)| (seen(&next), from)),
            refused: (self.refused)(),
            revocation: (good, revoked, unknown),
            scan: (self.scan)().map(scan_seen),
        }
    }
}

fn seen(authority: &CertificateAuthority) -> AuthoritySeen {
    AuthoritySeen {
        name: authority.name().to_owned(),
        fingerprint: authority.fingerprint(),
        from: authority.not_before(),
        until: authority.not_after(),
    }
}

fn scan_seen(counts: ScanCounts) -> ScanSeen {
    let ScanCounts { clean, infected, unscanned, held, silent } = counts;
    ScanSeen { clean, infected, unscanned, held, silent }
}
