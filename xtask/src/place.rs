//! Where things are.

use crate::failure::{Failure, at};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file that stands in the root alone.
const MARK: &str = "layers.toml";

/// The root of the checkout.
///
/// Asked for while running, never while compiling: where clones share a folder of built things, this program may have been
/// built in a clone that is gone.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
        let here = here.canonicalize().unwrap_or(here);
        root_of(&here).unwrap_or(&here).to_owned()
    })
}

/// The nearest folder at or above this one that has the mark.
fn root_of(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|above| above.join(MARK).is_file())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_any_folder_of_the_checkout() {
        let here = root();
        assert!(here.join(MARK).is_file());
        assert_eq!(root_of(&here.join("xtask/src")), Some(here));
        assert_eq!(root_of(Path::new("/")), None);
    }
}
