//! Category trees as UT1 and squidGuard have them: a folder a category, with a `domains` file whose names cover what is
//! below them. Old folder names live on as symbolic links (`ads` to `publicite`); they are followed inside the tree.
//!
//! The policy says which folder is which category. Other folders are left out and counted, and so are the `urls` and
//! `expressions` files of the folders that are read.

use super::domains;
use crate::list::ReadList;
use crate::tree::{Tree, Unresolved};
use crate::{Dropped, ListError};
use model::Category;
use policy::image::Reach;
use std::collections::BTreeSet;
use std::sync::Arc;

const NAMES: &str = "domains";
const PAGES: [&str; 2] = ["urls", "expressions"];

/// True for the files whose bytes are read.
pub(super) fn is_read(path: &str) -> bool {
    path.rsplit('/').next() == Some(NAMES)
}

pub(super) fn read(
    tree: &Tree,
    folders: &[(Arc<str>, Category)],
    list: &mut ReadList,
) -> Result<(), ListError> {
    let mut met = BTreeSet::new();
    for path in category_folders(tree) {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some((_, category)) = folders.iter().find(|(folder, _)| **folder == *name) else {
            list.left_out(Dropped::FolderWithoutCategory);
            continue;
        };
        met.insert(name);
        match tree.contents(&format!("{path}/{NAMES}")) {
            Ok(bytes) => domains::read(&bytes, Reach::Subtree, *category, list),
            Err(Unresolved::Refused(reason)) => list.left_out(reason),
            Err(Unresolved::NotAFile) => list.left_out(Dropped::LinkBroken),
            Err(Unresolved::Failed(error)) => return Err(error),
        }
        for _ in PAGES.iter().filter(|file| tree.has(&format!("{path}/{file}"))) {
            list.left_out(Dropped::PageFile);
        }
    }
    for _ in folders.iter().filter(|(folder, _)| !met.contains(&**folder)) {
        list.left_out(Dropped::FolderNotThere);
    }
    Ok(())
}

/// Folders with a `domains` file, and links that may stand for one.
fn category_folders(tree: &Tree) -> BTreeSet<&str> {
    let with_names = tree.paths().filter_map(|path| path.strip_suffix(NAMES)?.strip_suffix('/'));
    let own_files = |path: &&str| {
        let file = path.rsplit('/').next().unwrap_or(path);
        file != NAMES && !PAGES.contains(&file)
    };
    with_names.chain(tree.links().filter(own_files)).collect()
}
