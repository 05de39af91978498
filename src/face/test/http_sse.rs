//! [`HttpSse`]: a client of 2024-11-05. Its answers come on the stream that it opened.

use std::sync::Arc;

use serde_json::Value;

use super::error::Error;
use super::http::{Http, Incoming};
use super::post::{Post, Unanswered, message, result_of};
use crate::wire::sse::EventName;

pub(super) struct HttpSse {
    pub(super) post: Arc<Post>,
}

impl HttpSse {
    /// Opens the stream, and reads from it where messages go.
    pub(super) async fn open(http: &Arc<Http>) -> Result<Self, Error> {
        let path = http.mcp.sse_path();
        let path = path.ok_or_else(|| {
            Error::unexpected("this revision needs HTTP+SSE, which the service has switched off")
        })?;
        let mut stream = http.get(path, Vec::new()).await?;
        let first = stream.event().await.ok_or_else(Error::ended)?;
        if first.name != EventName::Endpoint.as_str() {
            let came = format!("an event {:?} came instead of `endpoint`", first.name);
            return Err(Error::unexpected(came));
        }
        let post = Arc::new(Post {
            http: Arc::clone(http),
            path: first.data,
            headers: Vec::new(),
        });
        http.inbox.listen(None, read(Arc::clone(&post), stream));
        Ok(Self { post })
    }

    pub(super) async fn request(&self, method: &str, params: &Value) -> Result<Value, Error> {
        let http = &self.post.http;
        let id = http.next_id();
        let answer = http.inbox.expect(id);
        let unanswered = Unanswered::new(&self.post, id);
        let answered = match self.post.send(&message(Some(id), method, params)).await {
            Ok(_) => answer.await.map_err(|_| Error::ended()),
            Err(refused) => Err(refused),
        };
        unanswered.end();
        result_of(answered?)
    }
}

/// Reads the stream to its end.
async fn read(post: Arc<Post>, mut stream: Incoming) {
    while let Ok(Some(message)) = stream.message().await {
        // A message that the client does not understand is no answer, and its call waits on.
        if let Ok(Some((id, answer))) = post.receive(message).await {
            post.http.inbox.answer(id, answer);
        }
    }
}
