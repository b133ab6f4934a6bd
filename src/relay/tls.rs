//! TLS from files, which may change while the relay runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::files;

/// Largest file of certificates, or of a key, in bytes.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// Certificate chain and key, as PEM files.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain, the relay's own certificate first.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read or is not PEM.
    #[error("{path} cannot be read as PEM")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("{path} holds no certificate")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Key and certificate do not belong together, or are of a kind that is not supported.
    #[error("certificate and key cannot be used")]
    Unusable(#[source] tokio_rustls::rustls::Error),
}

/// The acceptor of the files as they were read last.
pub(super) struct Tls {
    files: TlsFiles,
    current: RwLock<TlsAcceptor>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.files).finish()
    }
}

impl Tls {
    pub(super) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let current = RwLock::new(read(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the files again, for new connections. When that fails, the old ones stay.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        let new = read(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [&*self.files.certificates, &*self.files.key].into_iter()
    }
}

fn read(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let path = &files.certificates;
    let chain = pem(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let certificates = certificates.map_err(|error| unreadable(path, error))?;
    if certificates.is_empty() {
        return Err(TlsError::Empty { path: path.clone() });
    }
    let key = Zeroizing::new(pem(&files.key)?);
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| unreadable(&files.key, error))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(TlsError::Unusable)?;
    // HTTP/2 has no such upgrade.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn pem(path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = files::read(path, MAX_PEM_BYTES).map_err(io::Error::from);
    let read = read.and_then(|bytes| bytes.ok_or_else(|| io::ErrorKind::NotFound.into()));
    read.map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

fn unreadable(path: &Path, error: tokio_rustls::rustls::pki_types::pem::Error) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        source: match error {
            tokio_rustls::rustls::pki_types::pem::Error::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
        },
    }
}
