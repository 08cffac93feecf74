//! The one style sheet of all pages, and the content-security policy that lets it in by its hash.

use base64::Engine;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Inline, so that a page needs no second request. Colours meet WCAG 2.2 AA; a test computes the ratios.
pub const STYLE: &str = "\
*{box-sizing:border-box}\
body{margin:0;background:#f3f2f1;color:#0b0c0c;font:1.1875rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
main{max-width:40rem;margin:0 auto;padding:1.5rem 1rem;background:#ffffff;min-height:100vh}\
h1{font-size:1.75rem;line-height:1.2;margin:1rem 0}\
h2{font-size:1.25rem;margin:1.5rem 0 .5rem}\
p,ul,ol,dl{margin:0 0 1rem}\
dt{font-weight:700}dd{margin:0 0 .5rem}\
a{color:#1a4f8b}a:focus{outline:3px solid #0b0c0c;outline-offset:2px}\
a.button{display:inline-block;padding:.6rem 1rem;background:#00623f;color:#ffffff;text-decoration:none}\
pre{white-space:pre-wrap;background:#f3f2f1;padding:.75rem}\
svg{display:block;width:9rem;height:9rem;margin:1rem auto}";

/// The value of `Content-Security-Policy` of every page: nothing but [`STYLE`].
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
});

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of `#rrggbb` (WCAG 2.2, definition of relative luminance).
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_colour_stands_out_enough_from_what_is_behind_it() {
        for (text, behind) in
            [("#0b0c0c", "#ffffff"), ("#0b0c0c", "#f3f2f1"), ("#1a4f8b", "#ffffff"), ("#ffffff", "#00623f")]
        {
            assert!(STYLE.contains(text) && STYLE.contains(behind));
            assert!(contrast(text, behind) >= 4.5, "{text} on {behind}");
        }
    }

    #[test]
    fn the_policy_lets_in_this_style_sheet_and_no_script() {
        assert!(POLICY.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!POLICY.contains("unsafe"));
    }
}
