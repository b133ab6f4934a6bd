//! Where an offer comes from: an argument, a file, or standard input.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::offer::{MAX_TEXT_BYTES, Offer, OfferError, is_marked};
use crate::files::{self, FileError};
use crate::secret::Secret;

/// Where an offer comes from.
#[derive(Debug)]
pub enum OfferSource {
    /// The text itself: a link or JSON.
    Text(Secret<String>),
    /// Base64url, or the path of a file that is not there.
    Bare(Secret<String>),
    /// A file with such a text.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl OfferSource {
    /// Takes an argument: `-` is standard input; what has the mark of an offer in it, or is JSON, is the offer;
    /// otherwise it is the path of a file if there is one, and else the offer as bare base64.
    pub fn from_arg(arg: &str) -> Self {
        let arg = arg.trim();
        if arg == "-" {
            return Self::Stdin;
        }
        if is_marked(arg) || arg.contains('{') {
            return Self::Text(arg.into());
        }
        // Not only regular files: a shell's `<(…)` is a pipe.
        let path = Path::new(arg);
        if path.exists() && !path.is_dir() {
            return Self::File(path.to_owned());
        }
        Self::Bare(arg.into())
    }

    /// Reads the offer. `stdin` is touched only by [`OfferSource::Stdin`], and not beyond
    /// [`MAX_TEXT_BYTES`].
    pub fn read(&self, stdin: impl Read) -> Result<Offer, SourceError> {
        let bytes = match self {
            Self::Text(text) => return Ok(Offer::parse(text.expose())?),
            Self::Bare(text) => {
                return Offer::parse(text.expose()).map_err(|error| match error {
                    OfferError::NoOffer => SourceError::Neither,
                    other => other.into(),
                });
            }
            Self::File(path) => files::read_given(path, MAX_TEXT_BYTES as u64)?
                .ok_or_else(|| SourceError::NoFile(path.clone()))?,
            Self::Stdin => {
                let mut bytes = Vec::new();
                stdin
                    .take(MAX_TEXT_BYTES as u64 + 1)
                    .read_to_end(&mut bytes)
                    .map_err(SourceError::Stdin)?;
                bytes
            }
        };
        Ok(Offer::parse_bytes(Secret::new(bytes).expose())?)
    }
}

/// Why no offer was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The text is no offer.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The argument is no offer, and no file has that name.
    #[error("the argument is neither a pairing offer nor the path of a file")]
    Neither,
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file has gone.
    #[error("there is no file {}", .0.display())]
    NoFile(PathBuf),
    /// Standard input cannot be read.
    #[error("cannot read the offer from standard input")]
    Stdin(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"v":2,"serverId":"s","daemonPublicKeyB64":"fh1V4oOfytbm1vXyc29bUj+dQDpoSE6nzzsYNkgZ4SY=","relay":{"endpoint":"h:1"}}"#;

    #[test]
    fn text_file_and_stdin_give_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("offer.json");
        std::fs::write(&path, format!("{JSON}\n")).unwrap();
        let base64 = base64_simd::URL_SAFE_NO_PAD.encode_to_string(JSON);
        let link = format!("https://app.paseo.sh/#offer={base64}");
        for arg in [path.to_str().unwrap(), "-", JSON, &base64, &link] {
            let offer = OfferSource::from_arg(arg).read(JSON.as_bytes()).unwrap();
            assert_eq!(offer.to_json().expose(), JSON);
        }
    }

    #[test]
    fn standard_input_is_read_to_the_limit_only() {
        let endless = io::repeat(b'A');
        let error = OfferSource::Stdin.read(endless).unwrap_err();
        assert!(matches!(error, SourceError::Offer(OfferError::TooLarge)));
        let error = OfferSource::Stdin.read(&[0xff][..]).unwrap_err();
        assert!(matches!(error, SourceError::Offer(OfferError::NoOffer)));
    }

    #[test]
    fn what_is_no_offer_is_not_repeated() {
        for arg in ["/no/such/file", "offer.json", "eyJ2Ijoy", ".", ""] {
            let error = OfferSource::from_arg(arg).read(io::empty()).unwrap_err();
            assert!(
                arg.is_empty() || !error.to_string().contains(arg),
                "{error}"
            );
        }
        let error = OfferSource::from_arg("offer.json").read(io::empty());
        assert!(matches!(error, Err(SourceError::Neither)));
    }
}
