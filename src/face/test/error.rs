//! [`Error`]: why a request of a test failed.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::Value;

use super::question::Question;
use crate::wire::jsonrpc::ErrorObject;

/// Why a request of a [`Client`](super::Client) failed. Printed, it is a sentence that says what came
/// instead of an answer.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    /// The request that failed, once that is known.
    what: Option<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// A JSON-RPC error.
    Answered(ErrorObject, Option<Refused>),
    /// An HTTP status without a JSON-RPC error.
    Refused(Refused),
    /// Nothing, and the stream is over.
    Ended,
    TimedOut(Duration),
    /// A question that the test does not answer.
    Unanswered(Question),
    /// Something else, in words.
    Unexpected(String),
}

/// A response whose status says that the request was not served.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Error {
    fn new(kind: Kind) -> Self {
        Self(Box::new(Inner { what: None, kind }))
    }

    /// A response with a status that says no.
    pub(super) fn refused(status: StatusCode, headers: HeaderMap, body: &[u8]) -> Self {
        let error = serde_json::from_slice(body).ok();
        let error = error.and_then(|mut body: Value| read_error(body["error"].take()));
        let refused = Refused {
            status,
            headers,
            body: String::from_utf8_lossy(body).into_owned(),
        };
        Self::new(match error {
            Some(error) => Kind::Answered(error, Some(refused)),
            None => Kind::Refused(refused),
        })
    }

    /// The error of an answer.
    pub(super) fn answered(error: Value) -> Self {
        let text = error.to_string();
        match read_error(error) {
            Some(error) => Self::new(Kind::Answered(error, None)),
            None => Self::unexpected(format!(
                "an error that is not one of JSON-RPC came instead of an answer: {text}"
            )),
        }
    }

    pub(super) fn ended() -> Self {
        Self::new(Kind::Ended)
    }

    pub(super) fn timed_out(patience: Duration) -> Self {
        Self::new(Kind::TimedOut(patience))
    }

    pub(super) fn unanswered(question: Question) -> Self {
        Self::new(Kind::Unanswered(question))
    }

    /// `what` is a clause that says what came.
    pub(super) fn unexpected(what: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected(what.into()))
    }

    /// The same error, of this request unless it is already that of another.
    pub(super) fn of(mut self, what: impl Into<String>) -> Self {
        self.0.what.get_or_insert_with(|| what.into());
        self
    }

    fn error(&self) -> Option<&ErrorObject> {
        match &self.0.kind {
            Kind::Answered(error, _) => Some(error),
            _ => None,
        }
    }

    fn response(&self) -> Option<&Refused> {
        match &self.0.kind {
            Kind::Answered(_, Some(refused)) | Kind::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// The code of the JSON-RPC error, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.error().map(ErrorObject::code)
    }

    /// The text of the JSON-RPC error. Empty if there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        self.error().map_or("", ErrorObject::message)
    }

    /// The `data` of the JSON-RPC error, if there is any.
    #[must_use]
    pub fn data(&self) -> Option<&Value> {
        self.error().and_then(ErrorObject::data)
    }

    /// The HTTP status, if it refused the request. `None` if the request was served and answered with an
    /// error.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.response().map(|response| response.status.as_u16())
    }

    /// A header of the response that refused the request, such as `www-authenticate`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response()?.headers.get(name)?.to_str().ok()
    }

    /// The body of the response that refused the request. Empty if there is none.
    #[must_use]
    pub fn body(&self) -> &str {
        self.response().map_or("", |response| &response.body)
    }

    /// Whether nothing came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, Kind::TimedOut(_))
    }
}

fn read_error(error: Value) -> Option<ErrorObject> {
    let code = error.get("code")?.as_i64()?;
    let message = error.get("message")?.as_str()?.to_owned();
    let read = ErrorObject::new(code, message);
    Some(match error.get("data") {
        Some(data) => read.with_data(data.clone()),
        None => read,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { what, kind } = &*self.0;
        let what = what.as_deref().unwrap_or("the request");
        match kind {
            Kind::Answered(error, refused) => {
                write!(f, "{what} was answered with the error {}", error.code())?;
                if let Some(refused) = refused {
                    write!(f, " and the status {}", refused.status)?;
                }
                write!(f, ": {}", error.message())
            }
            Kind::Refused(refused) if refused.body.is_empty() => {
                write!(f, "{what} was refused with the status {}", refused.status)
            }
            Kind::Refused(refused) => write!(
                f,
                "{what} was refused with the status {}: {}",
                refused.status, refused.body
            ),
            Kind::Ended => write!(f, "the stream ended before {what} was answered"),
            Kind::TimedOut(patience) => write!(f, "{what} was not answered within {patience:?}"),
            Kind::Unanswered(question) => write!(
                f,
                "{what} led to the question {question}, and the client has no answer to it \
                 (`Client::on_elicit`, `on_sample` or `on_roots`)"
            ),
            Kind::Unexpected(came) => write!(f, "{what} failed: {came}"),
        }
    }
}

impl std::error::Error for Error {}
