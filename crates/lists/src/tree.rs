//! A tree of files, from a folder or out of an archive, with its symbolic links kept as links and resolved by us: a link
//! is followed only inside the tree, whatever the disk or the archive says.
//!
//! Paths are relative, joined by `/`, with no empty, `.` or `..` part.

use crate::archive::HELD_LIMIT_BYTES;
use crate::{Dropped, ListError, Tally};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The most files and links of a tree.
pub(crate) const MOST_FILES: usize = 20_000;
const MOST_LINKS_FOLLOWED: usize = 16;
const DEEPEST_FOLDER: usize = 8;

#[derive(Debug)]
pub(crate) struct Tree {
    nodes: BTreeMap<String, Node>,
    /// Paths and links that were refused while the tree was read.
    pub(crate) refused: Tally,
    limit_bytes: u64,
    /// What was read of it: a file as often as links led to it.
    read_bytes: Cell<u64>,
}

impl Default for Tree {
    fn default() -> Self {
        let (nodes, refused) = (BTreeMap::new(), Tally::default());
        Self { nodes, refused, limit_bytes: HELD_LIMIT_BYTES, read_bytes: Cell::new(0) }
    }
}

#[derive(Debug)]
enum Node {
    Bytes(Vec<u8>),
    OnDisk(PathBuf),
    Link(String),
}

/// Why a path gives no bytes.
#[derive(Debug)]
pub(crate) enum Unresolved {
    /// It is a folder, or nothing.
    NotAFile,
    /// A link on the way was refused.
    Refused(Dropped),
    /// The disk failed.
    Failed(ListError),
}

impl Tree {
    /// Reads the folder's names and links; files are read when their contents are asked for.
    pub(crate) fn from_folder(root: &Path) -> Result<Self, ListError> {
        let mut tree = Self::default();
        tree.walk(root, root, 0)?;
        Ok(tree)
    }

    fn walk(&mut self, root: &Path, folder: &Path, depth: usize) -> Result<(), ListError> {
        let failed = |source| ListError::Read { path: folder.to_owned(), source };
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let kind = entry.file_type().map_err(failed)?;
            let Some(name) =
                path.strip_prefix(root).ok().and_then(Path::to_str).and_then(|name| join("", name))
            else {
                self.refused.add(Dropped::NotText);
                continue;
            };
            if kind.is_symlink() {
                let target = std::fs::read_link(&path).map_err(failed)?;
                let inside = target.strip_prefix(root).map(|inside| ("", inside));
                let (from, target) = inside.unwrap_or((parent(&name), &target));
                self.link(&name, from, &target.to_string_lossy())?;
            } else if kind.is_file() {
                self.insert(name, Node::OnDisk(path))?;
            } else if kind.is_dir() && depth < DEEPEST_FOLDER {
                self.walk(root, &path, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Adds a file with its bytes.
    pub(crate) fn file(&mut self, path: String, bytes: Vec<u8>) -> Result<(), ListError> {
        self.insert(path, Node::Bytes(bytes))
    }

    /// Adds a link, whose target is written relative to the folder `from`; one that leads out is refused.
    pub(crate) fn link(&mut self, path: &str, from: &str, target: &str) -> Result<(), ListError> {
        match join(from, target) {
            Some(target) => self.insert(path.to_owned(), Node::Link(target)),
            None => {
                self.refused.add(Dropped::LinkOutside);
                Ok(())
            }
        }
    }

    fn insert(&mut self, path: String, node: Node) -> Result<(), ListError> {
        if self.nodes.len() >= MOST_FILES {
            return Err(ListError::TooManyFiles { most: MOST_FILES });
        }
        self.nodes.insert(path, node);
        Ok(())
    }

    /// The paths of files and links, sorted.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// The paths of links, sorted.
    pub(crate) fn links(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter(|(_, node)| matches!(node, Node::Link(_))).map(|(path, _)| path.as_str())
    }

    /// Where a link leads to, as a path in the tree; `None` for anything else.
    pub(crate) fn link_target(&self, path: &str) -> Option<&str> {
        match self.nodes.get(path) {
            Some(Node::Link(target)) => Some(target),
            _ => None,
        }
    }

    /// True when the path leads to a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.resolve(path).is_ok_and(|path| self.nodes.contains_key(&path))
    }

    /// The bytes of a file to read names from, links followed on the way; of all such together, no more than a source may
    /// hold.
    pub(crate) fn contents(&self, path: &str) -> Result<Cow<'_, [u8]>, Unresolved> {
        let bytes = self.bytes(path)?;
        let read_bytes = self.read_bytes.get().saturating_add(bytes.len() as u64);
        self.read_bytes.set(read_bytes);
        if read_bytes > self.limit_bytes {
            return Err(Unresolved::Failed(ListError::TooLarge { limit_bytes: self.limit_bytes }));
        }
        Ok(bytes)
    }

    /// The bytes of a file, links followed on the way.
    pub(crate) fn bytes(&self, path: &str) -> Result<Cow<'_, [u8]>, Unresolved> {
        let path = self.resolve(path).map_err(Unresolved::Refused)?;
        match self.nodes.get(&path) {
            Some(Node::Bytes(bytes)) => Ok(Cow::Borrowed(bytes)),
            Some(Node::OnDisk(path)) => read_file(path).map(Cow::Owned).map_err(Unresolved::Failed),
            Some(Node::Link(_)) | None => Err(Unresolved::NotAFile),
        }
    }

    /// Follows links, part by part.
    fn resolve(&self, path: &str) -> Result<String, Dropped> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS_FOLLOWED {
            match self.follow_first_link(&path) {
                Some(next) => path = next,
                None => return Ok(path),
            }
        }
        Err(Dropped::LinkBroken)
    }

    fn follow_first_link(&self, path: &str) -> Option<String> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for (prefix, rest) in ends.filter_map(|end| path.split_at_checked(end)) {
            if let Some(Node::Link(target)) = self.nodes.get(prefix) {
                return Some(if target.is_empty() {
                    rest.trim_start_matches('/').to_owned()
                } else {
                    format!("{target}{rest}")
                });
            }
        }
        None
    }
}

/// Reads a file, up to the bound on what a source may hold.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, ListError> {
    let failed = |source| ListError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let limit_bytes = HELD_LIMIT_BYTES;
    let mut bytes = Vec::new();
    file.take(limit_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(ListError::TooLarge { limit_bytes });
    }
    Ok(bytes)
}

/// The folder a path is in.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Goes from a folder along a relative path; `None` for an absolute one and for one that leads out of the tree.
pub(crate) fn join(from: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_joined_inside_the_tree_or_not_at_all() {
        for (from, path, expected) in [
            ("a", "../b", Some("b")),
            ("a/c", "../b/./d", Some("a/b/d")),
            ("a", "../../b", None),
            ("", "/etc", None),
            ("", "a//b/", Some("a/b")),
        ] {
            assert_eq!(join(from, path).as_deref(), expected, "{from} {path}");
        }
    }

    #[test]
    fn links_are_followed_through_folders_and_a_circle_ends() {
        let mut tree = Tree::default();
        tree.file("real/domains".to_owned(), b"x".to_vec()).unwrap();
        tree.link("alias", "", "real").unwrap();
        tree.link("second/domains", "second", "../alias/domains").unwrap();
        tree.link("round", "", "about").unwrap();
        tree.link("about", "", "round").unwrap();
        tree.link("out", "", "../elsewhere").unwrap();
        assert_eq!(&*tree.contents("alias/domains").unwrap(), b"x");
        assert_eq!(&*tree.contents("second/domains").unwrap(), b"x");
        assert!(matches!(tree.contents("round/domains"), Err(Unresolved::Refused(Dropped::LinkBroken))));
        assert_eq!(tree.refused.count(Dropped::LinkOutside), 1);
    }

    #[test]
    fn the_files_of_a_folder_are_bounded_together_and_one_counts_as_often_as_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), "12345").unwrap();
        std::fs::write(folder.path().join("two"), "12345").unwrap();
        std::os::unix::fs::symlink("one", folder.path().join("same")).unwrap();
        for (limit_bytes, paths, fits) in
            [(10, ["one", "two"], true), (9, ["one", "two"], false), (9, ["one", "same"], false)]
        {
            let tree = Tree { limit_bytes, ..Tree::from_folder(folder.path()).unwrap() };
            let read: Vec<_> = paths.iter().map(|path| tree.contents(path)).collect();
            let too_large = |read| matches!(read, &Err(Unresolved::Failed(ListError::TooLarge { .. })));
            assert!(read[0].is_ok() && too_large(&read[1]) != fits, "{limit_bytes} {paths:?}");
        }
    }
}
