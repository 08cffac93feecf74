//! Wrong passwords that were counted, and what they locked, kept over a restart: otherwise whoever can make the gate stop
//! could guess on.
//!
//! What a killed gate counted in its last two seconds is lost. A file that cannot be read is left where it is until the next
//! count, said in the log, and counting begins anew.

use app::App;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often they are kept, where there are others than before.
const KEEP: Duration = Duration::from_secs(2);

/// Takes up what was kept, and keeps it from now on.
pub(crate) fn mind(tasks: &TaskTracker, stop: &CancellationToken, app: &App, file: PathBuf) {
    restore(app, &file);
    let (app, stop) = (app.clone(), stop.clone());
    tasks.spawn(async move { keep(&app, &stop, file).await });
}

fn restore(app: &App, file: &Path) {
    let Ok(bytes) = std::fs::read(file) else { return };
    if let Err(error) = app.restore_locks(&bytes) {
        tracing::error!(%error, "wrong passwords counted before the start cannot be read; counting begins anew");
    }
}

async fn keep(app: &App, stop: &CancellationToken, file: PathBuf) {
    let mut clock = interval(KEEP);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unkept = None;
    loop {
        let stops = tokio::select! {
            () = stop.cancelled() => true,
            _ = clock.tick() => false,
        };
        unkept = app.moved_locks().or(unkept);
        if let Some(bytes) = unkept.take() {
            unkept = kept(&file, bytes).await;
        }
        if stops {
            return;
        }
    }
}

/// Gives back what could not be written.
async fn kept(file: &Path, bytes: Vec<u8>) -> Option<Vec<u8>> {
    let file = file.to_owned();
    let write = move || match crate::folder::replace_secret(&file, &bytes) {
        Ok(()) => None,
        Err(error) => {
            tracing::error!(%error, "counted wrong passwords could not be kept; it is tried again in two seconds");
            Some(bytes)
        }
    };
    tokio::task::spawn_blocking(write).await.unwrap_or_default()
}
