//! TLS for the client side: rustls, the platform's roots, and further files of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, crypto};

use crate::files::{self, FileError};

/// Largest file of certificates in bytes: several times the list of a browser.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

/// Why TLS could not be set up, before any byte was sent.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The file of extra authorities cannot be used.
    #[error("the certificates in {} cannot be read", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The file of extra authorities holds none.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// The platform's roots cannot be used.
    #[error("the certificates of this machine cannot be used")]
    Platform(#[source] rustls::Error),
}

/// Returns a connector that trusts the platform's roots and, in addition, those in PEM files.
pub(super) fn connector(ca_files: &[PathBuf]) -> Result<TlsConnector, TlsSetupError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let mut extra = Vec::new();
    for path in ca_files {
        extra.extend(read_pem(path)?);
    }
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
        .map_err(TlsSetupError::Platform)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsSetupError::Platform)?
        .dangerous() // rustls' word for any verifier but its own; this one is the platform's
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What is wrong with a server's certificate, for the faults that people can mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// No authority that is trusted here has signed it.
    #[error("is signed by an authority that this machine does not trust")]
    UnknownIssuer,
    /// Its time is over.
    #[error("has expired")]
    Expired,
    /// Its time has not begun.
    #[error("is not valid yet")]
    NotYet,
    /// It is made out for others.
    #[error("is for another name")]
    OtherName,
    /// It is one that signs others (RFC 5280 section 4.2.1.9), as `openssl req -x509` makes it.
    #[error("is marked as an authority (CA:TRUE), so no server may show it")]
    Authority,
}

impl CertificateFault {
    /// Finds it in the error of a handshake.
    pub(super) fn of(error: &rustls::Error) -> Option<Self> {
        use rustls::CertificateError as Fault;
        let rustls::Error::InvalidCertificate(fault) = error else {
            return None;
        };
        match fault {
            Fault::UnknownIssuer => Some(Self::UnknownIssuer),
            Fault::Expired | Fault::ExpiredContext { .. } => Some(Self::Expired),
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => Some(Self::NotYet),
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => Some(Self::OtherName),
            Fault::Other(other) => match other.0.downcast_ref() {
                Some(webpki::Error::CaUsedAsEndEntity) => Some(Self::Authority),
                _ => None,
            },
            _ => None,
        }
    }
}

fn read_pem(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let fail = |source| TlsSetupError::CaFile {
        path: path.to_owned(),
        source,
    };
    let absent = || FileError::Io {
        action: "read",
        path: path.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    };
    let pem = files::read(path, MAX_PEM_BYTES).and_then(|pem| pem.ok_or_else(absent));
    let pem = pem.map_err(|error| fail(rustls::pki_types::pem::Error::Io(error.into())))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(fail)?;
    if certificates.is_empty() {
        Err(TlsSetupError::NoCertificate(path.to_owned()))
    } else {
        Ok(certificates)
    }
}
