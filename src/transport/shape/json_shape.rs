//! [`JsonShape`]: whether a JSON answer is one message or an array of messages.

use hyper::{Response, StatusCode};

use crate::transport::answer::response::json_response;
use crate::transport::stream::body::ResponseBody;
use crate::wire::pieces::{PieceWriter, Pieces, SHARED_FROM};

/// The shape of a JSON answer, which is that of the request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonShape {
    Object,
    /// An array, even if there is only one answer (SPEC A-67, J-17).
    Array,
}

impl JsonShape {
    /// The response with the answer to one request.
    pub(super) fn response(self, answer: Pieces) -> Response<ResponseBody> {
        match self {
            Self::Object => json_response(StatusCode::OK, answer),
            Self::Array => array_response(&[answer]),
        }
    }
}

/// The response with the answers to a batch.
pub(super) fn array_response(answers: &[Pieces]) -> Response<ResponseBody> {
    let mut out = PieceWriter::with_capacity(SHARED_FROM);
    out.put(b"[");
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            out.put(b",");
        }
        out.share_all(answer.as_slice());
    }
    out.put(b"]");
    json_response(StatusCode::OK, out.finish())
}
