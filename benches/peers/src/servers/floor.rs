//! Bare hyper, with one stream for each client.

use std::cell::RefCell;

use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};

use crate::floors::{self, Answer, Stream};

pub(crate) struct Floor {
    answer: Answer,
    /// The members of an answer in addition to the text.
    suffix: &'static str,
    streams: RefCell<Vec<Stream>>,
}

impl Floor {
    pub(crate) fn new(answer: Answer, suffix: &'static str) -> Self {
        Self {
            answer,
            suffix,
            streams: RefCell::default(),
        }
    }

    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Response<Either<Full<Bytes>, Stream>> {
        if request.method() == Method::GET {
            return self.opened();
        }
        match self.stream_of(&request) {
            Some(stream) => floors::event(request, &stream, self.answer).await,
            None => floors::post(request, self.answer, self.suffix).await,
        }
    }

    fn opened(&self) -> Response<Either<Full<Bytes>, Stream>> {
        let stream = Stream::default();
        let mut streams = self.streams.borrow_mut();
        streams.push(stream.clone());
        floors::opened(stream, streams.len() - 1)
    }

    fn stream_of(&self, request: &Request<Incoming>) -> Option<Stream> {
        let session = request.uri().query()?.strip_prefix("session_id=")?;
        self.streams
            .borrow()
            .get(session.parse::<usize>().ok()?)
            .cloned()
    }
}
