//! A token issuer on this machine. It signs tokens with its own key, and serves its metadata and the JWKS document
//! with the public key. It has no login.

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use p256::SecretKey;
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::EncodePrivateKey;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::fallible::Fallible;

pub(crate) struct Issuer {
    url: String,
    key: EncodingKey,
    serving: JoinHandle<()>,
}

/// The contents of a token.
#[derive(Clone)]
pub(crate) struct Claims {
    pub(crate) audience: String,
    pub(crate) scope: String,
    /// Seconds from now; negative for an expired token.
    pub(crate) lifetime: i64,
    pub(crate) typ: String,
    pub(crate) key_name: String,
}

impl Claims {
    pub(crate) fn new(audience: &str, lifetime: Duration) -> Self {
        Self {
            audience: audience.to_owned(),
            scope: "notes:read".to_owned(),
            lifetime: lifetime.as_secs().cast_signed(),
            typ: "at+jwt".to_owned(),
            key_name: "1".to_owned(),
        }
    }
}

impl Issuer {
    /// Generates a key, and serves its public half on a free port.
    pub(crate) async fn start() -> Fallible<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let key = new_key()?;
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        public.common.key_id = Some("1".to_owned());
        let keys = serde_json::to_value(JwkSet { keys: vec![public] })?;
        let metadata = json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks.json"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        });
        let serving = tokio::spawn(serve(listener, metadata, keys));
        Ok(Self { url, key, serving })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn token(&self, claims: &Claims) -> Fallible<String> {
        self.token_signed_with(&self.key, claims)
    }

    /// A token that is signed with another key.
    pub(crate) fn forged_token(&self, claims: &Claims) -> Fallible<String> {
        self.token_signed_with(&new_key()?, claims)
    }

    fn token_signed_with(&self, key: &EncodingKey, claims: &Claims) -> Fallible<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(claims.key_name.clone());
        header.typ = Some(claims.typ.clone());
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": self.url,
            "sub": "ada",
            "aud": claims.audience,
            "client_id": "example",
            "scope": claims.scope,
            "iat": now,
            "exp": now.saturating_add_signed(claims.lifetime),
        });
        Ok(encode(&header, &claims, key)?)
    }

    /// Stops serving.
    pub(crate) async fn stop(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

fn new_key() -> Fallible<EncodingKey> {
    let key = SecretKey::random(&mut OsRng).to_pkcs8_der()?;
    Ok(EncodingKey::from_ec_der(key.as_bytes()))
}

async fn serve(listener: TcpListener, metadata: Value, keys: Value) {
    let answer = |request: Request<Incoming>| {
        let document = match request.uri().path() {
            "/.well-known/oauth-authorization-server" => metadata.to_string(),
            "/jwks.json" => keys.to_string(),
            _ => "{}".to_owned(),
        };
        let response = Response::new(Full::new(Bytes::from(document)));
        std::future::ready(Ok::<_, Infallible>(response))
    };
    loop {
        // Out of file descriptors, until other connections close.
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Serving one connection at a time is enough here.
        let _ = http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(socket), service_fn(answer))
            .await;
    }
}
