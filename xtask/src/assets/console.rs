//! The console's assets: the steps of `crates/console/assets/README.md`.

use super::{Assets, make_folder_of};
use crate::command::run;
use crate::failure::{Failure, at};
use crate::{place, say};
use std::fs;

const MACROS: [&str; 2] = ["macros/attributes.html", "macros/i18n.html"];

/// Builds `crates/console/assets/built`, where its inputs have changed.
pub(super) fn build() -> Result<(), Failure> {
    assets().renew("the console\u{2019}s assets", |assets| {
        fetch(assets)?;
        say::line("taking templates, style sheet and scripts");
        take_templates(assets)?;
        make_style_sheet(assets)?;
        assets.copy(
            "node_modules/govuk-frontend/dist/govuk/govuk-frontend.min.js",
            "built/static/govuk-frontend.min.js",
        )?;
        assets.copy("js/console.js", "built/static/console.js")?;
        assets.copy("js/passkey.js", "built/static/passkey.js")?;
        assets.copy("js/badge.js", "built/static/badge.js")?;
        assets.copy("node_modules/jsqr/dist/jsQR.js", "built/static/jsQR.js")?;
        assets.copy("node_modules/axe-core/axe.min.js", "built/test/axe.min.js")?;
        assets.copy("node_modules/cuss/index.js", "built/test/cuss.js")
    })
}

pub(super) fn assets() -> Assets {
    Assets {
        folder: place::root().join("crates/console/assets"),
        inputs: &["package.json", "package-lock.json", "requirements.txt", "components.txt", "scss", "js"],
    }
}

/// The one wheel; npm's packages are there already.
fn fetch(assets: &Assets) -> Result<(), Failure> {
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
    run(assets.command("python3", &pip))?;
    let wheel = only_wheel(assets)?;
    run(assets.command("python3", &["-m", "zipfile", "-e", &wheel, "node_modules/.jinja"]))
}

fn only_wheel(assets: &Assets) -> Result<String, Failure> {
    let folder = assets.folder.join("node_modules/.wheels");
    let entries = fs::read_dir(&folder).map_err(at("list", &folder))?.filter_map(Result::ok);
    let wheels: Vec<String> = entries
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .filter(|path| path.ends_with(".whl"))
        .collect();
    match wheels.as_slice() {
        [wheel] => Ok(wheel.clone()),
        found => {
            Err(Failure::new(format!("expected one wheel in {}, found {}", folder.display(), found.len())))
        }
    }
}

fn take_templates(assets: &Assets) -> Result<(), Failure> {
    let components = assets.read("components.txt")?;
    let macros = components
        .split_whitespace()
        .map(|name| format!("components/{name}/macro.html"))
        .chain(MACROS.map(str::to_owned));
    for path in macros {
        let from = format!("node_modules/.jinja/govuk_frontend_jinja/templates/{path}");
        assets.copy(&from, &format!("built/templates/govuk_frontend_jinja/{path}"))?;
    }
    Ok(())
}

fn make_style_sheet(assets: &Assets) -> Result<(), Failure> {
    make_folder_of(&assets.folder.join("built/static/console.css"))?;
    let sass = [
        "node_modules/sass/sass.js",
        "--no-source-map",
        "--style=compressed",
        "--quiet-deps",
        "--load-path=node_modules",
        "scss/console.scss",
        "built/static/console.css",
    ];
    run(assets.command("node", &sass))
}
