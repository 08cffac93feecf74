//! Packs that nobody needs here any more: each is removed some time after it was made, and what was left by a gate that
//! stopped while it made one.
//!
//! A pack lies no longer than whoever asked for it needs to fetch it. The request, its custody and the
//! hash of what was made stay; it can be made again. Invariant: no file goes but a pack's own and what is made of it.

use crate::export_pack::{MAKING, PACK};
use crate::exports::export_fact;
use crate::{App, AppError};
use model::{Actor, CustodyStep, DAY_MS, ExportId};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How long a pack is kept.
pub(crate) const KEPT_DAYS: i64 = 30;
/// How packs ended that an earlier version left unsealed.
const UNSEALED: &str = ".zip";
/// The most entries of the folder that are looked at in one go.
const MOST_ENTRIES: usize = 10_000;

impl App {
    /// Removes packs that are older than they are kept, and what a gate left that stopped while it made one. To be called at
    /// start and once a day.
    pub async fn expire_packs(&self) -> Result<(), AppError> {
        let _making = self.0.making_pack.lock().await;
        let folder = self.0.parts.seals.packs.clone();
        let packs = tokio::task::spawn_blocking(move || swept(&folder)).await?.map_err(failed)?;
        for (id, path) in packs {
            let Some(record) = self.0.parts.store.export(id).await? else { continue };
            let made = record.made.as_ref().map(|made| made.at);
            // A pack that is not noted as made is made again by whoever approved it.
            let due = made.is_none_or(|at| at.plus_ms(KEPT_DAYS * DAY_MS) <= self.now());
            if !due {
                continue;
            }
            tokio::task::spawn_blocking(move || fs::remove_file(path)).await?.map_err(failed)?;
            if made.is_none() {
                continue;
            }
            let words = format!("{KEPT_DAYS} days after it was made");
            let step = self.step(id, &Actor::Program, CustodyStep::Expired, &words);
            let fact = export_fact(&Actor::Program, &record.asked, "expire-export", self.now());
            self.commit(&fact, &[step]).await?;
        }
        Ok(())
    }
}

/// The packs in a folder, once what was left of making others is gone. A folder that is not there has none.
fn swept(folder: &Path) -> io::Result<Vec<(ExportId, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut packs = Vec::new();
    for entry in entries.take(MOST_ENTRIES) {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_prefix(MAKING).and_then(ExportId::parse).is_some() {
            fs::remove_dir_all(&path)?;
            tracing::warn!("what was left of a pack that was never finished is removed");
        } else if let Some(id) = name.strip_suffix(PACK).and_then(ExportId::parse) {
            packs.push((id, path));
        } else if name.strip_suffix(UNSEALED).and_then(ExportId::parse).is_some() {
            fs::remove_file(&path)?;
            tracing::warn!("a pack that lay unsealed is removed; it can be made again");
        }
    }
    Ok(packs)
}

fn failed(error: io::Error) -> AppError {
    AppError::failed(format!("expected to look through the packs, found: {error}"))
}
