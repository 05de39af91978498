//! Certificates and keys in files. Errors name the file.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::ConfigBuilder;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WantsServerCert;

/// The certificate of a server.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    /// The configuration of a server with the certificate of these files.
    ///
    /// # Errors
    ///
    /// Which file cannot be used, and why.
    pub(crate) fn complete(
        &self,
        config: ConfigBuilder<ServerConfig, WantsServerCert>,
    ) -> Result<ServerConfig, String> {
        let config = config.with_single_cert(chain(&self.chain)?, key(&self.key)?);
        config.map_err(|error| {
            format!(
                "{} and {}: {error}",
                self.chain.display(),
                self.key.display()
            )
        })
    }
}

/// The certificates of a file, at least one.
pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).map_err(told(path))?;
    let chain: Vec<_> = read.collect::<Result<_, _>>().map_err(told(path))?;
    if chain.is_empty() {
        return Err(format!("{}: it holds no certificate", path.display()));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::from_pem_file(path) {
        Err(pem::Error::NoItemsFound) => {
            Err(format!("{}: it holds no private key", path.display()))
        }
        read => read.map_err(told(path)),
    }
}

/// Names the file that an error is about.
pub(crate) fn told<E: Display>(path: &Path) -> impl Fn(E) -> String + use<'_, E> {
    move |error| format!("{}: {error}", path.display())
}
