//! [`Certificates`]: what the server proves itself with, and whom it trusts. It is read again without a restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::pem::{Files, chain, told};

/// The acceptor of new connections. Connections that are open keep what they began with.
pub(crate) struct Certificates {
    files: Option<Files>,
    client_authority: Option<PathBuf>,
    acceptor: RwLock<TlsAcceptor>,
}

impl Certificates {
    /// # Errors
    ///
    /// Which file cannot be used, and why.
    pub(crate) fn load(
        files: Option<Files>,
        client_authority: Option<PathBuf>,
    ) -> Result<Self, String> {
        let acceptor = acceptor(files.as_ref(), client_authority.as_deref())?;
        Ok(Self {
            files,
            client_authority,
            acceptor: RwLock::new(acceptor),
        })
    }

    /// Reads the files again. If one of them cannot be used, everything stays as it was.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub(crate) fn reload(&self) -> Result<(), String> {
        let renewed = acceptor(self.files.as_ref(), self.client_authority.as_deref())?;
        *self
            .acceptor
            .write()
            .unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    /// The acceptor for the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let acceptor = self.acceptor.read();
        acceptor.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn acceptor(files: Option<&Files>, client_authority: Option<&Path>) -> Result<TlsAcceptor, String> {
    let clients = ServerConfig::builder();
    let config = match client_authority {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in chain(path)? {
                roots.add(root).map_err(told(path))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            clients.with_client_cert_verifier(verifier.map_err(told(path))?)
        }
        None => clients.with_no_client_auth(),
    };
    let mut config = match files {
        Some(files) => files.complete(config)?,
        None => {
            let (chain, key) = made()?;
            let config = config.with_single_cert(chain, key);
            config.map_err(|error| error.to_string())?
        }
    };
    // The first that the client knows too.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config).into())
}

/// A certificate for localhost that nobody trusts, for a first try.
fn made() -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    Ok((vec![made.cert.der().clone()], key))
}
