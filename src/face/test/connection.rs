//! [`Connection`]: a client that has begun to talk to the server, in the form of its revision.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::Error;
use super::http::Http;
use super::http_sse::HttpSse;
use super::inbox::Inbox;
use super::post::Post;
use super::profile::Profile;
use super::stateless::Stateless;
use super::streamable::Streamable;
use crate::transport::service::McpService;
use crate::wire::method::Method;
use crate::wire::version::ProtocolVersion;

pub(super) struct Connection {
    line: Line,
    shape: Shape,
    /// The answer to `initialize`. `null` in 2026-07-28, which has no handshake.
    hello: Value,
}

enum Shape {
    HttpSse(HttpSse),
    Streamable(Streamable),
    Stateless(Stateless),
}

/// Dropping it ends what the client reads: it goes away without a word.
struct Line(Arc<Http>);

impl Drop for Line {
    fn drop(&mut self) {
        self.0.inbox.hang_up();
    }
}

impl Connection {
    /// Makes the handshake of the revision, if it has one.
    pub(super) async fn open(mcp: McpService, profile: Arc<Profile>) -> Result<Self, Error> {
        let line = Line(Arc::new(Http::new(mcp, profile)));
        let http = &line.0;
        let version = http.profile.version;
        let (shape, hello) = match version {
            ProtocolVersion::V2024_11_05 => {
                let shape = HttpSse::open(http).await?;
                let params = hello(&http.profile);
                let hello = shape.request(Method::Initialize.as_str(), &params).await?;
                (Shape::HttpSse(shape), hello)
            }
            ProtocolVersion::V2025_03_26
            | ProtocolVersion::V2025_06_18
            | ProtocolVersion::V2025_11_25 => {
                let (shape, hello) = Streamable::open(http, &hello(&http.profile)).await?;
                (Shape::Streamable(shape), hello)
            }
            ProtocolVersion::V2026_07_28 => (Shape::Stateless(Stateless::new(http)?), Value::Null),
        };
        let connection = Self { line, shape, hello };
        connection.greet(version).await?;
        Ok(connection)
    }

    /// The rest of the handshake of the legacy era.
    async fn greet(&self, version: ProtocolVersion) -> Result<(), Error> {
        let Some(post) = self.post() else {
            return Ok(());
        };
        let settled = &self.hello["protocolVersion"];
        if *settled != version.as_str() {
            return Err(Error::unexpected(format!(
                "the server answered to {version} with the revision {settled}"
            )));
        }
        post.notify(Method::Initialized.as_str(), &Value::Null)
            .await?;
        if let Shape::Streamable(shape) = &self.shape {
            shape.listen().await?;
        }
        if let Some(level) = post.http.profile.log_level {
            let params = json!({"level": level.as_str()});
            self.request(Method::LoggingSetLevel.as_str(), &params)
                .await?;
        }
        Ok(())
    }

    /// The way into the session, in the legacy era.
    fn post(&self) -> Option<&Post> {
        match &self.shape {
            Shape::HttpSse(shape) => Some(&shape.post),
            Shape::Streamable(shape) => Some(&shape.post),
            Shape::Stateless(_) => None,
        }
    }

    pub(super) fn inbox(&self) -> &Inbox {
        &self.line.0.inbox
    }

    /// A token for the progress of a call.
    pub(super) fn token(&self) -> Value {
        self.line.0.next_id().into()
    }

    pub(super) async fn request(&self, method: &str, params: &Value) -> Result<Value, Error> {
        match &self.shape {
            Shape::HttpSse(shape) => shape.request(method, params).await,
            Shape::Streamable(shape) => shape.request(method, params).await,
            Shape::Stateless(shape) => shape.request(method, params).await,
        }
    }

    pub(super) async fn notify(&self, method: &str, params: &Value) -> Result<(), Error> {
        match &self.shape {
            Shape::HttpSse(shape) => shape.post.notify(method, params).await,
            Shape::Streamable(shape) => shape.post.notify(method, params).await,
            Shape::Stateless(shape) => shape.notify(method, params).await,
        }
    }

    /// What the server says of itself.
    pub(super) async fn server(&self) -> Result<Value, Error> {
        match &self.shape {
            Shape::HttpSse(_) | Shape::Streamable(_) => Ok(self.hello.clone()),
            Shape::Stateless(shape) => {
                let discover = Method::ServerDiscover;
                shape.request(discover.as_str(), &Value::Null).await
            }
        }
    }

    pub(super) async fn subscribe(&self, uri: &str) -> Result<(), Error> {
        match &self.shape {
            Shape::HttpSse(_) | Shape::Streamable(_) => {
                let method = Method::ResourcesSubscribe;
                self.request(method.as_str(), &json!({ "uri": uri }))
                    .await?;
            }
            Shape::Stateless(shape) => {
                let filter = json!({"resourceSubscriptions": [uri]});
                let honoured = shape.listen(Some(uri), &filter).await?;
                if honoured != filter {
                    self.inbox().ignore(uri);
                    return Err(Error::unexpected(format!(
                        "the server acknowledged {honoured} instead of the subscription"
                    )));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn unsubscribe(&self, uri: &str) -> Result<(), Error> {
        match &self.shape {
            Shape::HttpSse(_) | Shape::Streamable(_) => {
                let method = Method::ResourcesUnsubscribe;
                self.request(method.as_str(), &json!({ "uri": uri }))
                    .await?;
            }
            Shape::Stateless(_) => self.inbox().ignore(uri),
        }
        Ok(())
    }

    /// Listens to what a filter asks for, in the form of `subscriptions/listen`.
    pub(super) async fn listen(&self, filter: Value) -> Result<Value, Error> {
        if let Shape::Stateless(shape) = &self.shape {
            return shape.listen(None, &filter).await;
        }
        // Changes of lists come without a request.
        let uris = filter["resourceSubscriptions"].as_array();
        for uri in uris.into_iter().flatten().filter_map(Value::as_str) {
            self.subscribe(uri).await?;
        }
        Ok(filter)
    }

    /// Ends the session, and the streams of the client.
    pub(super) async fn leave(&self) -> Result<(), Error> {
        if let Shape::Streamable(shape) = &self.shape {
            shape.leave().await?;
        }
        for reader in self.inbox().hang_up() {
            // The stream is dropped with its task.
            let _ = reader.await;
        }
        Ok(())
    }
}

/// The params of `initialize`.
fn hello(profile: &Profile) -> Value {
    json!({
        "protocolVersion": profile.version.as_str(),
        "capabilities": profile.capabilities(),
        "clientInfo": profile.info(),
    })
}
