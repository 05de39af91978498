//! [`Streamable`]: a client of Streamable HTTP, from 2025-03-26 to 2025-11-25.

use std::sync::Arc;

use serde_json::Value;

use super::error::Error;
use super::http::{Headers, Http, Incoming};
use super::post::{Post, Unanswered, message, result_of};
use crate::protocol::header::{LAST_EVENT_ID, MCP_PROTOCOL_VERSION, MCP_SESSION_ID};
use crate::wire::method::Method;

pub(super) struct Streamable {
    pub(super) post: Arc<Post>,
    /// Whether the server keeps a session for the client.
    has_session: bool,
}

impl Streamable {
    /// Opens a session, unless the server keeps none; also gives the answer to `initialize`.
    pub(super) async fn open(http: &Arc<Http>, params: &Value) -> Result<(Self, Value), Error> {
        let mut post = Post {
            http: Arc::clone(http),
            path: mcp_path(http)?,
            headers: Vec::new(),
        };
        let id = http.next_id();
        let hello = message(Some(id), Method::Initialize.as_str(), params);
        let mut incoming = post.send(&hello).await?;
        let session = incoming.header(&MCP_SESSION_ID).map(str::to_owned);
        let answer = answer_to(id, &post, &mut incoming).await?;
        let answer = result_of(answer.ok_or_else(Error::ended)?)?;
        let version = http.profile.version.as_str().to_owned();
        post.headers.push((MCP_PROTOCOL_VERSION, version));
        let has_session = session.is_some();
        post.headers
            .extend(session.map(|session| (MCP_SESSION_ID, session)));
        let post = Arc::new(post);
        Ok((Self { post, has_session }, answer))
    }

    /// Opens the stream for what belongs to no request, as clients in use do.
    pub(super) async fn listen(&self) -> Result<(), Error> {
        if self.has_session {
            let stream = self.get(Vec::new()).await?;
            let post = Arc::clone(&self.post);
            self.post.http.inbox.listen(None, read(post, stream));
        }
        Ok(())
    }

    pub(super) async fn request(&self, method: &str, params: &Value) -> Result<Value, Error> {
        let id = self.post.http.next_id();
        let unanswered = Unanswered::new(&self.post, id);
        let answer = self.answered(id, method, params).await;
        unanswered.end();
        result_of(answer?)
    }

    /// The answer to a request. A connection that ends before it is resumed, as the server wants it in
    /// 2025-11-25.
    async fn answered(&self, id: u64, method: &str, params: &Value) -> Result<Value, Error> {
        let post = &self.post;
        let mut incoming = post.send(&message(Some(id), method, params)).await?;
        loop {
            if let Some(answer) = answer_to(id, post, &mut incoming).await? {
                return Ok(answer);
            }
            let (last, wait) = incoming.resumption().ok_or_else(Error::ended)?;
            tokio::time::sleep(wait).await;
            incoming = self.get(vec![(LAST_EVENT_ID, last)]).await?;
        }
    }

    async fn get(&self, headers: Headers) -> Result<Incoming, Error> {
        let post = &self.post;
        let headers = [post.headers.clone(), headers].concat();
        post.http.get(&post.path, headers).await
    }

    /// Ends the session.
    pub(super) async fn leave(&self) -> Result<(), Error> {
        let post = &self.post;
        if self.has_session {
            post.http.delete(&post.path, post.headers.clone()).await?;
        }
        Ok(())
    }
}

pub(super) fn mcp_path(http: &Http) -> Result<String, Error> {
    let path = http.mcp.mcp_path().map(str::to_owned);
    path.ok_or_else(|| {
        Error::unexpected("this revision needs Streamable HTTP, which the service has switched off")
    })
}

/// Reads a response up to the answer to a request; `None` if it ends before that.
async fn answer_to(id: u64, post: &Post, incoming: &mut Incoming) -> Result<Option<Value>, Error> {
    while let Some(message) = incoming.message().await? {
        match post.receive(message).await? {
            Some((of, answer)) if of == id => return Ok(Some(answer)),
            Some((of, _)) => {
                let came = format!("an answer to the request {of} came instead of one to {id}");
                return Err(Error::unexpected(came));
            }
            None => {}
        }
    }
    Ok(None)
}

/// Reads the stream to its end.
async fn read(post: Arc<Post>, mut stream: Incoming) {
    while let Ok(Some(message)) = stream.message().await {
        // No answer belongs on this stream.
        let _ = post.receive(message).await;
    }
}
