//! Category trees as UT1 and squidGuard have them: a folder a category, with a `domains` file whose names cover what is
//! below them, a `urls` file of pages, and an `expressions` file of regular expressions over addresses of pages. Old folder
//! names live on as symbolic links (`ads` to `publicite`); they are followed inside the tree.
//!
//! The policy says which folder is which category. Other folders are left out and counted. So is
//! `very_restrictive_expression`, whose single words are in half of all addresses. `usage` and `domains.diff`, which
//! describe the tree and its changes, are passed over.

use super::lines::{decoded, lines};
use super::{domains, urls, wildcard};
use crate::list::{ReadList, Says};
use crate::tree::{Tree, Unresolved};
use crate::{Dropped, ListError};
use model::Category;
use policy::image::{Pattern, Reach};
use std::collections::BTreeSet;
use std::sync::Arc;

const NAMES: &str = "domains";
const PAGES: &str = "urls";
const EXPRESSIONS: &str = "expressions";
const READ: [&str; 3] = [NAMES, PAGES, EXPRESSIONS];
const WORDS: &str = "very_restrictive_expression";

/// True for the files whose bytes are read.
pub(super) fn is_read(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|file| READ.contains(&file))
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
            list.left_out(0, Dropped::FolderWithoutCategory);
            continue;
        };
        met.insert(name);
        read_folder(tree, path, *category, list)?;
    }
    for _ in folders.iter().filter(|(folder, _)| !met.contains(&**folder)) {
        list.left_out(0, Dropped::FolderNotThere);
    }
    Ok(())
}

fn read_folder(tree: &Tree, path: &str, category: Category, list: &mut ReadList) -> Result<(), ListError> {
    let mut is_there = false;
    for file in READ {
        match tree.contents(&format!("{path}/{file}")) {
            Ok(bytes) => {
                is_there = true;
                read_file(file, &decoded(&bytes), category, list);
            }
            Err(Unresolved::Refused(reason)) => {
                is_there = true;
                list.left_out(0, reason);
            }
            Err(Unresolved::NotAFile) => {}
            Err(Unresolved::Failed(error)) => return Err(error),
        }
    }
    if tree.has(&format!("{path}/{WORDS}")) {
        list.left_out(0, Dropped::WordFile);
    }
    if !is_there {
        list.left_out(0, Dropped::LinkBroken);
    }
    Ok(())
}

fn read_file(file: &str, bytes: &[u8], category: Category, list: &mut ReadList) {
    match file {
        NAMES => domains::read(bytes, Reach::Subtree, category, list),
        PAGES => urls::read(bytes, category, list),
        _ => read_expressions(bytes, category, list),
    }
}

fn read_expressions(bytes: &[u8], category: Category, list: &mut ReadList) {
    for (line, text) in lines(bytes) {
        let read = text.and_then(|text| {
            if text.is_empty() || text.starts_with('#') {
                return Ok(());
            }
            let pattern = Pattern::PageRegex(wildcard::expression(text)?);
            list.rule(wildcard::rule(pattern, Says::block(Reach::Exact, category), line));
            Ok(())
        });
        if let Err(reason) = read {
            list.left_out(line, reason);
        }
    }
}

/// Folders with a file that is read, and links that may stand for one.
fn category_folders(tree: &Tree) -> BTreeSet<&str> {
    let with_files =
        tree.paths().filter_map(|path| path.rsplit_once('/').filter(|(_, file)| READ.contains(file)));
    let own_files = |path: &&str| {
        let file = path.rsplit('/').next().unwrap_or(path);
        !READ.contains(&file) && file != WORDS
    };
    with_files.map(|(folder, _)| folder).chain(tree.links().filter(own_files)).collect()
}
