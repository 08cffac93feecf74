//! The fonts that documents are set in: the steps of `crates/paper/assets/README.md`.

use super::Assets;
use crate::failure::Failure;
use crate::place;

/// Where each font lies in its package, and what it is called here.
const FONTS: [(&str, &str); 4] = [
    ("@expo-google-fonts/noto-sans/400Regular/NotoSans_400Regular.ttf", "sans.ttf"),
    ("@expo-google-fonts/noto-sans/700Bold/NotoSans_700Bold.ttf", "sans-bold.ttf"),
    ("@expo-google-fonts/scheherazade-new/400Regular/ScheherazadeNew_400Regular.ttf", "arabic.ttf"),
    ("@expo-google-fonts/scheherazade-new/700Bold/ScheherazadeNew_700Bold.ttf", "arabic-bold.ttf"),
];

/// Copies the fonts into `crates/paper/assets/built`, where its inputs have changed.
pub(super) fn build() -> Result<(), Failure> {
    assets().renew("the fonts of documents", |assets| {
        FONTS
            .iter()
            .try_for_each(|(from, to)| assets.copy(&format!("node_modules/{from}"), &format!("built/{to}")))
    })
}

pub(super) fn assets() -> Assets {
    Assets {
        folder: place::root().join("crates/paper/assets"),
        inputs: &["package.json", "package-lock.json"],
    }
}
