//! Stops a build without assets with the command that makes them, not with a riddle from a macro.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=assets/built");
    if !Path::new("assets/built/common.fuse").exists() {
        println!("cargo::error=the lists for passwords are not built: run `cargo xtask assets` first");
    }
}
