//! [`StaticTokens`]: an authorizer with a fixed list of tokens.

use std::fmt;
use std::future::ready;
use std::hint::black_box;
use std::net::SocketAddr;

use hyper::http::request::Parts;

use super::authorizer::Authorizer;
use super::identity::Identity;
use crate::error::Error;
use crate::protocol::bearer::{bearer_token, is_b64token};
use crate::protocol::challenge::Challenge;
use crate::transport::future::BoxFuture;

/// Admits requests with one of these bearer tokens, for a server whose clients are known.
///
/// A token should be a long random text, such as 32 bytes in Base64. Read it from the environment or a
/// file; do not write it into the source. The time of a comparison reveals only the lengths of the tokens.
///
/// ```
/// use mcp_wire::McpService;
/// use mcp_wire::auth::{Identity, StaticTokens};
///
/// # fn example(dispatcher: impl mcp_wire::Dispatcher, token: &str) -> Result<(), mcp_wire::Error> {
/// let tokens = StaticTokens::new().token(token, Identity::new("ci").scopes(["deploy"]));
/// let mcp = McpService::builder(dispatcher).authorizer(tokens).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "it does nothing until it is given to a builder"]
pub struct StaticTokens(Vec<(Box<[u8]>, Identity)>);

impl StaticTokens {
    /// No tokens: every request is refused.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token and the identity of its owner. If a token is added twice, the last identity counts.
    ///
    /// A token consists of letters, digits and `-._~+/`, with `=` at its end (*RFC 6750, 2.1*). Another text,
    /// such as a line of a file with its line break, fails the build of the service. The error names the
    /// principal, and does not have the token.
    pub fn token(mut self, token: impl AsRef<str>, identity: Identity) -> Self {
        self.0.push((token.as_ref().as_bytes().into(), identity));
        self
    }

    /// Compares all of them, even after a match.
    fn find(&self, token: &[u8]) -> Option<&Identity> {
        let mut found = None;
        for (own, identity) in &self.0 {
            if is_same(own, token) {
                found = Some(identity);
            }
        }
        found
    }
}

/// Its time depends only on the length of `given`.
fn is_same(own: &[u8], given: &[u8]) -> bool {
    let mut difference = own.len() ^ given.len();
    for (at, byte) in given.iter().enumerate() {
        let own = own.get(at).copied().unwrap_or_default();
        // Keeps the compiler from leaving the loop early.
        difference = black_box(difference | usize::from(own ^ byte));
    }
    difference == 0
}

impl Authorizer for StaticTokens {
    fn authorize(
        &self,
        head: &Parts,
        _: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        let verdict = bearer_token(&head.headers, &head.uri).and_then(|token| {
            let found = self.find(token.as_bytes());
            found.cloned().ok_or_else(Challenge::invalid_token)
        });
        Box::pin(ready(verdict))
    }

    fn check(&self) -> Result<(), Error> {
        let is_unusable = |(token, _): &&(Box<[u8]>, _)| !is_token(token);
        let Some((token, identity)) = self.0.iter().find(is_unusable) else {
            return Ok(());
        };
        let hint = match token.trim_ascii() {
            [] => "it is empty",
            trimmed if is_token(trimmed) => "it has white space around it: trim it",
            _ => "it has other characters",
        };
        Err(Error::setup(format!(
            "no client can send the token of {:?} (`StaticTokens::token`): a token is letters, digits and \
             `-._~+/`, with `=` at its end, and {hint}",
            identity.principal()
        )))
    }
}

fn is_token(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(is_b64token)
}

/// Prints how many tokens there are, and none of them.
impl fmt::Debug for StaticTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokens")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC G-45: equal is equal, and nothing else is.
    #[test]
    fn a_token_is_found_by_all_of_its_bytes() {
        let tokens = StaticTokens::new()
            .token("abcdef", Identity::new("ada"))
            .token("abcdeg", Identity::new("bob"));
        let found = |token: &str| tokens.find(token.as_bytes()).map(Identity::principal);
        assert_eq!(found("abcdef"), Some("ada"));
        assert_eq!(found("abcdeg"), Some("bob"));
        for token in ["", "a", "abcde", "abcdeff", "abcdef\0", "Abcdef", "abcdeh"] {
            assert_eq!(found(token), None, "{token}");
        }
        assert!(StaticTokens::new().find(b"").is_none());
    }

    /// FIELD S-21: a token that no request can carry is refused, and stays secret.
    #[test]
    fn a_token_that_no_client_can_send_is_refused() {
        let check = |token: &str| {
            StaticTokens::new()
                .token(token, Identity::new("ada"))
                .check()
        };
        for token in ["abcdef", "a+b/c-d._~==", "x"] {
            assert!(check(token).is_ok(), "{token}");
        }
        for (token, hint) in [
            ("abcdef\n", "trim it"),
            (" abcdef", "trim it"),
            ("abc def", "other characters"),
            ("abc=def", "other characters"),
            ("abc\u{e9}", "other characters"),
            ("", "empty"),
            ("\n", "empty"),
        ] {
            let error = check(token).unwrap_err().to_string();
            assert!(error.contains("\"ada\"") && error.contains(hint), "{error}");
            assert!(!error.contains("abc"), "{error}");
        }
    }

    /// SPEC F-53, G-13.
    #[test]
    fn tokens_are_not_printed() {
        let tokens = StaticTokens::new().token("abcdef", Identity::new("ada"));
        assert_eq!(format!("{tokens:?}"), "StaticTokens { len: 1, .. }");
    }
}
