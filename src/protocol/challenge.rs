//! [`Challenge`]: why the credentials of a request do not do, and the `WWW-Authenticate` that says so
//! (SPEC F.1, RFC 6750).

use std::sync::Arc;

use hyper::header::HeaderValue;

/// Why a request is not let in. An [`Authorizer`](crate::auth::Authorizer) gives it; the status and
/// the quoting of `WWW-Authenticate` are the transport's.
///
/// Scopes and descriptions keep to the characters that RFC 6750 allows: a scope with another one is
/// left out, in a description it becomes `?`. So no text can end the header or add a parameter.
///
/// ```
/// use mcp_wire::auth::Challenge;
/// let challenge = Challenge::invalid_token().describe("the token is too old");
/// # let _ = challenge;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    kind: Kind,
    description: Option<String>,
    scopes: Vec<String>,
    /// Where the metadata of the endpoint is, which the transport knows.
    metadata: Option<Arc<str>>,
}

/// The rows of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Missing,
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
    Unavailable,
}

impl Challenge {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            description: None,
            scopes: Vec::new(),
            metadata: None,
        }
    }

    /// No credentials, or of a kind that is not taken here: 401. Says nothing of an error, as RFC
    /// 6750 wants it.
    #[must_use]
    pub fn missing() -> Self {
        Self::new(Kind::Missing)
    }

    /// Credentials that cannot be read: 400, for this reason.
    pub fn invalid_request(description: impl AsRef<str>) -> Self {
        Self::new(Kind::InvalidRequest).describe(description)
    }

    /// A token that is expired, revoked, forged, or not for this server: 401. Which of these it was
    /// is better not told (*RFC 6750, 3*).
    #[must_use]
    pub fn invalid_token() -> Self {
        Self::new(Kind::InvalidToken)
            .describe("the token is expired, revoked or not for this server")
    }

    /// A good token without the scopes that are needed: 403. Name all that the operation needs,
    /// those included that the token has, so that the client asks for a token once (*2025-11-25,
    /// Authorization, Scope Challenge Handling*).
    pub fn insufficient_scope<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self::new(Kind::InsufficientScope)
            .describe("this request needs more scopes")
            .scopes(scopes)
    }

    /// The credentials could not be checked, which is no fault of theirs: 503, never 401, else clients
    /// throw good tokens away.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(Kind::Unavailable)
    }

    /// The scopes to ask a token for, no more than are needed (*2025-11-25, Authorization, Scope
    /// Selection Strategy*). Those of
    /// [`ProtectedResource::initial_scopes`](crate::auth::ProtectedResource::initial_scopes) are
    /// named without it. `offline_access` is left out (*2026-07-28, Authorization, Refresh
    /// Tokens*).
    #[must_use]
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        let scopes = scopes.into_iter().map(Into::into);
        self.scopes = scopes.filter(|scope| is_askable(scope)).collect();
        self
    }

    /// A text for people, which the client gets: nothing that helps to guess a token.
    #[must_use]
    pub fn describe(mut self, description: impl AsRef<str>) -> Self {
        let plain = |char: char| if is_plain(char) { char } else { '?' };
        let description: String = description.as_ref().chars().map(plain).collect();
        self.description = Some(description).filter(|text| !text.is_empty());
        self
    }

    /// The same, at an endpoint whose metadata is at this URL; these scopes are asked for when it
    /// names none itself.
    pub(crate) fn at(mut self, metadata: Option<&Arc<str>>, initial_scopes: &[String]) -> Self {
        self.metadata = metadata.cloned();
        let asks = matches!(self.kind, Kind::Missing | Kind::InvalidToken);
        if asks && self.scopes.is_empty() {
            self.scopes = initial_scopes.to_vec();
        }
        self
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What goes into the body: for clients that do not see the header, with the scopes that are lacking.
    pub(crate) fn message(&self) -> String {
        let text = self.text();
        if self.kind == Kind::InsufficientScope && !self.scopes.is_empty() {
            format!("{text}: {}", self.scopes.join(" "))
        } else {
            text.to_owned()
        }
    }

    fn text(&self) -> &str {
        match (self.kind, &self.description) {
            (_, Some(description)) => description,
            (Kind::Missing, _) => "this request needs credentials",
            (Kind::InvalidRequest, _) => "the credentials cannot be read",
            (Kind::InvalidToken, _) => "the token is not valid",
            (Kind::InsufficientScope, _) => "this request needs more scopes",
            (Kind::Unavailable, _) => "the credentials cannot be checked now, try again later",
        }
    }

    /// The value of `WWW-Authenticate` (SPEC F-8 to F-12); none where the client can do nothing about
    /// it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let error = match self.kind {
            Kind::Missing => None,
            Kind::InvalidRequest => Some("invalid_request"),
            Kind::InvalidToken => Some("invalid_token"),
            Kind::InsufficientScope => Some("insufficient_scope"),
            Kind::Unavailable => return None,
        };
        let mut parameters = Vec::new();
        let mut parameter =
            |name: &str, value: &str| parameters.push(format!("{name}=\"{value}\""));
        if let Some(error) = error {
            parameter("error", error);
            if let Some(description) = &self.description {
                parameter("error_description", description);
            }
        }
        if let Some(metadata) = &self.metadata {
            parameter("resource_metadata", metadata);
        }
        if !self.scopes.is_empty() {
            parameter("scope", &self.scopes.join(" "));
        }
        let separator = if parameters.is_empty() { "" } else { " " };
        let value = format!("Bearer{separator}{}", parameters.join(", "));
        // All that goes in is visible ASCII, so this cannot fail; without the header a 401 still is one.
        HeaderValue::try_from(value).ok()
    }
}

/// Whether a text is a scope of RFC 6750 (SPEC F-8).
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| is_plain(char) && char != ' ')
}

/// Whether a scope may be asked of clients: they decide themselves whether they want to come back
/// without the person (SPEC F-14).
pub(crate) fn is_askable(scope: &str) -> bool {
    is_scope(scope) && scope != "offline_access"
}

/// What a quoted text may hold without an escape: `%x20-21 / %x23-5B / %x5D-7E`.
fn is_plain(char: char) -> bool {
    matches!(char, ' '..='~') && char != '"' && char != '\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(challenge: Challenge, metadata: Option<&str>) -> String {
        let metadata = metadata.map(Arc::from);
        let challenge = challenge.at(metadata.as_ref(), &["read".to_owned()]);
        let header = challenge.header().expect("a header");
        header.to_str().unwrap().to_owned()
    }

    /// SPEC F.1, F-9 to F-12: each row has its parameters.
    #[test]
    fn each_reason_has_its_header() {
        let url = "https://h.example/.well-known/oauth-protected-resource/mcp";
        let at = format!("resource_metadata=\"{url}\"");
        let generic = "the token is expired, revoked or not for this server";
        for (challenge, expected) in [
            (Challenge::missing(), format!("Bearer {at}, scope=\"read\"")),
            (
                Challenge::missing().scopes(["a", "b"]),
                format!("Bearer {at}, scope=\"a b\""),
            ),
            (
                Challenge::invalid_request("two tokens"),
                format!("Bearer error=\"invalid_request\", error_description=\"two tokens\", {at}"),
            ),
            (
                Challenge::invalid_token(),
                format!(
                    "Bearer error=\"invalid_token\", error_description=\"{generic}\", {at}, scope=\"read\""
                ),
            ),
            (
                Challenge::insufficient_scope(["read", "write"]),
                format!(
                    "Bearer error=\"insufficient_scope\", error_description=\"this request needs more scopes\", {at}, scope=\"read write\""
                ),
            ),
        ] {
            assert_eq!(header(challenge, Some(url)), expected);
        }
        assert_eq!(Challenge::missing().header().unwrap(), "Bearer");
        assert_eq!(Challenge::unavailable().header(), None, "never 401");
    }

    /// SPEC F-8, F-14, G-44: no text gets out of its quotes.
    #[test]
    fn nothing_is_injected() {
        let evil = "a\"b\\c\r\nSet-Cookie: x=\u{e9}\u{0}\t~ !";
        let challenge = Challenge::invalid_token().describe(evil).scopes([
            "ok:1",
            "a b",
            "a\"",
            "\\",
            "é",
            "",
            "x\n",
            "offline_access",
        ]);
        assert_eq!(
            header(challenge, None),
            "Bearer error=\"invalid_token\", error_description=\"a?b?c??Set-Cookie: x=???~ !\", \
             scope=\"ok:1\""
        );
        for char in (0..=0xFF).map(char::from) {
            let is_allowed = matches!(char, '\x20'..='\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E');
            assert_eq!(is_plain(char), is_allowed, "{char:?}");
            assert_eq!(is_scope(&char.to_string()), is_allowed && char != ' ');
        }
    }
}
