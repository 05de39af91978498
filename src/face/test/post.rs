//! [`Post`]: how a client of the legacy era sends messages into its session, and reads those of the server.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::Error;
use super::http::{Headers, Http, Incoming};
use super::inbox::in_background;
use super::notification::Notification;
use super::question::{Answer, Question};
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::method::Method;

/// Where the messages of a session go.
pub(super) struct Post {
    pub(super) http: Arc<Http>,
    pub(super) path: String,
    pub(super) headers: Headers,
}

/// An answer of the server to the request with this id.
pub(super) type Answered = (u64, Value);

impl Post {
    pub(super) async fn send(&self, message: &Value) -> Result<Incoming, Error> {
        let headers = self.headers.clone();
        self.http.post(&self.path, headers, message).await
    }

    pub(super) async fn notify(&self, method: &str, params: &Value) -> Result<(), Error> {
        self.send(&message(None, method, params)).await.map(drop)
    }

    /// Takes one message of the server: keeps a notification, answers a question, and returns an answer.
    pub(super) async fn receive(&self, message: Value) -> Result<Option<Answered>, Error> {
        match (message["method"].as_str(), message.get("id")) {
            (Some(method), None) => {
                let notification = Notification::new(method, message["params"].clone());
                self.http.inbox.hear(notification);
                Ok(None)
            }
            (Some(method), Some(id)) => {
                let question = Question::new(method, message["params"].clone());
                self.answer(id, &question).await?;
                Ok(None)
            }
            (None, Some(Value::Number(id))) if id.is_u64() => {
                Ok(Some((id.as_u64().unwrap_or_default(), message)))
            }
            (None, _) => Err(Error::unexpected(format!(
                "{message} came, which answers no request of the client"
            ))),
        }
    }

    async fn answer(&self, id: &Value, question: &Question) -> Result<(), Error> {
        let reply = match Method::from(Cow::from(question.method())) {
            Method::Ping => Some(Answer::Result(json!({}))),
            _ => self.http.profile.replies.to(question),
        };
        let unknown = || Answer::Error(ErrorObject::method_not_found(question.method()));
        let message = match reply.unwrap_or_else(unknown) {
            Answer::Result(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Answer::Error(error) => json!({"jsonrpc": "2.0", "id": id, "error":
                {"code": error.code(), "message": error.message(), "data": error.data()}}),
            Answer::Never => return Ok(()),
        };
        self.send(&message).await.map(drop)
    }
}

/// A request with an id, or a notification.
pub(super) fn message(id: Option<u64>, method: &str, params: &Value) -> Value {
    let mut message = json!({"jsonrpc": "2.0", "method": method});
    if let Some(id) = id {
        message["id"] = id.into();
    }
    if !params.is_null() {
        message["params"] = params.clone();
    }
    message
}

/// What an answer says.
pub(super) fn result_of(mut answer: Value) -> Result<Value, Error> {
    match answer.get_mut("error") {
        Some(error) => Err(Error::answered(error.take())),
        None => Ok(answer["result"].take()),
    }
}

/// A request that was sent and not answered. Dropping it cancels the request, as clients of the legacy era
/// do: with a notification (*2025-11-25, Cancellation*).
pub(super) struct Unanswered {
    post: Arc<Post>,
    id: u64,
    is_over: bool,
}

impl Unanswered {
    pub(super) fn new(post: &Arc<Post>, id: u64) -> Self {
        Self {
            post: Arc::clone(post),
            id,
            is_over: false,
        }
    }

    /// The request has come to its end.
    pub(super) fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.post.http.inbox.forget(self.id);
        if self.is_over {
            return;
        }
        let post = Arc::clone(&self.post);
        let params = json!({"requestId": self.id, "reason": "the future was dropped"});
        in_background(async move {
            // A session that has ended needs no cancellation.
            let _ = post.notify(Method::Cancelled.as_str(), &params).await;
        });
    }
}
