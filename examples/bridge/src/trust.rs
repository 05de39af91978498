//! [`Trust`]: whose certificates are believed on `https://`.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The authorities that browsers trust, and those of the command line.
#[derive(Clone, Debug)]
pub struct Trust(RootCertStore);

impl Default for Trust {
    fn default() -> Self {
        let authorities = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
        Self(authorities.collect())
    }
}

impl Trust {
    /// Adds the authorities of a file in the format PEM.
    ///
    /// # Errors
    ///
    /// Says which file cannot be used, and why.
    pub fn add(&mut self, file: &Path) -> Result<(), String> {
        let told = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
        let read = CertificateDer::pem_file_iter(file).map_err(|error| told(&error))?;
        let mut count = 0;
        for certificate in read {
            let certificate = certificate.map_err(|error| told(&error))?;
            self.0.add(certificate).map_err(|error| told(&error))?;
            count += 1;
        }
        match count {
            0 => Err(told(&"it holds no certificate")),
            _ => Ok(()),
        }
    }

    pub(crate) fn connector(self) -> TlsConnector {
        let config = ClientConfig::builder().with_root_certificates(self.0);
        Arc::new(config.with_no_client_auth()).into()
    }
}
