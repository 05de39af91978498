//! [`Origin`]: where the page comes from that sends a request.

use super::host::{Host, Name};

/// A web origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The origin of sandboxed pages and local files; admitted only when listed (SPEC G-2).
    Null,
    /// Of a web page; the port is the scheme's own where none is named.
    Web {
        scheme: Scheme,
        name: OriginName,
        port: u16,
    },
    /// Of a page that came with an extension, an editor or an app, such as
    /// `vscode-webview://0a1b`. Admitted only when listed: `tauri://localhost` is no page of this
    /// machine's web servers.
    App { scheme: Box<str>, host: Host },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginName(Name);

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// Reads `null`, or a scheme with a host and maybe a port, and nothing behind it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Null);
        }
        let (scheme, host) = text.split_once("://")?;
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return Self::of_app(scheme, Host::parse(host)?),
        };
        let Host { name, port } = Host::parse(host)?;
        let port = port.unwrap_or_else(|| scheme.default_port());
        Some(Self::Web {
            scheme,
            name: OriginName(name),
            port,
        })
    }

    fn of_app(scheme: &str, host: Host) -> Option<Self> {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let fits = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(is_valid);
        let scheme = scheme.to_ascii_lowercase().into();
        fits.then_some(Self::App { scheme, host })
    }

    /// Whether this is the origin of pages that `host` itself serves.
    pub(super) fn is_of(&self, host: &Host) -> bool {
        match self {
            Self::Null | Self::App { .. } => false,
            Self::Web { scheme, name, port } => {
                name.0 == host.name && host.port.unwrap_or_else(|| scheme.default_port()) == *port
            }
        }
    }

    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Null | Self::App { .. } => false,
            Self::Web { name, .. } => Host {
                name: name.0.clone(),
                port: None,
            }
            .is_loopback(),
        }
    }
}
