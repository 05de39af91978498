//! [`MessageLines`] and [`lines`]: the messages of a response and of a stream, each as one line (SPEC N-2).

use std::future::poll_fn;
use std::pin::Pin;
use std::vec;

use bytes::{Bytes, BytesMut};
use hyper::Response;
use hyper::body::Body;
use hyper::header::CONTENT_TYPE;

use crate::transport::stream::body::ResponseBody;
use crate::wire::sse::Decoder;

/// The messages of a response, in the order in which they come.
pub(super) struct MessageLines {
    body: ResponseBody,
    /// `None` if the body is a single message.
    decoder: Option<Decoder>,
    decoded: vec::IntoIter<Bytes>,
}

impl MessageLines {
    pub(super) fn of(response: Response<ResponseBody>) -> Self {
        let (head, body) = response.into_parts();
        let media = head.headers.get(CONTENT_TYPE);
        let is_stream = media.is_some_and(|media| media == "text/event-stream");
        Self {
            body,
            decoder: is_stream.then(Decoder::new),
            decoded: Vec::new().into_iter(),
        }
    }

    /// The next message; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        let mut whole = BytesMut::new();
        loop {
            if let Some(line) = self.decoded.next() {
                return Some(line);
            }
            let Some(bytes) = self.read().await else {
                return (!whole.is_empty()).then(|| line_of(&whole));
            };
            match &mut self.decoder {
                Some(decoder) => self.decoded = lines(decoder, &bytes).into_iter(),
                None => whole.extend_from_slice(&bytes),
            }
        }
    }

    async fn read(&mut self) -> Option<Bytes> {
        loop {
            let frame = poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await;
            let Ok(frame) = frame?;
            if let Ok(bytes) = frame.into_data() {
                return Some(bytes);
            }
        }
    }
}

/// The messages that these bytes of a stream complete.
pub(crate) fn lines(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Bytes> {
    let events = decoder.feed(bytes).into_iter();
    events
        .filter(|event| !event.data.is_empty())
        .map(|event| line_of(event.data.as_bytes()))
        .collect()
}

/// A message without line breaks. In JSON text they stand only between tokens, where a space means the same.
fn line_of(message: &[u8]) -> Bytes {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let line = message.iter().map(|byte| match is_break(byte) {
        true => b' ',
        false => *byte,
    });
    line.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        for (message, line) in [
            ("{}", "{}"),
            ("{\n  \"a\": 1\r\n}", "{   \"a\": 1  }"),
            ("{\"a\":\"\\n\u{2028}\"}", "{\"a\":\"\\n\u{2028}\"}"),
        ] {
            assert_eq!(line_of(message.as_bytes()), line);
        }
    }

    #[test]
    fn events_are_messages_and_all_else_of_a_stream_is_none() {
        let mut decoder = Decoder::new();
        let stream =
            b": ping\n\nevent: message\ndata: {\"a\":\ndata: 1}\n\nid: 1\ndata: \n\ndata: {}";
        assert_eq!(lines(&mut decoder, stream), ["{\"a\": 1}"]);
        assert_eq!(lines(&mut decoder, b"\n\n"), ["{}"]);
    }
}
