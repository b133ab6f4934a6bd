//! `paseo remote add NAME --qr-image`: pairing from a screenshot.

use paseo::qr::Code;

use crate::remotes::{KEY, SERVER_ID, link, offer, with_work};
use crate::sandbox::Sandbox;

/// A picture in colours, as a screenshot is.
struct Screen {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Screen {
    /// A desktop with something on it: stripes, as of windows and text.
    fn new(width: usize, height: usize) -> Self {
        let pixel = |at: usize| {
            let (x, y) = (at % width, at / width);
            let shade = if y % 40 < 3 || x % 300 < 2 { 90 } else { 200 };
            [shade, shade, 230, 255]
        };
        Self {
            width,
            height,
            pixels: (0..width * height).flat_map(pixel).collect(),
        }
    }

    /// Puts a picture of ours on it, at another size.
    fn paste(&mut self, picture: &[u8], left: usize, top: usize, scale: f64) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(picture));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut grey = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut grey).unwrap();
        let side = (f64::from(frame.width) * scale) as usize;
        for (x, y) in (0..side * side).map(|at| (at % side, at / side)) {
            let from = |n: usize| (n as f64 / scale) as usize;
            let shade = grey[from(y) * frame.line_size + from(x)];
            let at = ((top + y) * self.width + left + x) * 4;
            self.pixels[at..at + 3].fill(shade);
        }
    }

    fn invert(&mut self) {
        let colours = self.pixels.chunks_exact_mut(4);
        colours.for_each(|pixel| {
            pixel[..3]
                .iter_mut()
                .for_each(|shade| *shade = 255 - *shade)
        });
    }

    fn save(&self, sandbox: &Sandbox, name: &str) {
        let file = std::fs::File::create(sandbox.path(name)).unwrap();
        let mut encoder = png::Encoder::new(file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgba);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&self.pixels).unwrap();
    }
}

fn code(text: &str) -> Vec<u8> {
    Code::of(text).unwrap().png()
}

fn add<'a>(name: &'a str, picture: &'a str) -> [&'a str; 7] {
    [
        "remote",
        "add",
        name,
        "--qr-image",
        picture,
        "--no-check",
        "--again",
    ]
}

/// The relay of the offer does not listen: so far it comes only with the secret.
fn works(sandbox: &Sandbox, name: &str) {
    sandbox.run(&["-r", name, "ls"]).failed(6, "127.0.0.1:9");
}

#[test]
fn the_code_of_a_remote_is_read_back_also_out_of_a_screenshot() {
    let sandbox = with_work();
    let written = sandbox.run(&["remote", "qr", "work", "--qr", "code.png"]);
    assert_eq!(written.status, 0, "{written:?}");
    let read = sandbox.run(&add("same", "code.png"));
    assert_eq!(read.status, 0, "{read:?}");
    read.says_none_of(&[SERVER_ID, KEY, "eyJ2"]);
    works(&sandbox, "same");
    let picture = std::fs::read(sandbox.path("code.png")).unwrap();
    for (n, scale) in [0.5, 0.8, 1.3].into_iter().enumerate() {
        let mut screen = Screen::new(1600, 1000);
        screen.paste(&picture, 411, 207, scale);
        // Codes of other things do not matter, and neither does the same one twice.
        screen.paste(&code("https://example.org"), 1200, 50, 0.7);
        screen.paste(&picture, 30, 500, 0.7);
        if n == 1 {
            screen.invert();
        }
        screen.save(&sandbox, "screen.png");
        let name = format!("screen{n}");
        let read = sandbox.run(&add(&name, "screen.png"));
        assert_eq!(read.status, 0, "{scale}: {read:?}");
        works(&sandbox, &name);
    }
    // It repairs, too.
    let repair = [
        "remote",
        "repair",
        "work",
        "--qr-image",
        "screen.png",
        "--no-check",
    ];
    assert_eq!(sandbox.run(&repair).status, 0);
}

/// Puts a code as a terminal draws it: a line of characters for two of modules, then a gap in the colour behind.
fn drawn(text: &str, cell: usize, gap: usize, light_on_dark: bool) -> Screen {
    let blocks = Code::of(text).unwrap().blocks(200, false).unwrap();
    let columns = blocks.lines().next().unwrap().chars().count();
    let height = blocks.lines().count() * (2 * cell + gap);
    let mut screen = Screen::new(columns * cell + 80, height + 80);
    // Without colour, blocks are the light modules.
    let (light, dark) = (250, 20);
    let paper = if light_on_dark { dark } else { light };
    for (row, line) in blocks.lines().enumerate() {
        for (column, glyph) in line.chars().enumerate() {
            for y in 0..2 * cell + gap {
                let is_light = match (glyph, y / cell) {
                    _ if y >= 2 * cell => paper == light,
                    ('█', _) | ('▀', 0) | ('▄', 1) => true,
                    _ => false,
                };
                for x in 0..cell {
                    let at =
                        (40 + row * (2 * cell + gap) + y) * screen.width + 40 + column * cell + x;
                    screen.pixels[at * 4..at * 4 + 3].fill(if is_light { light } else { dark });
                }
            }
        }
    }
    screen
}

#[test]
fn the_gaps_between_the_lines_of_a_terminal_do_not_matter() {
    let sandbox = with_work();
    let mut n = 0;
    for (cell, gap) in [(8, 0), (8, 1), (8, 2), (10, 3), (12, 4), (16, 5), (20, 6)] {
        for light_on_dark in [false, true] {
            drawn(&link(), cell, gap, light_on_dark).save(&sandbox, "drawn.png");
            n += 1;
            let read = sandbox.run(&add(&format!("drawn{n}"), "drawn.png"));
            assert_eq!(read.status, 0, "{cell} {gap} {light_on_dark}: {read:?}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_picture_is_told() {
    let sandbox = with_work();
    let refused = |picture: &str, why: &str| {
        let refused = sandbox.run(&add("new", picture));
        refused.failed(2, why);
        refused.says_none_of(&[SERVER_ID, KEY, "eyJ2"]);
    };
    refused("absent.png", "there is no file absent.png");
    sandbox.write("text.png", &link());
    refused("text.png", "no PNG picture");
    Screen::new(640, 400).save(&sandbox, "desk.png");
    refused("desk.png", "there is no QR code in the picture");
    let with = |name: &str, texts: &[&str]| {
        let mut screen = Screen::new(1600, 800);
        for (n, text) in texts.iter().enumerate() {
            screen.paste(&code(text), 50 + n * 700, 100, 0.9);
        }
        screen.save(&sandbox, name);
    };
    with("other.png", &["https://example.org"]);
    refused("other.png", "is no pairing offer");
    let other = paseo::e2ee::SecretKey::generate().public_key().to_base64();
    let other = base64_simd::URL_SAFE_NO_PAD.encode_to_string(offer().replace(KEY, &other));
    with(
        "two.png",
        &[&link(), &format!("https://app.paseo.sh/#offer={other}")],
    );
    refused("two.png", "there are 2 different pairing offers");
    // A header that promises more than anybody has memory for.
    let mut huge = code("x");
    huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let sum = crc(&huge[12..29]).to_be_bytes();
    huge[29..33].copy_from_slice(&sum);
    std::fs::write(sandbox.path("huge.png"), huge).unwrap();
    refused("huge.png", "more than 33554432 pixels");
    let picture = code(&link());
    std::fs::write(sandbox.path("cut.png"), &picture[..picture.len() / 2]).unwrap();
    refused("cut.png", "no PNG picture");
}

/// CRC-32, as PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}
