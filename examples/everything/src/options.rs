//! The command line. Missing options leave the defaults of the library.

use std::collections::HashMap;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

#[cfg(feature = "tls")]
use crate::pem::Files;

pub(crate) const USAGE: &str = "\
usage: everything [FLAG]...

  --listen ADDRESS       where to listen; default 127.0.0.1:8000
  --unix PATH            listens on a Unix socket instead
  --stdio                serves one client on standard input and output instead
  --tls                  listens with TLS, by a certificate of its own making (feature `tls`)
  --cert FILE            with --tls and --key: the certificate chain of the server, PEM
  --key FILE             its private key, PEM
  --http2                speaks HTTP/2 too: by prior knowledge, and by ALPN with --tls (feature `http2`)
  --mount PATH           the path before /mcp and /sse
  --public-prefix PATH   what a proxy removes from the path
  --allowed-host HOST    a name of the server; can be repeated
  --peer ADDRESS         another process behind the same address; can be repeated
  --without-sessions     opens no sessions
  --max-sessions N       how many sessions there can be
  --keep-alive SECONDS   after how long a quiet stream shows that it is alive
  --body-limit BYTES     how long a message may be";

/// The flags without a value.
const SWITCHES: &[&str] = &["--stdio", "--tls", "--http2", "--without-sessions"];
/// The flags that need a value.
const SETTINGS: &[&str] = &[
    "--listen",
    "--unix",
    "--cert",
    "--key",
    "--mount",
    "--public-prefix",
    "--max-sessions",
    "--keep-alive",
    "--body-limit",
];
/// The flags that need a value, and can be repeated.
const LISTS: &[&str] = &["--allowed-host", "--peer"];

/// Flags of which the first has no meaning with the second.
const CONTRADICTIONS: &[(&str, &str)] = &[
    ("--listen", "--stdio"),
    ("--unix", "--stdio"),
    ("--tls", "--stdio"),
    ("--http2", "--stdio"),
    ("--mount", "--stdio"),
    ("--public-prefix", "--stdio"),
    ("--allowed-host", "--stdio"),
    ("--peer", "--stdio"),
    ("--without-sessions", "--stdio"),
    ("--max-sessions", "--stdio"),
    ("--keep-alive", "--stdio"),
    ("--listen", "--unix"),
    ("--tls", "--unix"),
    ("--peer", "--unix"),
    ("--max-sessions", "--without-sessions"),
];
/// Flags of which the first needs the second.
const NEEDS: &[(&str, &str)] = &[
    ("--cert", "--key"),
    ("--key", "--cert"),
    ("--cert", "--tls"),
];

pub(crate) struct Options {
    pub(crate) way: Way,
    pub(crate) http: Http,
    pub(crate) listen: String,
    pub(crate) peers: Vec<SocketAddr>,
    pub(crate) mount: Option<String>,
    pub(crate) public_prefix: Option<String>,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) without_sessions: bool,
    pub(crate) max_sessions: Option<usize>,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) body_limit: Option<usize>,
}

/// How clients reach the server.
pub(crate) enum Way {
    Tcp,
    /// With the certificate of these files, or with one of its own making.
    #[cfg(feature = "tls")]
    Tls(Option<Files>),
    #[cfg(unix)]
    Unix(PathBuf),
    Stdio,
}

/// Which protocols clients may begin with.
#[derive(Clone, Copy)]
pub(crate) enum Http {
    One,
    OneAndTwo,
}

impl Http {
    /// The name of the only protocol; `None` if the first bytes of a client decide.
    pub(crate) fn only(self) -> Option<&'static [u8]> {
        match self {
            Self::One => Some(b"http/1.1"),
            Self::OneAndTwo => None,
        }
    }
}

impl Options {
    /// `None` if help is asked for.
    ///
    /// # Errors
    ///
    /// What is wrong, in one line.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let Some(mut given) = Given::read(args)? else {
            return Ok(None);
        };
        given.check()?;
        Ok(Some(Self {
            way: given.way()?,
            http: given.http()?,
            listen: given
                .take("--listen")
                .unwrap_or_else(|| "127.0.0.1:8000".to_owned()),
            peers: given
                .all("--peer")
                .iter()
                .map(|value| parsed("--peer", value, "an address such as 127.0.0.1:8001"))
                .collect::<Result<_, _>>()?,
            mount: given.take("--mount"),
            public_prefix: given.take("--public-prefix"),
            allowed_hosts: given.all("--allowed-host"),
            without_sessions: given.has("--without-sessions"),
            max_sessions: given.number("--max-sessions")?,
            keep_alive: given.seconds("--keep-alive")?,
            body_limit: given.number("--body-limit")?,
        }))
    }
}

/// The flags that were given, with their values. A switch has no value.
struct Given(HashMap<String, Vec<String>>);

impl Given {
    /// `None` if help is asked for.
    fn read(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut given = Self(HashMap::new());
        while let Some(flag) = args.next() {
            let name = flag.as_str();
            if name == "--help" {
                return Ok(None);
            }
            let is_list = LISTS.contains(&name);
            let is_switch = SWITCHES.contains(&name);
            if !is_list && !is_switch && !SETTINGS.contains(&name) {
                return Err(format!("there is no flag {flag}"));
            }
            if given.has(name) && !is_list {
                return Err(format!("{flag} is given twice"));
            }
            let values = given.0.entry(flag.clone()).or_default();
            if !is_switch {
                values.push(args.next().ok_or(format!("{flag} needs a value"))?);
            }
        }
        Ok(Some(given))
    }

    fn check(&self) -> Result<(), String> {
        for (one, other) in CONTRADICTIONS {
            if self.has(one) && self.has(other) {
                return Err(format!("{one} and {other} contradict each other"));
            }
        }
        for (one, other) in NEEDS {
            if self.has(one) && !self.has(other) {
                return Err(format!("{one} needs {other}"));
            }
        }
        Ok(())
    }

    fn way(&mut self) -> Result<Way, String> {
        if self.has("--stdio") {
            return Ok(Way::Stdio);
        }
        if let Some(path) = self.take("--unix") {
            #[cfg(unix)]
            return Ok(Way::Unix(path.into()));
            #[cfg(not(unix))]
            return Err(format!("--unix {path}: this system has no Unix sockets"));
        }
        if self.has("--tls") {
            #[cfg(feature = "tls")]
            return Ok(Way::Tls(self.files()));
            #[cfg(not(feature = "tls"))]
            return Err(not_built("--tls"));
        }
        Ok(Way::Tcp)
    }

    #[cfg(feature = "tls")]
    fn files(&mut self) -> Option<Files> {
        let chain = self.take("--cert")?.into();
        let key = self.take("--key")?.into();
        Some(Files { chain, key })
    }

    fn http(&self) -> Result<Http, String> {
        match self.has("--http2") {
            false => Ok(Http::One),
            true if cfg!(feature = "http2") => Ok(Http::OneAndTwo),
            true => Err(not_built("--http2")),
        }
    }

    fn has(&self, flag: &str) -> bool {
        self.0.contains_key(flag)
    }

    fn all(&mut self, flag: &str) -> Vec<String> {
        self.0.remove(flag).unwrap_or_default()
    }

    fn take(&mut self, flag: &str) -> Option<String> {
        self.all(flag).pop()
    }

    fn number(&mut self, flag: &str) -> Result<Option<usize>, String> {
        let value = self.take(flag);
        value
            .map(|value| parsed(flag, &value, "a whole number"))
            .transpose()
    }

    /// Seconds, with an optional fraction.
    fn seconds(&mut self, flag: &str) -> Result<Option<Duration>, String> {
        let expected = "a number of seconds";
        let Some(value) = self.take(flag) else {
            return Ok(None);
        };
        let seconds = Duration::try_from_secs_f64(parsed(flag, &value, expected)?);
        seconds
            .map(Some)
            .map_err(|_| unexpected(flag, &value, expected))
    }
}

fn parsed<T: FromStr>(flag: &str, value: &str, expected: &str) -> Result<T, String> {
    value.parse().map_err(|_| unexpected(flag, value, expected))
}

fn unexpected(flag: &str, value: &str, expected: &str) -> String {
    format!("{flag} {value}: expected {expected}")
}

/// What a flag is told that needs a feature.
#[cfg_attr(
    all(feature = "tls", feature = "http2"),
    allow(dead_code, reason = "nothing is missing")
)]
fn not_built(flag: &str) -> String {
    let feature = flag.trim_start_matches('-');
    format!("{flag} is not in this build: build it with `--features {feature}`")
}

#[cfg(test)]
mod tests {
    use super::{CONTRADICTIONS, LISTS, NEEDS, Options, SETTINGS, SWITCHES, USAGE};

    /// SPEC G-5: a server without flags is for this machine alone.
    #[test]
    fn without_flags_it_listens_on_loopback() {
        let Ok(Some(options)) = Options::parse(std::iter::empty()) else {
            panic!("no flag is needed");
        };
        assert_eq!(options.listen, "127.0.0.1:8000");
    }

    #[test]
    fn every_flag_is_in_the_usage() {
        let known = [SWITCHES, SETTINGS, LISTS].concat();
        for flag in &known {
            let line = format!("\n  {flag} ");
            assert!(USAGE.contains(&line), "{flag}");
        }
        for flag in CONTRADICTIONS
            .iter()
            .chain(NEEDS)
            .flat_map(|(one, other)| [one, other])
        {
            assert!(known.contains(flag), "{flag}");
        }
    }
}
