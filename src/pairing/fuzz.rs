//! Pictures that are said to show an offer.

use std::path::Path;

use super::picture::Grey;

/// Pixels of a side of each point of a picture in bits.
const POINT: usize = 3;
/// Most pixels that are searched for codes.
const SEARCHED: usize = 512 * 1024;

/// After a zero comes a PNG file; any other first byte is the width of a picture in bits, row by row. It is read
/// as our program reads it, light on dark too.
pub(crate) fn picture(bytes: &[u8]) {
    let picture = match bytes.split_first() {
        Some((0, file)) => Grey::decode(Path::new("picture.png"), file.to_vec()).ok(),
        Some((width, bits)) => Some(of_bits(usize::from(*width), bits)),
        None => None,
    };
    if let Some(picture) = picture.filter(|picture| picture.pixels.len() <= SEARCHED) {
        let _ = picture.offer();
    }
}

fn of_bits(width: usize, bits: &[u8]) -> Grey {
    let height = bits.len() * 8 / width;
    let side = width * POINT;
    let pixel = |at: usize| {
        let point = at / side / POINT * width + at % side / POINT;
        match bits[point / 8] >> (point % 8) & 1 {
            0 => u8::MAX,
            _ => 0,
        }
    };
    Grey {
        width: side,
        height: height * POINT,
        pixels: (0..side * height * POINT).map(pixel).collect(),
    }
}
