//! An authorizer for access tokens that are JWTs (RFC 9068).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use hyper::http::request::Parts;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use mcp_wire::BoxFuture;
use mcp_wire::auth::{Authorizer, Challenge, Identity, bearer_token, same_resource};
use serde_json::Value;
use tokio::sync::RwLock;
use tokio::time::Instant;

use crate::fallible::Fallible;
use crate::http;

/// The minimum time between two requests for the keys, so that tokens with invented key ids do not cause more.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) struct JwtAuthorizer(Arc<Inner>);

struct Inner {
    issuer: String,
    /// The identifiers of this server. Tokens for other servers are refused (SPEC F-5).
    audiences: [String; 2],
    keys: RwLock<Keys>,
}

struct Keys {
    set: JwkSet,
    fetched: Instant,
    /// Whether the last request for the keys failed.
    is_unreachable: bool,
}

impl JwtAuthorizer {
    /// Accepts tokens of this issuer. Its metadata (RFC 8414) has the URL of its keys.
    pub(crate) async fn new(issuer: &str, audiences: [String; 2]) -> Fallible<Self> {
        let keys = Keys {
            set: fetch_keys(issuer).await?,
            fetched: Instant::now(),
            is_unreachable: false,
        };
        Ok(Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            audiences,
            keys: RwLock::new(keys),
        })))
    }
}

async fn fetch_keys(issuer: &str) -> Fallible<JwkSet> {
    let metadata = http::get(&format!("{issuer}/.well-known/oauth-authorization-server")).await?;
    let metadata: Value = serde_json::from_str(&metadata.body)?;
    if metadata["issuer"] != issuer {
        return Err("the metadata belongs to another issuer".into());
    }
    let keys = http::get(
        metadata["jwks_uri"]
            .as_str()
            .ok_or("the metadata has no jwks_uri")?,
    )
    .await?;
    Ok(serde_json::from_str(&keys.body)?)
}

impl Authorizer for JwtAuthorizer {
    fn authorize(
        &self,
        head: &Parts,
        _: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        let token = bearer_token(&head.headers, &head.uri).map(ToOwned::to_owned);
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.identify(&token?).await })
    }
}

impl Inner {
    async fn identify(&self, token: &str) -> Result<Identity, Challenge> {
        // The client does not learn why a token is refused (SPEC F-8).
        let refused = |_| Challenge::invalid_token();
        let header = decode_header(token).map_err(refused)?;
        // An ID token is signed with the same keys, but it is not an access token.
        let is_access = header
            .typ
            .as_deref()
            .is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt"));
        let name = header
            .kid
            .filter(|_| is_access)
            .ok_or_else(Challenge::invalid_token)?;
        let key = self.key(&name).await?;
        // The server chooses the algorithm, never the token.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
        validation.set_issuer(&[&self.issuer]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        // Resource identifiers are URLs, and are compared as URLs below (SPEC F-7).
        validation.validate_aud = false;
        let claims = decode::<Value>(token, &key, &validation)
            .map_err(refused)?
            .claims;
        if !self.is_for_us(&claims["aud"]) {
            return Err(Challenge::invalid_token());
        }
        let text = |name: &str| claims[name].as_str().unwrap_or_default();
        let expires = Duration::from_secs(claims["exp"].as_u64().unwrap_or_default());
        // A subject is unique only within its issuer.
        let identity = Identity::new(format!("{} {}", self.issuer, text("sub")));
        Ok(identity
            .client(text("client_id"))
            .scopes(text("scope").split_whitespace())
            .expires_at(UNIX_EPOCH + expires)
            .attach(claims.clone()))
    }

    fn is_for_us(&self, audience: &Value) -> bool {
        let is_ours = |audience: &Value| {
            let audience = audience.as_str().unwrap_or_default();
            self.audiences
                .iter()
                .any(|own| same_resource(own, audience))
        };
        match audience {
            Value::Array(audiences) => audiences.iter().any(is_ours),
            audience => is_ours(audience),
        }
    }

    /// The key with this id. An unknown key may be new, so the authorizer asks the issuer. If the issuer does not
    /// answer, the token can be neither accepted nor refused (SPEC F.1 row 8).
    async fn key(&self, name: &str) -> Result<DecodingKey, Challenge> {
        let find = |set: &JwkSet| set.find(name).map(DecodingKey::from_jwk);
        if let Some(key) = find(&self.keys.read().await.set) {
            return key.map_err(|_| Challenge::invalid_token());
        }
        let mut keys = self.keys.write().await;
        if keys.fetched.elapsed() >= PAUSE {
            let fetched = fetch_keys(&self.issuer).await;
            keys.fetched = Instant::now();
            keys.is_unreachable = fetched.is_err();
            // Known keys remain valid while the issuer is down.
            if let Ok(set) = fetched {
                keys.set = set;
            }
        }
        match find(&keys.set) {
            Some(Ok(key)) => Ok(key),
            None if keys.is_unreachable => Err(Challenge::unavailable()),
            _ => Err(Challenge::invalid_token()),
        }
    }
}
