//! Stops a build without fonts with the command that fetches them, not with a riddle from a macro.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=assets/built");
    if !Path::new("assets/built/STAMP").exists() {
        println!("cargo::error=the fonts for papers are not there: run `cargo xtask assets` first");
    }
}
