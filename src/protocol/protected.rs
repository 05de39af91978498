//! [`ProtectedResource`]: what the server publishes about its authorization, for clients that discover it
//! (RFC 9728, SPEC F-20 to F-31).

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::challenge::is_askable;
use super::origin::{Origin, Scheme};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const SERVER_WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// What the server publishes about its authorization: a document for each endpoint, at its well-known path,
/// and the URL of that document in every challenge.
///
/// ```
/// use mcp_wire::auth::ProtectedResource;
/// let resource = ProtectedResource::new("https://mcp.example.com", ["https://login.example.com"])
///     .scopes(["notes:read", "notes:write"])
///     .initial_scopes(["notes:read"]);
/// # let _ = resource;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is given to a builder"]
pub struct ProtectedResource {
    origin: String,
    issuers: Vec<String>,
    scopes: Vec<String>,
    initial_scopes: Vec<String>,
    name: Option<String>,
    documentation: Option<String>,
    takes_origin: bool,
    server_metadata: Option<Value>,
}

impl ProtectedResource {
    /// Takes the origin that clients use, such as `https://mcp.example.com`, and the issuers whose tokens are
    /// accepted. The host that a request names is never used (*2025-11-25, Authorization, Communication
    /// Security*). For a path in front of the endpoints see
    /// [`Builder::public_prefix`](crate::Builder::public_prefix).
    ///
    /// The service's build fails if the origin is not `https` (or `http` with a loopback host), if there is
    /// no issuer, or if an issuer is not such a URL.
    pub fn new<T: Into<String>>(
        origin: impl Into<String>,
        issuers: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            origin: origin.into(),
            issuers: issuers.into_iter().map(Into::into).collect(),
            scopes: Vec::new(),
            initial_scopes: Vec::new(),
            name: None,
            documentation: None,
            takes_origin: false,
            server_metadata: None,
        }
    }

    /// The scopes that clients may request; list no more than are useful (*RFC 9728, 2*). The build fails if
    /// one is `offline_access` or not a valid scope (*2026-07-28, Authorization, Refresh Tokens*).
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The scopes that a client without a token is told to request (*2025-11-25, Authorization, Scope
    /// Selection Strategy*). Default: none, and clients request those of [`ProtectedResource::scopes`].
    pub fn initial_scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.initial_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// A name for people to read.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The URL of a page for developers.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Declares that tokens for the origin as a whole are accepted, too: the root then has a document, where
    /// clients look second. By default the root has one only if the server has a single endpoint: the
    /// document of that endpoint.
    pub fn takes_origin(mut self) -> Self {
        self.takes_origin = true;
        self
    }

    /// The metadata of the authorization server (RFC 8414), published unchanged, for clients of 2025-03-26,
    /// which look for it only here (*2025-03-26, Authorization, Server Metadata Discovery*). Default: none.
    pub fn authorization_server_metadata(mut self, metadata: Value) -> Self {
        self.server_metadata = Some(metadata);
        self
    }

    /// The documents for these endpoints, by the paths that clients use.
    ///
    /// # Errors
    ///
    /// Says what cannot be published.
    pub(crate) fn publish(&self, endpoints: &[String]) -> Result<Published, String> {
        self.check()?;
        let mut published = Published {
            documents: Vec::new(),
            initial_scopes: self.initial_scopes.clone(),
        };
        for endpoint in endpoints {
            let plain = endpoint.strip_suffix('/').unwrap_or(endpoint);
            // Both forms are the same endpoint, and a client compares the document with its own form
            // character by character (SPEC F-22).
            for path in [plain, &format!("{plain}/")] {
                // SPEC F-21: if the path is only a slash, the document is at the well-known path itself.
                let place = match path {
                    "" => continue,
                    "/" => "",
                    path => path,
                };
                self.add(&mut published, place, &format!("{}{path}", self.origin));
            }
        }
        match endpoints {
            _ if self.takes_origin => self.add(&mut published, "", &self.origin),
            [only] => self.add(&mut published, "", &format!("{}{only}", self.origin)),
            _ => {}
        }
        if let Some(metadata) = &self.server_metadata {
            published.documents.push(Document {
                path: SERVER_WELL_KNOWN.to_owned(),
                url: format!("{}{SERVER_WELL_KNOWN}", self.origin).into(),
                body: metadata.to_string().into(),
            });
        }
        Ok(published)
    }

    /// Adds a document; an existing one for the same path takes precedence.
    fn add(&self, published: &mut Published, place: &str, resource: &str) {
        let path = format!("{WELL_KNOWN}{place}");
        if published.document(&path).is_none() {
            published.documents.push(Document {
                url: format!("{}{path}", self.origin).into(),
                body: self.document(resource).to_string().into(),
                path,
            });
        }
    }

    /// SPEC F-22 to F-25.
    fn document(&self, resource: &str) -> Value {
        let mut document = json!({
            "resource": resource,
            "authorization_servers": self.issuers,
            "bearer_methods_supported": ["header"],
        });
        if !self.scopes.is_empty() {
            document["scopes_supported"] = json!(self.scopes);
        }
        if let Some(name) = &self.name {
            document["resource_name"] = name.as_str().into();
        }
        if let Some(url) = &self.documentation {
            document["resource_documentation"] = url.as_str().into();
        }
        document
    }

    fn check(&self) -> Result<(), String> {
        if !is_safe(&self.origin) {
            return Err(format!(
                "{:?} is not the origin of a protected resource: https, or http with a loopback host, \
                 and no path",
                self.origin
            ));
        }
        // SPEC F-24.
        if self.issuers.is_empty() {
            return Err("a protected resource needs an authorization server".to_owned());
        }
        let is_issuer = |issuer: &&String| split(issuer).is_some_and(|(origin, _)| is_safe(origin));
        if let Some(issuer) = self.issuers.iter().find(|issuer| !is_issuer(issuer)) {
            return Err(format!(
                "{issuer:?} is not the URL of an authorization server: https, or http with a loopback \
                 host, without query and fragment"
            ));
        }
        let mut scopes = self.scopes.iter().chain(&self.initial_scopes);
        if let Some(scope) = scopes.find(|scope| !is_askable(scope)) {
            return Err(format!(
                "{scope:?} is not a scope that clients may be asked for"
            ));
        }
        if !self.server_metadata.as_ref().is_none_or(Value::is_object) {
            return Err("the metadata of an authorization server is a JSON object".to_owned());
        }
        Ok(())
    }
}

/// SPEC F-17: TLS, except for loopback.
fn is_safe(origin: &str) -> bool {
    match Origin::parse(origin) {
        Some(Origin::Web {
            scheme: Scheme::Https,
            ..
        }) => true,
        Some(origin) => origin.is_loopback(),
        None => false,
    }
}

/// Whether two URLs name the same protected resource. Use it to compare the audience of a token with an
/// identifier of this server (*2025-11-25, Authorization, Canonical Server URI*). The case of scheme and
/// host, a default port and one slash at the end do not matter; the rest is compared character by character,
/// never by prefix.
///
/// ```
/// use mcp_wire::auth::same_resource;
/// assert!(same_resource("HTTPS://Api.Example.com:443/mcp/", "https://api.example.com/mcp"));
/// assert!(!same_resource("https://api.example.com/mcp2", "https://api.example.com/mcp"));
/// ```
#[must_use]
pub fn same_resource(one: &str, other: &str) -> bool {
    let parts = |text| {
        let (origin, path) = split(text)?;
        Some((
            Origin::parse(origin)?,
            path.strip_suffix('/').unwrap_or(path),
        ))
    };
    match (parts(one), parts(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// A URL as origin and path; `None` for a URL without an origin, or with a query or fragment.
fn split(url: &str) -> Option<(&str, &str)> {
    let scheme = url.find("://")?;
    let path = url[scheme + 3..].find('/');
    let path = path.map_or(url.len(), |path| scheme + 3 + path);
    let is_plain = !url.contains(['?', '#']);
    is_plain.then(|| url.split_at(path))
}

/// The documents as they are served.
#[derive(Debug)]
pub(crate) struct Published {
    documents: Vec<Document>,
    initial_scopes: Vec<String>,
}

#[derive(Debug)]
struct Document {
    path: String,
    url: Arc<str>,
    body: Bytes,
}

impl Published {
    /// Whether a path is that of a document, or below the well-known path (SPEC F-28).
    pub(crate) fn owns(&self, path: &str) -> bool {
        let below = path.strip_prefix(WELL_KNOWN);
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || self.document(path).is_some()
    }

    pub(crate) fn document(&self, path: &str) -> Option<&Bytes> {
        let mut documents = self.documents.iter();
        let found = documents.find(|document| document.path == path)?;
        Some(&found.body)
    }

    /// The URL of an endpoint's document, by the path that its client used.
    pub(crate) fn url_for(&self, endpoint: &str) -> Option<&Arc<str>> {
        let place = if endpoint == "/" { "" } else { endpoint };
        let is_its = |document: &&Document| {
            let rest = document.path.strip_prefix(WELL_KNOWN);
            rest == Some(place)
        };
        self.documents.iter().find(is_its).map(|found| &found.url)
    }

    pub(crate) fn initial_scopes(&self) -> &[String] {
        &self.initial_scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource() -> ProtectedResource {
        ProtectedResource::new("https://h.example", ["https://as.example/tenant"])
    }

    fn identifier(published: &Published, path: &str) -> Option<String> {
        let document: Value = serde_json::from_slice(published.document(path)?).unwrap();
        Some(document["resource"].as_str().unwrap().to_owned())
    }

    /// SPEC F-21 to F-23, F-26, J-22: where each document is, and which resource it names.
    #[test]
    fn each_endpoint_has_its_document() {
        #[track_caller]
        fn check(endpoints: &[&str], at: &str, identifies: Option<&str>) {
            let endpoints: Vec<_> = endpoints.iter().map(|path| (*path).to_owned()).collect();
            let published = resource().publish(&endpoints).unwrap();
            let path = format!("{WELL_KNOWN}{at}");
            assert_eq!(identifier(&published, &path).as_deref(), identifies, "{at}");
            assert!(published.owns(&path));
        }
        let both = ["/mcp", "/sse"];
        check(&both, "/mcp", Some("https://h.example/mcp"));
        check(&both, "/mcp/", Some("https://h.example/mcp/"));
        check(&both, "/sse", Some("https://h.example/sse"));
        check(&both, "", None);
        check(&both, "/other", None);
        check(
            &["/a/b/mcp/"],
            "/a/b/mcp",
            Some("https://h.example/a/b/mcp"),
        );
        check(&["/mcp"], "", Some("https://h.example/mcp"));
        check(&["/"], "", Some("https://h.example/"));
        let published = resource().takes_origin().publish(&both.map(Into::into));
        let published = published.unwrap();
        let root = identifier(&published, WELL_KNOWN);
        assert_eq!(root.as_deref(), Some("https://h.example"));
        assert!(!published.owns("/.well-known/oauth-protected-resources"));
        assert!(!published.owns(SERVER_WELL_KNOWN) && !published.owns("/mcp"));
        for (endpoint, url) in [("/mcp", "/mcp"), ("/mcp/", "/mcp/"), ("/sse", "/sse")] {
            let expected = format!("https://h.example{WELL_KNOWN}{url}");
            assert_eq!(&**published.url_for(endpoint).unwrap(), expected);
        }
    }

    /// SPEC F-24, F-25: a document has what is set, and no empty lists.
    #[test]
    fn a_document_says_what_it_has() {
        let plain = resource().document("https://h.example/mcp");
        assert_eq!(
            plain,
            json!({
                "resource": "https://h.example/mcp",
                "authorization_servers": ["https://as.example/tenant"],
                "bearer_methods_supported": ["header"],
            })
        );
        let full = resource()
            .scopes(["a", "b"])
            .name("Notes")
            .documentation("https://h.example/docs")
            .document("x");
        assert_eq!(full["scopes_supported"], json!(["a", "b"]));
        assert_eq!(full["resource_name"], "Notes");
        assert_eq!(full["resource_documentation"], "https://h.example/docs");
    }

    /// SPEC F-14, F-17, F-24: values that must not be published fail the build.
    #[test]
    fn what_misleads_clients_is_not_published() {
        #[track_caller]
        fn check(resource: ProtectedResource, is_fine: bool) {
            let published = resource.publish(&["/mcp".to_owned()]);
            assert_eq!(published.is_ok(), is_fine, "{resource:?}");
        }
        let of = |origin: &str| ProtectedResource::new(origin, ["https://as.example"]);
        check(resource(), true);
        check(of("http://127.0.0.1:8000"), true);
        check(of("http://localhost"), true);
        check(of("http://h.example"), false);
        check(of("https://h.example/"), false);
        check(of("https://h.example/mcp"), false);
        check(of("h.example"), false);
        check(of("null"), false);
        check(ProtectedResource::new("https://h.example", [""; 0]), false);
        for issuer in [
            "as.example",
            "http://as.example",
            "https://as.example/#x",
            "ftp://a",
        ] {
            check(ProtectedResource::new("https://h.example", [issuer]), false);
        }
        for scope in ["offline_access", "a b", "", "a\"b"] {
            check(resource().scopes([scope]), false);
            check(resource().initial_scopes([scope]), false);
        }
        check(resource().authorization_server_metadata(json!([])), false);
        check(resource().authorization_server_metadata(json!({})), true);
    }

    /// SPEC F-7.
    #[test]
    fn identifiers_are_compared_as_urls() {
        let own = "https://api.ex.com/mcp";
        for (other, is_same) in [
            ("https://api.ex.com/mcp", true),
            ("HTTPS://API.EX.com/mcp/", true),
            ("https://api.ex.com:443/mcp", true),
            ("https://api.ex.com:8443/mcp", false),
            ("http://api.ex.com/mcp", false),
            ("https://api.ex.com/mcp//", false),
            ("https://api.ex.com/mcp2", false),
            ("https://api.ex.com/MCP", false),
            ("https://api.ex.com/", false),
            ("https://api.ex.com/mcp?x", false),
            ("https://api.ex.com/mcp#x", false),
            ("https://u@api.ex.com/mcp", false),
            ("https://api.ex.com.evil/mcp", false),
            ("", false),
        ] {
            assert_eq!(same_resource(own, other), is_same, "{other}");
            assert_eq!(same_resource(other, own), is_same, "{other}");
        }
        assert!(same_resource("https://h", "https://h/"));
        assert!(same_resource("an opaque audience", "an opaque audience"));
    }
}
