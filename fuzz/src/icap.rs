//! The reader of what other proxies ask by ICAP.

use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

/// Where the waits of the reader are kept; nothing is ever waited for.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime"));

/// Reads a connection's bytes whole, and in pieces whose length the first byte says: both must tell the same.
pub fn questions(bytes: &[u8]) {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let whole = RUNTIME.block_on(proxy::icap_transcript(bytes, bytes.len()));
    let cut = RUNTIME.block_on(proxy::icap_transcript(bytes, usize::from(*piece)));
    assert_eq!(whole, cut);
}
