//! The console's assets: the steps of `crates/console/assets/README.md`.
//!
//! Nothing is done where the inputs are what they were at the last whole build.

use crate::command::{command, output, run, within};
use crate::failure::{Failure, at};
use crate::{place, say};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the assets are made of. Folders count with everything in them.
const INPUTS: [&str; 6] =
    ["package.json", "package-lock.json", "requirements.txt", "components.txt", "scss", "js"];
const MACROS: [&str; 2] = ["macros/attributes.html", "macros/i18n.html"];

/// Builds `crates/console/assets/built`, where its inputs have changed.
pub fn build() -> Result<(), Failure> {
    let assets = Assets { folder: place::root().join("crates/console/assets") };
    let stamp = assets.stamp()?;
    let stamp_file = assets.folder.join("built/STAMP");
    if fs::read_to_string(&stamp_file).is_ok_and(|held| held == stamp) {
        say::line("the assets are up to date");
        return Ok(());
    }
    let built = assets.folder.join("built");
    if built.exists() {
        fs::remove_dir_all(&built).map_err(at("remove", &built))?;
    }
    say::line("fetching the pinned packages");
    assets.fetch()?;
    say::line("taking templates, style sheet and scripts");
    assets.take_templates()?;
    assets.make_style_sheet()?;
    assets.copy(
        "node_modules/govuk-frontend/dist/govuk/govuk-frontend.min.js",
        "built/static/govuk-frontend.min.js",
    )?;
    assets.copy("js/console.js", "built/static/console.js")?;
    assets.copy("node_modules/axe-core/axe.min.js", "built/test/axe.min.js")?;
    assets.copy("node_modules/cuss/index.js", "built/test/cuss.js")?;
    fs::write(&stamp_file, stamp).map_err(at("write", &stamp_file))
}

struct Assets {
    folder: PathBuf,
}

impl Assets {
    /// A line for every input, in order of names: SHA-256 and name.
    fn stamp(&self) -> Result<String, Failure> {
        let mut files = Vec::new();
        for input in INPUTS {
            list_files(&self.folder, Path::new(input), &mut files)?;
        }
        files.sort();
        let mut sums = self.command("sha256sum", &["--"]);
        sums.args(files);
        output(sums)
    }

    fn fetch(&self) -> Result<(), Failure> {
        let npm = ["ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(self.command("npm", &npm))?;
        let pip = [
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
            "-r",
            "requirements.txt",
            "-d",
            "node_modules/.wheels",
        ];
        run(self.command("python3", &pip))?;
        let wheel = self.only_wheel()?;
        run(self.command("python3", &["-m", "zipfile", "-e", &wheel, "node_modules/.jinja"]))
    }

    fn only_wheel(&self) -> Result<String, Failure> {
        let folder = self.folder.join("node_modules/.wheels");
        let entries = fs::read_dir(&folder).map_err(at("list", &folder))?.filter_map(Result::ok);
        let wheels: Vec<String> = entries
            .map(|entry| entry.path().to_string_lossy().into_owned())
            .filter(|path| path.ends_with(".whl"))
            .collect();
        match wheels.as_slice() {
            [wheel] => Ok(wheel.clone()),
            found => Err(Failure::new(format!(
                "expected one wheel in {}, found {}",
                folder.display(),
                found.len()
            ))),
        }
    }

    fn take_templates(&self) -> Result<(), Failure> {
        let list = self.folder.join("components.txt");
        let components = fs::read_to_string(&list).map_err(at("read", &list))?;
        let macros = components
            .split_whitespace()
            .map(|name| format!("components/{name}/macro.html"))
            .chain(MACROS.map(str::to_owned));
        for path in macros {
            let from = format!("node_modules/.jinja/govuk_frontend_jinja/templates/{path}");
            self.copy(&from, &format!("built/templates/govuk_frontend_jinja/{path}"))?;
        }
        Ok(())
    }

    fn make_style_sheet(&self) -> Result<(), Failure> {
        make_folder_of(&self.folder.join("built/static/console.css"))?;
        let sass = [
            "node_modules/sass/sass.js",
            "--no-source-map",
            "--style=compressed",
            "--quiet-deps",
            "--load-path=node_modules",
            "scss/console.scss",
            "built/static/console.css",
        ];
        run(self.command("node", &sass))
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
        let folder = place::root().join("crates/console/assets");
        let mut files = Vec::new();
        for input in INPUTS {
            list_files(&folder, Path::new(input), &mut files).unwrap();
        }
        assert!(files.iter().all(|file| folder.join(file).is_file()));
        assert!(files.contains(&PathBuf::from("scss/console.scss")), "{files:?}");
    }
}
