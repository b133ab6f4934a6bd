//! The offer in a picture of its QR code, such as a screenshot.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use png::{Decoder, Limits, Transformations};
use rqrr::PreparedImage;

use super::offer::Offer;
use crate::files::{self, FileError};
use crate::secret::Secret;

/// Largest file in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Most pixels: a screenshot of two 5K screens.
const MAX_PIXELS: u64 = 32 * 1024 * 1024;
/// Most memory that decoding may take beside the pixels: rows and what is compressed.
const MAX_WORK: usize = 16 * 1024 * 1024;

/// Heights of the stripes that are looked through, in pixels, one after the other.
const GAPS: [usize; 3] = [1, 3, 6];

/// Why a picture gives no offer. Nothing that it says is repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is none.
    #[error("there is no file {}", .0.display())]
    NoFile(PathBuf),
    /// Something else, or a broken one.
    #[error("{} is no PNG picture that can be read", .0.display())]
    NoPng(PathBuf),
    /// Lines that do not come one after the other.
    #[error("{} is an interlaced PNG picture, which is not read", .0.display())]
    Interlaced(PathBuf),
    /// More than [`MAX_PIXELS`].
    #[error("the picture has more than {MAX_PIXELS} pixels")]
    TooLarge,
    /// Nothing looks like a code.
    #[error("there is no QR code in the picture")]
    NoCode,
    /// Something looks like one.
    #[error("the QR code in the picture cannot be read: too small, blurred, or cut off")]
    Unreadable,
    /// A code of something else.
    #[error("the QR code in the picture is no pairing offer")]
    NoOffer,
    /// It is not clear which is meant.
    #[error("there are {0} different pairing offers in the picture")]
    Several(usize),
}

impl Offer {
    /// Reads the one offer in a PNG picture. Other codes beside it do not matter.
    pub fn in_picture(path: &Path) -> Result<Self, PictureError> {
        let bytes = files::read_given(path, MAX_BYTES)?;
        let bytes = bytes.ok_or_else(|| PictureError::NoFile(path.to_owned()))?;
        Grey::decode(path, bytes)?.offer()
    }
}

/// A picture without its colours, row by row.
pub(super) struct Grey {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

impl Grey {
    pub(super) fn decode(path: &Path, bytes: Vec<u8>) -> Result<Self, PictureError> {
        let broken = |_| PictureError::NoPng(path.to_owned());
        let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_WORK });
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(broken)?;
        let (width, height) = reader.info().size();
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(PictureError::TooLarge);
        }
        if reader.info().interlaced {
            return Err(PictureError::Interlaced(path.to_owned()));
        }
        let (width, height) = (width as usize, height as usize);
        let samples = reader.output_color_type().0.samples();
        let mut pixels = Vec::with_capacity(width * height);
        while let Some(row) = reader.next_row().map_err(broken)? {
            pixels.extend(row.data().chunks_exact(samples).map(brightness));
        }
        match pixels.len() == width * height {
            true => Ok(Self {
                width,
                height,
                pixels,
            }),
            false => Err(PictureError::NoPng(path.to_owned())),
        }
    }

    /// Finds the one offer that it shows.
    pub(super) fn offer(&self) -> Result<Offer, PictureError> {
        // A dark theme shows codes light on dark.
        let mut found = self.codes(0);
        if found.offers.is_empty() {
            found = found.or(self.codes(u8::MAX));
        }
        // Terminals with space between their lines cut codes of characters into stripes, bright or dark ones.
        for gap in GAPS {
            for stripes in [0, u8::MAX] {
                if !found.offers.is_empty() || found.others > 0 {
                    return found.only();
                }
                let whole = self.without_stripes(gap, stripes);
                found = found.or(whole.codes(0));
                if found.offers.is_empty() {
                    found = found.or(whole.codes(u8::MAX));
                }
            }
        }
        found.only()
    }

    /// Returns it without bright lines of so many pixels: what is bright stays where it is higher than that. The bits
    /// of each pixel are turned over first where `mask` has ones.
    fn without_stripes(&self, gap: usize, mask: u8) -> Self {
        let (width, rows) = (self.width, self.height);
        // Over `gap` more rows: below a row for the darkest, above it for the brightest of those.
        let over = |pixels: &[u8], from: &dyn Fn(usize) -> usize, pick: fn(u8, u8) -> u8| {
            let mut picked = pixels.to_vec();
            for y in 0..rows {
                for n in 1..=gap {
                    let other = from(y * (gap + 1) + n);
                    if other >= rows {
                        continue;
                    }
                    for x in 0..width {
                        let at = y * width + x;
                        picked[at] = pick(picked[at], pixels[other * width + x]);
                    }
                }
            }
            picked
        };
        let below = |at: usize| at / (gap + 1) + at % (gap + 1);
        let above = |at: usize| (at / (gap + 1)).checked_sub(at % (gap + 1)).unwrap_or(rows);
        let turned: Vec<u8> = self.pixels.iter().map(|pixel| pixel ^ mask).collect();
        let darkest = over(&turned, &below, u8::min);
        Self {
            width,
            height: rows,
            pixels: over(&darkest, &above, u8::max),
        }
    }

    /// Looks for codes, with the bits of each pixel turned over where `mask` has ones.
    fn codes(&self, mask: u8) -> Found {
        let pixel = |x: usize, y: usize| self.pixels[y * self.width + x] ^ mask;
        let mut image = PreparedImage::prepare_from_greyscale(self.width, self.height, pixel);
        let mut found = Found::default();
        for code in image.detect_grids() {
            let Ok((_, text)) = code.decode() else {
                found.unreadable += 1;
                continue;
            };
            let text = Secret::new(text);
            match Offer::parse(text.expose()) {
                Ok(offer) if !found.has(&offer) => found.offers.push(offer),
                Ok(_) => {}
                Err(_) => found.others += 1,
            }
        }
        found
    }
}

/// Returns how bright a pixel is, on white paper where it is transparent.
fn brightness(samples: &[u8]) -> u8 {
    let (grey, alpha) = match *samples {
        [grey] => (u32::from(grey), 255),
        [grey, alpha] => (u32::from(grey), u32::from(alpha)),
        [red, green, blue, ref alpha @ ..] => {
            // Rec. 601, in 256ths.
            let grey = 77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue);
            (
                grey / 256,
                alpha.first().map_or(255, |alpha| u32::from(*alpha)),
            )
        }
        [] => (255, 255),
    };
    ((grey * alpha + 255 * (255 - alpha)) / 255) as u8
}

/// What was found in a picture.
#[derive(Default)]
struct Found {
    offers: Vec<Offer>,
    others: usize,
    unreadable: usize,
}

impl Found {
    fn has(&self, offer: &Offer) -> bool {
        let same = |known: &Offer| known.to_json().is(offer.to_json().expose());
        self.offers.iter().any(same)
    }

    fn or(self, other: Self) -> Self {
        Self {
            offers: other.offers,
            others: self.others + other.others,
            unreadable: self.unreadable + other.unreadable,
        }
    }

    fn only(self) -> Result<Offer, PictureError> {
        match <[Offer; 1]>::try_from(self.offers) {
            Ok([offer]) => Ok(offer),
            Err(offers) if offers.len() > 1 => Err(PictureError::Several(offers.len())),
            Err(_) if self.others > 0 => Err(PictureError::NoOffer),
            Err(_) if self.unreadable > 0 => Err(PictureError::Unreadable),
            Err(_) => Err(PictureError::NoCode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brightness_of_every_kind_of_pixel() {
        assert_eq!(brightness(&[7]), 7);
        assert_eq!(brightness(&[0, 0]), 255, "transparent is paper");
        assert_eq!(brightness(&[255, 255, 255]), 255);
        assert_eq!(brightness(&[0, 0, 0, 255]), 0);
        assert!(brightness(&[0, 255, 0, 255]) > brightness(&[0, 0, 255, 255]));
    }
}
