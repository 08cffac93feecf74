//! QR codes as pictures of lines inside the page itself: nothing that a script or another host would have to draw.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// The longest text that is drawn: longer ones are too fine for a phone's camera.
const MOST_BYTES: usize = 600;

/// The code of a text as an SVG element, dark on white with the quiet edge that readers need; `None` where the text is too
/// long.
pub(crate) fn svg_of(text: &str) -> Option<String> {
    if text.len() > MOST_BYTES {
        return None;
    }
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(220, 220).quiet_zone(true).build();
    // What stands before the element is for files of their own.
    let start = drawn.find("<svg")?;
    drawn.get(start..).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_svg_element_without_style_or_script() {
        let drawn = svg_of("otpauth://totp/Ash:ms.ash?secret=ABC&issuer=Ash").unwrap();
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
        for unwanted in ["style", "script", "http://www.w3.org/1999", "<?xml"] {
            assert!(!drawn.contains(unwanted), "{unwanted}");
        }
        assert!(svg_of(&"x".repeat(601)).is_none());
    }
}
