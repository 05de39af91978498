//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::pem::Files;

pub(crate) const USAGE: &str = "\
usage: tls [--listen ADDRESS] [--cert FILE --key FILE] [--client-ca FILE]
       tls --check

  --listen ADDRESS   where to listen; default 127.0.0.1:8443
  --cert FILE        certificate chain of the server, PEM; read again on SIGHUP
  --key FILE         its private key, PEM; without both the server makes a certificate for localhost
  --client-ca FILE   admits only clients with a certificate of this authority, PEM; read again on SIGHUP
  --check            tries everything as a client, and ends";

/// What to do.
pub(crate) enum Action {
    Help,
    Check,
    Serve(Options),
}

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) files: Option<Files>,
    pub(crate) client_authority: Option<PathBuf>,
}

impl Action {
    /// # Errors
    ///
    /// What is wrong, in one line.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = args;
        let (mut listen, mut chain, mut key, mut authority) = (None, None, None, None);
        let mut is_check = false;
        while let Some(flag) = args.next() {
            let place = match flag.as_str() {
                "--help" => return Ok(Self::Help),
                "--check" => {
                    is_check = true;
                    continue;
                }
                "--listen" => &mut listen,
                "--cert" => &mut chain,
                "--key" => &mut key,
                "--client-ca" => &mut authority,
                _ => return Err(format!("there is no flag {flag}")),
            };
            let value = args.next().ok_or(format!("{flag} needs a value"))?;
            *place = Some(value);
        }
        if is_check {
            return Ok(Self::Check);
        }
        let listen = listen.unwrap_or_else(|| "127.0.0.1:8443".to_owned());
        let files = match (chain, key) {
            (Some(chain), Some(key)) => Some(Files {
                chain: chain.into(),
                key: key.into(),
            }),
            (None, None) => None,
            _ => return Err("--cert and --key belong together".to_owned()),
        };
        Ok(Self::Serve(Options {
            listen: listen
                .parse()
                .map_err(|_| format!("{listen} is no address: expected one like 127.0.0.1:8443"))?,
            files,
            client_authority: authority.map(PathBuf::from),
        }))
    }
}
