//! The style sheet and the scripts: embedded, served under a path that holds a hash of them all, and so kept for ever by
//! browsers. Left out: fonts and images; there are none.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::sync::LazyLock;

/// Made by `cargo xtask assets`; see `assets/README.md`.
#[derive(RustEmbed)]
#[folder = "assets/built/static/"]
struct Static;

/// The folder's part of the path: the first 12 hexadecimal digits of a hash over all files.
static REVISION: LazyLock<String> = LazyLock::new(|| {
    let mut mixed = [0u8; 6];
    for name in Static::iter() {
        let Some(file) = Static::get(&name) else { continue };
        for (place, byte) in mixed.iter_mut().zip(file.metadata.sha256_hash()) {
            *place ^= byte;
        }
    }
    mixed.iter().map(|byte| format!("{byte:02x}")).collect()
});

/// Where the files are, without a slash at the end: `/assets/0123456789ab`.
pub(crate) fn prefix() -> String {
    format!("/assets/{}", *REVISION)
}

/// `GET /assets/{revision}/{file}`: the file, or 404 where either is not ours.
pub(crate) async fn serve(Path((revision, name)): Path<(String, String)>) -> Response {
    let Some(file) = Static::get(&name).filter(|_| revision == *REVISION) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, file.data).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_states_own_identity_is_served() {
        let names: Vec<_> = Static::iter().map(|name| name.into_owned()).collect();
        let expected =
            ["badge.js", "console.css", "console.js", "govuk-frontend.min.js", "jsQR.js", "passkey.js"];
        assert_eq!(names, expected);
        for name in names {
            let file = Static::get(&name).unwrap();
            // The library names itself in messages for developers; nothing else may speak of the site it comes from.
            let text = String::from_utf8_lossy(&file.data).replace("GOV.UK Frontend", "");
            for unwanted in ["GOV.UK", "crest", "GDS Transport", "@font-face", "url("] {
                assert!(!text.contains(unwanted), "{name} holds {unwanted}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_is_served_for_ever_under_its_revision_and_nowhere_else() {
        let served = serve(Path((REVISION.clone(), "console.css".to_owned()))).await;
        assert_eq!(served.status(), StatusCode::OK);
        assert_eq!(served.headers()["cache-control"], "public, max-age=31536000, immutable");
        for (revision, name) in [("0", "console.css"), (REVISION.as_str(), "../Cargo.toml")] {
            let missed = serve(Path((revision.to_owned(), name.to_owned()))).await;
            assert_eq!(missed.status(), StatusCode::NOT_FOUND);
        }
    }
}
