//! QR codes: half blocks for terminals, SVG and PNG for files.

use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};

/// Light modules around a code that a scanner may rely on (ISO/IEC 18004). Scanners get by with fewer.
const QUIET_ZONE: usize = 4;

/// Pixels of a module in a picture.
const MODULE_PIXELS: usize = 8;

/// Black on white whatever the colours of the terminal are.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const BLACK_ON_BLACK: &str = "\x1b[38;5;16;48;5;16m";
const RESET: &str = "\x1b[0m";

/// A QR code, at the lowest level of error correction: the smallest one.
pub struct Code(QrCode);

impl std::fmt::Debug for Code {
    // The modules are the text, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code({} modules wide)", self.0.width())
    }
}

impl Code {
    /// Encodes a text; `None` when it is too long for any code (about 2900 bytes).
    pub fn of(text: &str) -> Option<Self> {
        QrCode::with_error_correction_level(text, EcLevel::L)
            .ok()
            .map(Self)
    }

    /// Returns the columns that [`Code::blocks`] needs at least.
    pub fn least_columns(&self) -> usize {
        self.0.width() + 2
    }

    /// Draws the code in half blocks, each line with a line feed; `None` when it does not fit into so many
    /// columns. Without colour it is drawn for dark terminals.
    pub fn blocks(&self, columns: usize, color: bool) -> Option<String> {
        let width = self.0.width();
        let margin = columns.checked_sub(width)? / 2;
        let margin = margin.min(QUIET_ZONE);
        if margin == 0 {
            return None;
        }
        let ink = if color { Color::Dark } else { Color::Light };
        let side = width + 2 * margin;
        let mut text = String::new();
        for y in (0..side).step_by(2) {
            let mut style = "";
            for x in 0..side {
                let upper = self.module(x, y, margin) == ink;
                // Below the last line the terminal shows its background.
                let lower = (color || y + 1 < side) && self.module(x, y + 1, margin) == ink;
                // Glyphs leave gaps between the lines of many terminals; backgrounds do not.
                let wanted = match (color, upper && lower) {
                    (false, _) => "",
                    (true, true) => BLACK_ON_BLACK,
                    (true, false) => BLACK_ON_WHITE,
                };
                if wanted != style {
                    text.push_str(wanted);
                    style = wanted;
                }
                text.push(match (upper, lower) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push_str(if color { RESET } else { "" });
            text.push('\n');
        }
        Some(text)
    }

    /// Returns the code as an SVG document.
    pub fn svg(&self) -> String {
        let side = u32::try_from(MODULE_PIXELS).expect("a small constant");
        self.0
            .render::<svg::Color<'_>>()
            .module_dimensions(side, side)
            .build()
    }

    /// Returns the code as a PNG file, one bit a pixel.
    pub fn png(&self) -> Vec<u8> {
        let side = (self.0.width() + 2 * QUIET_ZONE) * MODULE_PIXELS;
        let mut bits = vec![0; side.div_ceil(8) * side];
        for (y, row) in bits.chunks_mut(side.div_ceil(8)).enumerate() {
            for x in 0..side {
                let module = self.module(x / MODULE_PIXELS, y / MODULE_PIXELS, QUIET_ZONE);
                if module == Color::Light {
                    row[x / 8] |= 0x80 >> (x % 8);
                }
            }
        }
        let pixels = u32::try_from(side).expect("at most 185 modules");
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, pixels, pixels);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&bits))
            .expect("writing to memory succeeds, and the sizes agree");
        file
    }

    /// The module at a place that counts from the corner of the margin, which is light.
    fn module(&self, x: usize, y: usize, margin: usize) -> Color {
        let inside = |at: usize| at.checked_sub(margin).filter(|&at| at < self.0.width());
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.0[(x, y)],
            _ => Color::Light,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As long as an official offer link.
    fn link() -> String {
        format!("https://app.paseo.sh/#offer={}", "e".repeat(211))
    }

    /// Reads blocks back into modules, margins included.
    fn modules(blocks: &str, ink: Color) -> Vec<Vec<Color>> {
        let paper = if ink == Color::Dark {
            Color::Light
        } else {
            Color::Dark
        };
        let mut rows = Vec::new();
        for line in blocks.lines() {
            let styles = [BLACK_ON_WHITE, BLACK_ON_BLACK, RESET];
            let line = styles
                .iter()
                .fold(line.to_owned(), |line, style| line.replace(style, ""));
            let row = |set: &str| {
                line.chars()
                    .map(|c| if set.contains(c) { ink } else { paper })
                    .collect::<Vec<_>>()
            };
            rows.extend([row("█▀"), row("█▄")]);
        }
        rows
    }

    #[test]
    fn an_offer_fits_80_columns_and_shrinks_its_margin() {
        let code = Code::of(&link()).unwrap();
        assert_eq!(code.least_columns(), 59);
        for (columns, margin) in [(80, 4), (65, 4), (64, 3), (61, 2), (60, 1), (59, 1)] {
            for (color, ink) in [(true, Color::Dark), (false, Color::Light)] {
                let blocks = code.blocks(columns, color).unwrap();
                let rows = modules(&blocks, ink);
                assert!(rows.iter().all(|row| row.len() == 57 + 2 * margin));
                for (y, row) in rows.iter().enumerate().take(57 + 2 * margin) {
                    for (x, module) in row.iter().enumerate() {
                        assert_eq!(*module, code.module(x, y, margin), "{x} {y}");
                    }
                }
            }
        }
        assert_eq!(code.blocks(58, true), None);
        assert_eq!(code.blocks(0, true), None);
    }

    #[test]
    fn a_dark_cell_is_dark_where_its_glyph_does_not_reach() {
        let drawn = Code::of(&link()).unwrap().blocks(80, true).unwrap();
        for line in drawn.lines() {
            let mut background = "";
            for part in line.split_inclusive('m') {
                let (glyphs, style) = part.split_once('\x1b').unwrap_or((part, ""));
                for glyph in glyphs.chars() {
                    assert_eq!(glyph == '█', background == "16", "{line:?}");
                }
                background = style.trim_end_matches('m').rsplit(';').next().unwrap();
            }
        }
    }

    #[test]
    fn pictures_hold_the_same_modules() {
        let code = Code::of(&link()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(code.png()))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height), (65 * 8, 65 * 8));
        for y in 0..65 {
            for x in 0..65 {
                // One byte is one module wide.
                let light = pixels[y * 8 * frame.line_size + x] == 0xff;
                assert_eq!(light, code.module(x, y, QUIET_ZONE) == Color::Light);
            }
        }
        assert!(code.svg().starts_with("<?xml"));
    }

    #[test]
    fn too_long_is_none_and_debug_shows_nothing() {
        assert!(Code::of(&"x".repeat(4000)).is_none());
        assert_eq!(
            format!("{:?}", Code::of("secret").unwrap()),
            "Code(21 modules wide)"
        );
    }
}
