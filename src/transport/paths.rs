//! [`Paths`]: where the endpoints of a service are.

use crate::error::Error;
use crate::protocol::exchange::Endpoint;

/// Where the endpoints are, as the embedder chose and before it was checked.
pub(crate) struct PathSettings {
    pub(crate) mount: String,
    pub(crate) public_prefix: String,
    pub(crate) trusts_forwarded_prefix: bool,
    /// `None` switches the endpoint off.
    pub(crate) mcp: Option<String>,
    /// `None` switches HTTP+SSE off.
    pub(crate) sse: Option<String>,
    pub(crate) messages: String,
}

/// Where the endpoints are.
#[derive(Debug)]
pub(crate) struct Paths {
    /// `None` when the endpoint is switched off.
    pub(crate) mcp: Option<String>,
    /// `None` when HTTP+SSE is switched off.
    pub(crate) sse: Option<SsePaths>,
    /// What a proxy removes, and clients see before every path.
    public_prefix: String,
}

/// Where HTTP+SSE is.
#[derive(Debug)]
pub(crate) struct SsePaths {
    pub(crate) stream: String,
    pub(crate) messages: String,
    /// What clients are told to POST to, up to the session id.
    pub(crate) announced: String,
    /// Whether a proxy may say what comes before `messages` instead.
    pub(crate) trusts_forwarded_prefix: bool,
}

impl PathSettings {
    const MCP: &str = "/mcp";
    const SSE: &str = "/sse";
    const MESSAGES: &str = "/messages/";

    pub(crate) fn check(&self) -> Result<Paths, Error> {
        let mount = prefix("Builder::mount", &self.mount)?;
        let public_prefix = prefix("Builder::public_prefix", &self.public_prefix)?;
        let mounted = |name, given: &str| Ok(format!("{mount}{}", path(name, given)?));
        let mcp = self.mcp.as_deref();
        let mcp = mcp
            .map(|path| mounted("Builder::mcp_path", path))
            .transpose()?;
        let sse = match &self.sse {
            None => None,
            Some(stream) => {
                let messages = mounted("Builder::messages_path", &self.messages)?;
                Some(SsePaths {
                    stream: mounted("Builder::sse_path", stream)?,
                    announced: format!("{public_prefix}{messages}"),
                    messages,
                    trusts_forwarded_prefix: self.trusts_forwarded_prefix,
                })
            }
        };
        let paths = Paths {
            mcp,
            sse,
            public_prefix: public_prefix.to_owned(),
        };
        paths.are_distinct()?;
        Ok(paths)
    }
}

impl Default for PathSettings {
    fn default() -> Self {
        Self {
            mount: String::new(),
            public_prefix: String::new(),
            trusts_forwarded_prefix: false,
            mcp: Some(Self::MCP.to_owned()),
            sse: Some(Self::SSE.to_owned()),
            messages: Self::MESSAGES.to_owned(),
        }
    }
}

impl Paths {
    /// The endpoint of a request path, with or without a trailing slash.
    pub(crate) fn endpoint(&self, path: &str) -> Option<Endpoint> {
        let is = |own: &str| same_path(path, own);
        if self.mcp.as_deref().is_some_and(is) {
            return Some(Endpoint::Mcp);
        }
        match &self.sse {
            Some(sse) if is(&sse.stream) => Some(Endpoint::Sse),
            Some(sse) if is(&sse.messages) => Some(Endpoint::Messages),
            _ => None,
        }
    }

    /// The paths that clients know the service by.
    pub(crate) fn public(&self) -> Vec<String> {
        let streams = self.sse.iter().map(|sse| &sse.stream);
        let paths = self.mcp.iter().chain(streams);
        paths
            .map(|path| format!("{}{path}", self.public_prefix))
            .collect()
    }

    /// The path that a client knows an endpoint by, if its request came to `path`. The inbox of
    /// HTTP+SSE belongs to its stream.
    pub(crate) fn public_path(&self, endpoint: Endpoint, path: &str) -> String {
        let path = match (endpoint, &self.sse) {
            (Endpoint::Messages, Some(sse)) => &sse.stream,
            _ => path,
        };
        format!("{}{path}", self.public_prefix)
    }

    fn are_distinct(&self) -> Result<(), Error> {
        let sse = self.sse.iter().flat_map(|sse| [&sse.stream, &sse.messages]);
        let paths: Vec<&String> = self.mcp.iter().chain(sse).collect();
        if paths.is_empty() {
            return Err(Error::setup(
                "`Builder::mcp_path` and `Builder::sse_path` are both switched off, but a service needs at \
                 least one endpoint"
                    .to_owned(),
            ));
        }
        let is_twin = |(at, path): (usize, &&String)| {
            paths[..at].iter().any(|before| same_path(before, path))
        };
        if paths.iter().enumerate().any(is_twin) {
            return Err(Error::setup(
                "`Builder::mcp_path`, `Builder::sse_path` and `Builder::messages_path` must differ"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

/// Whether two paths are the same but for a trailing slash (PITFALLS R-46).
fn same_path(a: &str, b: &str) -> bool {
    a.strip_suffix('/').unwrap_or(a) == b.strip_suffix('/').unwrap_or(b)
}

/// A path as it appears in a URI: absolute, and without anything that would need an escape, since it
/// goes unchanged into the `endpoint` event (SPEC B-3, B-4).
fn path<'a>(setting: &str, path: &'a str) -> Result<&'a str, Error> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
    if path.starts_with('/') && !path.starts_with("//") && path.bytes().all(is_plain) {
        return Ok(path);
    }
    Err(Error::setup(format!(
        "`{setting}` must be a percent-encoded path that begins with one `/`, not {path:?}"
    )))
}

/// A path without its trailing slash, or nothing.
fn prefix<'a>(setting: &str, prefix: &'a str) -> Result<&'a str, Error> {
    match prefix.strip_suffix('/').unwrap_or(prefix) {
        "" => Ok(""),
        prefix => path(setting, prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_cannot_be_served_are_refused_by_name() {
        type Set = fn(&mut PathSettings);
        let path = "must be a percent-encoded path that begins with one `/`";
        let cases: [(Set, String); 7] = [
            (
                |p| p.mount = "api".into(),
                format!("`Builder::mount` {path}, not \"api\""),
            ),
            (
                |p| p.public_prefix = "//evil".into(),
                format!("`Builder::public_prefix` {path}, not \"//evil\""),
            ),
            (
                |p| p.mcp = Some("m cp".into()),
                format!("`Builder::mcp_path` {path}, not \"m cp\""),
            ),
            (
                |p| p.sse = Some(String::new()),
                format!("`Builder::sse_path` {path}, not \"\""),
            ),
            (
                |p| p.messages = "/a\r\nb".into(),
                format!("`Builder::messages_path` {path}, not \"/a\\r\\nb\""),
            ),
            (
                |p| p.messages = "/mcp/".into(),
                "`Builder::mcp_path`, `Builder::sse_path` and `Builder::messages_path` must differ".into(),
            ),
            (
                |p| (p.mcp, p.sse) = (None, None),
                "`Builder::mcp_path` and `Builder::sse_path` are both switched off, but a service needs at \
                 least one endpoint"
                    .into(),
            ),
        ];
        for (set, told) in cases {
            let mut settings = PathSettings::default();
            set(&mut settings);
            assert_eq!(settings.check().unwrap_err().to_string(), told);
        }
    }
}
