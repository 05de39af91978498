//! TLS: the certificate of the server, and the authority that clients have to trust.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;

use mcp_wire::listener::{Listener, Negotiated, WithHandshake};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::authority::Authority;
use crate::options::Http;
use crate::pem::{Files, told};

/// What a server over TLS proves itself with.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    http: Http,
    /// Only for a certificate of its own making.
    folder: Option<Folder>,
}

impl Tls {
    /// With the certificate of these files. Without them it is one for this address and this machine, signed by an
    /// authority of this run.
    ///
    /// # Errors
    ///
    /// What cannot be used, and why.
    pub(crate) fn new(files: Option<&Files>, local: IpAddr, http: Http) -> Result<Self, String> {
        let config = ServerConfig::builder().with_no_client_auth();
        let (mut config, folder) = match files {
            Some(files) => (files.complete(config)?, None),
            None => {
                let authority = Authority::new().map_err(|error| error.to_string())?;
                let names = ["localhost", "127.0.0.1", "::1", &local.to_string()];
                let signed = authority.sign(names.map(str::to_owned).to_vec());
                let signed = signed.map_err(|error| error.to_string())?;
                let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der())?;
                let config = config.with_single_cert(vec![signed.cert.der().clone()], key);
                let config = config.map_err(|error| error.to_string())?;
                (config, Some(Folder::with(&authority.issuer.pem())?))
            }
        };
        config.alpn_protocols = match http {
            Http::One => vec![b"http/1.1".to_vec()],
            // The first that the client knows too.
            Http::OneAndTwo => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(Self {
            acceptor: Arc::new(config).into(),
            http,
            folder,
        })
    }

    /// The file with the authority that clients have to trust, if it was made for this run.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(Folder::authority)
    }

    pub(crate) fn listener(&self, tcp: TcpListener) -> impl Listener + use<> {
        let (acceptor, http) = (self.acceptor.clone(), self.http);
        WithHandshake::new(tcp, move |socket| {
            let handshake = acceptor.accept(socket);
            async move {
                let settled = handshake.await?;
                Ok::<_, io::Error>(Negotiated::new(settled, |tls| {
                    tls.get_ref().1.alpn_protocol().or(http.only())
                }))
            }
        })
    }
}

/// A folder for the authority, which is removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn with(authority: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("everything-{}", process::id()));
        // Of a process with the same id, which was killed.
        let _ = fs::remove_dir_all(&path);
        // It fails if another user has put something there.
        fs::create_dir(&path).map_err(told(&path))?;
        let folder = Self(path);
        fs::write(folder.authority(), authority).map_err(told(&folder.0))?;
        Ok(folder)
    }

    fn authority(&self) -> PathBuf {
        self.0.join("ca.pem")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
