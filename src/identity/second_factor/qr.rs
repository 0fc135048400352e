//! A text as a picture that a phone reads: for a page, and for a terminal.

use qrcode::{
    EcLevel, QrCode,
    render::{svg, unicode},
};

/// The least width of the picture, pixels.
const PIXELS_MIN: u32 = 240;

/// An SVG picture; `None` for a text that is too long for one.
#[must_use]
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    Some(code.render::<svg::Color<'_>>().min_dimensions(PIXELS_MIN, PIXELS_MIN).build())
}

/// The picture in letters of a terminal, dark on light whatever the terminal's colours are.
#[must_use]
pub fn text(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let picture = code
        .render::<unicode::Dense1x2>()
        // A phone wants dark on light, and most terminals are light on dark: what is left out there is drawn here.
        .dark_color(unicode::Dense1x2::Light)
        .light_color(unicode::Dense1x2::Dark)
        .build();
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_made_of_what_fits_and_of_nothing_else() {
        let uri = "otpauth://totp/payoutd:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=payoutd";
        let picture = svg(uri).unwrap();
        assert!(picture.starts_with("<?xml") && picture.ends_with("</svg>"));
        assert!(!picture.contains("<script") && !picture.contains("GEZDG"));
        let letters = text(uri).unwrap();
        let widths: std::collections::BTreeSet<_> =
            letters.lines().map(|line| line.chars().count()).collect();
        assert!(widths.len() == 1 && letters.lines().count() > 20, "{letters}");
        assert_eq!(svg(&"x".repeat(5_000)), None);
    }
}
