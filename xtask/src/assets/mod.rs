//! What is made at build time out of packages: the console's assets, the lists that passwords are judged by, and the fonts of
//! documents.
//!
//! Nothing is done where the inputs are what they were at the last whole build.

mod console;
mod fonts;
mod fuse_build;
mod words;

use crate::command::{command, output, run, within};
use crate::failure::{Failure, at};
use crate::say;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds all of them, where their inputs have changed.
pub fn build() -> Result<(), Failure> {
    console::build()?;
    words::build()?;
    fonts::build()
}

/// A folder of assets: its inputs, `node_modules/` and `built/`.
struct Assets {
    folder: PathBuf,
    /// What the assets are made of. Folders count with everything in them.
    inputs: &'static [&'static str],
}

impl Assets {
    /// Where the inputs have changed, empties `built/`, makes it anew and stamps it last; otherwise says so.
    fn renew(&self, what: &str, make: impl FnOnce(&Self) -> Result<(), Failure>) -> Result<(), Failure> {
        let stamp = self.stamp()?;
        let stamp_file = self.folder.join("built/STAMP");
        if fs::read_to_string(&stamp_file).is_ok_and(|held| held == stamp) {
            say::line(&format!("{what} are up to date"));
            return Ok(());
        }
        let built = self.folder.join("built");
        if built.exists() {
            fs::remove_dir_all(&built).map_err(at("remove", &built))?;
        }
        say::line(&format!("{what}: fetching the pinned packages"));
        let npm = ["ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(self.command("npm", &npm))?;
        make(self)?;
        fs::write(&stamp_file, stamp).map_err(at("write", &stamp_file))
    }

    /// A line for every input, in order of names: SHA-256 and name.
    fn stamp(&self) -> Result<String, Failure> {
        let mut files = Vec::new();
        for input in self.inputs {
            list_files(&self.folder, Path::new(input), &mut files)?;
        }
        files.sort();
        let mut sums = self.command("sha256sum", &["--"]);
        sums.args(files);
        output(sums)
    }

    fn read(&self, path: &str) -> Result<String, Failure> {
        let path = self.folder.join(path);
        fs::read_to_string(&path).map_err(at("read", &path))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.folder.join(path);
        make_folder_of(&path)?;
        fs::write(&path, bytes).map_err(at("write", &path))
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), Failure> {
        let (from, to) = (self.folder.join(from), self.folder.join(to));
        make_folder_of(&to)?;
        fs::copy(&from, &to).map(drop).map_err(at("copy", &from))
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        within(command(program, arguments), &self.folder)
    }
}

fn make_folder_of(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).map_err(at("make", folder))
}

/// Adds every file at or below `path`, by its path from `folder`.
fn list_files(folder: &Path, path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let full = folder.join(path);
    if !full.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(&full).map_err(at("list", &full))? {
        let name = entry.map_err(at("list", &full))?.file_name();
        list_files(folder, &path.join(name), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_are_there_and_are_listed_to_the_last_file() {
        for assets in [console::assets(), words::assets(), fonts::assets()] {
            let mut files = Vec::new();
            for input in assets.inputs {
                list_files(&assets.folder, Path::new(input), &mut files).unwrap();
            }
            assert!(files.iter().all(|file| assets.folder.join(file).is_file()));
            let own = ["scss/console.scss", "unsuitable.txt", "package-lock.json"].map(PathBuf::from);
            assert!(own.iter().any(|own| files.contains(own)), "{files:?}");
        }
    }
}
