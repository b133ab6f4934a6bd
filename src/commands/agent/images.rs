//! Pictures beside a prompt.

use std::path::Path;

use crate::error::{CommandError, Exit};
use crate::files;
use crate::protocol::lifecycle::Image;
use crate::protocol::picture::Picture;
use crate::protocol::relay::MAX_MESSAGE_BYTES;

/// Media types by extension, lower case. What is not here is no picture.
const TYPES: [(&str, &str); 15] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
    ("bmp", "image/bmp"),
    ("avif", "image/avif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("ico", "image/x-icon"),
    ("jxl", "image/jxl"),
    ("apng", "image/apng"),
];

/// Why a picture cannot be attached.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImageError {
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// Its name says that it is something else.
    #[error("no image that is known: {0}")]
    NotAnImage(String),
}

/// Opens a picture; its type is told by its name, `unknown` stands for any other.
pub(super) fn open(path: &str, unknown: Option<&str>) -> Result<Image, ImageError> {
    let mime_type = mime_type(path)
        .or(unknown)
        .ok_or_else(|| ImageError::NotAnImage(path.to_owned()))?;
    Ok(Image {
        data: read(Path::new(path))?,
        mime_type: mime_type.to_owned(),
    })
}

/// Opens a file. A pipe is read at once, because it cannot be read twice; what no message takes is refused.
fn read(path: &Path) -> std::io::Result<Picture> {
    let absent = || std::io::Error::from(std::io::ErrorKind::NotFound);
    if std::fs::metadata(path)?.is_file() {
        return Picture::of_file(files::open_given(path)?.ok_or_else(absent)?);
    }
    let bytes = files::read_given(path, MAX_MESSAGE_BYTES as u64)?.ok_or_else(absent)?;
    Ok(Picture::Bytes(bytes.into()))
}

fn mime_type(path: &str) -> Option<&'static str> {
    let extension = Path::new(path).extension()?.to_str()?.to_ascii_lowercase();
    let known = TYPES.iter().find(|(name, _)| *name == extension);
    known.map(|(_, mime_type)| *mime_type)
}

/// Refuses pictures that can pass on no connection, before there is one. What one connection takes may be
/// less, which is checked where it is known.
pub(super) fn fit(images: &[Image]) -> Result<(), CommandError> {
    const LIMIT: u64 = MAX_MESSAGE_BYTES as u64;
    let encoded = images
        .iter()
        .map(|image| image.data.len().div_ceil(3).saturating_mul(4));
    let bytes = encoded.fold(0, u64::saturating_add);
    if bytes < LIMIT {
        return Ok(());
    }
    const MIB: u64 = 1024 * 1024;
    Err(CommandError::new(
        "MESSAGE_TOO_LARGE",
        Exit::Usage,
        format!(
            "the images are {} MiB as base64; a message may have {} MiB",
            bytes.div_ceil(MIB),
            LIMIT / MIB
        ),
    )
    .hint("send fewer or smaller images"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_type() {
        assert_eq!(mime_type("a/B.PNG"), Some("image/png"));
        assert_eq!(mime_type("notes.txt"), None);
        assert_eq!(mime_type("png"), None);
    }

    #[test]
    fn a_file_is_sent_as_base64() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.png");
        std::fs::write(&path, b"\x89PNG").unwrap();
        let image = open(path.to_str().unwrap(), None).unwrap();
        let json = serde_json::to_string(&image).unwrap();
        assert_eq!(json, r#"{"data":"iVBORw==","mimeType":"image/png"}"#);
        let read: Image = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn too_much_is_refused() {
        let image = Image {
            data: Picture::Bytes(vec![0; MAX_MESSAGE_BYTES / 4 * 3].into()),
            mime_type: "image/png".to_owned(),
        };
        assert_eq!(fit(&[image]).unwrap_err().code, "MESSAGE_TOO_LARGE");
    }
}
