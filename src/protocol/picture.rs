//! The bytes of a picture: on the wire they are standard base64.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::base64::{Base64, PIECE_BYTES, decode_lenient};

/// Where the bytes are. A picture may be most of what a command may keep, so a file stays where it is until it is
/// written into its request, and then passes through a small buffer.
#[derive(Debug, Clone)]
pub enum Picture {
    /// In memory, as they arrived.
    Bytes(Bytes),
    /// In a regular file that is open.
    File {
        /// The file. It is read from its beginning, again each time it is written.
        file: Arc<File>,
        /// How many bytes of it count. One that has become shorter cannot be written.
        length: u64,
    },
}

impl Picture {
    /// Takes a regular file that is open.
    pub fn of_file(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let file = Arc::new(file);
        Ok(Self::File { file, length })
    }

    /// Returns how many bytes it has, not encoded.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Serialize for Picture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bytes(bytes) => serializer.collect_str(&Base64(bytes)),
            Self::File { file, length } => {
                let text = Reading {
                    file,
                    length: *length,
                    failed: Cell::new(None),
                };
                let written = serializer.collect_str(&text)?;
                match text.failed.take() {
                    None => Ok(written),
                    Some(error) => Err(S::Error::custom(error)),
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Picture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = decode_lenient(text.as_bytes()).ok_or_else(|| D::Error::custom("no base64"))?;
        Ok(Self::Bytes(bytes.into()))
    }
}

/// Shows a file as base64 while it is read. `Display` knows no reasons, so why it failed is kept beside it.
struct Reading<'a> {
    file: &'a File,
    length: u64,
    failed: Cell<Option<io::Error>>,
}

impl Reading<'_> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> io::Result<fmt::Result> {
        let mut file = self.file;
        file.seek(SeekFrom::Start(0))?;
        let mut buffer = [0; PIECE_BYTES];
        let mut left = self.length;
        while left > 0 {
            let piece = left.min(PIECE_BYTES as u64);
            let piece = &mut buffer[..piece as usize];
            file.read_exact(piece)?;
            left -= piece.len() as u64;
            if write!(f, "{}", Base64(piece)).is_err() {
                return Ok(Err(fmt::Error));
            }
        }
        Ok(Ok(()))
    }
}

impl fmt::Display for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f).unwrap_or_else(|error| {
            self.failed.set(Some(error));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_as_its_bytes_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.png");
        for length in [0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 2] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            let file = Picture::of_file(File::open(&path).unwrap()).unwrap();
            assert_eq!(file.len(), length as u64);
            let expected = serde_json::to_string(&Picture::Bytes(bytes.into())).unwrap();
            // A request is written twice when its size is looked at first.
            for _ in 0..2 {
                assert_eq!(serde_json::to_string(&file).unwrap(), expected, "{length}");
            }
        }
    }

    #[test]
    fn a_file_that_shrinks_is_an_error_and_one_that_grows_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.png");
        std::fs::write(&path, b"\x89PNG").unwrap();
        let file = Picture::of_file(File::open(&path).unwrap()).unwrap();
        std::fs::write(&path, b"\x89PNG and more").unwrap();
        assert_eq!(serde_json::to_string(&file).unwrap(), "\"iVBORw==\"");
        std::fs::write(&path, b"\x89").unwrap();
        let error = serde_json::to_string(&file).unwrap_err();
        assert!(error.to_string().contains("fill whole buffer"), "{error}");
    }
}
