//! A text as a picture that a phone reads: for a page (SVG), for whoever takes none (PNG), and for a terminal (F004-07).

use qrcode::{
    Color, EcLevel, QrCode,
    render::{svg, unicode},
};

/// The least width of the picture, pixels.
const PIXELS_MIN: u32 = 240;
/// What is left light around the picture, modules (ISO/IEC 18004 §9.1).
const QUIET_MODULES: usize = 4;

/// An SVG picture; `None` for a text that is too long for one.
#[must_use]
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    Some(code.render::<svg::Color<'_>>().min_dimensions(PIXELS_MIN, PIXELS_MIN).build())
}

/// A PNG picture, black on white, one bit a pixel; `None` for a text that is too long for one.
#[must_use]
pub fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let modules = code.width();
    let with_quiet = modules + 2 * QUIET_MODULES;
    let scale = (PIXELS_MIN as usize).div_ceil(with_quiet);
    let (side, colors) = (with_quiet * scale, code.to_colors());
    let is_light = |x: usize, y: usize| {
        let place =
            |pixel: usize| (pixel / scale).checked_sub(QUIET_MODULES).filter(|module| *module < modules);
        let color = place(x).zip(place(y)).and_then(|(x, y)| colors.get(y * modules + x));
        color.is_none_or(|color| *color == Color::Light)
    };
    let mut rows = Vec::with_capacity(side * side.div_ceil(8));
    for y in 0..side {
        for begin in (0..side).step_by(8) {
            rows.push((0..8).fold(0_u8, |byte, bit| {
                let x = begin + bit;
                byte << 1 | u8::from(x < side && is_light(x, y))
            }));
        }
    }
    let (mut picture, side) = (Vec::new(), u32::try_from(side).ok()?);
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header().ok()?.write_image_data(&rows).ok()?;
    Some(picture)
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
        assert_eq!(png(&"x".repeat(5_000)), None);
    }

    /// F004-07: the modules of the picture are those of the code, and a quiet border is around them.
    #[test]
    fn the_png_has_the_codes_modules_and_a_quiet_border() {
        let uri = "otpauth://totp/payoutd:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=payoutd";
        let picture = png(uri).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&picture)).read_info().unwrap();
        let mut rows = vec![0; reader.output_buffer_size().unwrap()];
        let shape = reader.next_frame(&mut rows).unwrap();
        let code = QrCode::with_error_correction_level(uri, EcLevel::M).unwrap();
        let (side, modules) = (shape.width as usize, code.width());
        let scale = side / (modules + 2 * QUIET_MODULES);
        assert_eq!((shape.width, shape.bit_depth), (shape.height, png::BitDepth::One));
        assert!(side >= PIXELS_MIN as usize && side == scale * (modules + 2 * QUIET_MODULES));
        let is_light = |x: usize, y: usize| rows[y * shape.line_size + x / 8] >> (7 - x % 8) & 1 == 1;
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let within =
                |pixel: usize| (pixel / scale).checked_sub(QUIET_MODULES).filter(|module| *module < modules);
            let expected = match (within(x), within(y)) {
                (Some(x), Some(y)) => code[(x, y)] == Color::Light,
                _ => true,
            };
            assert_eq!(is_light(x, y), expected, "{x}, {y}");
        }
    }
}
