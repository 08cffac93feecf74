//! Where things are.

use crate::failure::{Failure, at};
use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo that started this program.
pub fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// The folder that cargo builds into.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The text of a file, by its path from the root.
pub fn read(path: &str) -> Result<String, Failure> {
    let path = root().join(path);
    std::fs::read_to_string(&path).map_err(at("read", &path))
}
