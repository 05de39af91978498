//! The feature `gzip`: long JSON answers are compressed for clients that accept it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Response;
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use tokio::sync::Semaphore;

use crate::transport::stream::body::ResponseBody;

/// How hard to try. On the JSON of answers a higher level takes twice the time and saves a few percent more.
const LEVEL: Compression = Compression::fast();

/// How many answers are compressed at a time, in all services of the process. One more goes out as it is: the
/// work of a client that has left goes on, so without a limit clients could keep every thread busy and
/// every waiting answer in memory.
static PLACES: Semaphore = Semaphore::const_new(2);

/// Compresses an answer of at least `min_len` bytes, if its client accepts it. A stream stays as it is: its
/// events would wait in the encoder.
///
/// The work is done on a thread for such work, because it takes milliseconds.
///
/// # Cancel safety
///
/// Dropping the future drops the answer.
pub(crate) async fn compress(
    mut response: Response<ResponseBody>,
    min_len: usize,
    is_accepted: bool,
) -> Response<ResponseBody> {
    if response
        .body()
        .full_len()
        .is_none_or(|len| len < min_len.max(1))
    {
        return response;
    }
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().append(VARY, vary);
    if !is_accepted {
        return response;
    }
    let Ok(place) = PLACES.try_acquire() else {
        return response;
    };
    let message = response.body().bytes();
    let packed = tokio::task::spawn_blocking(move || {
        let _place = place;
        pack(&message)
    });
    let packed = packed.await;
    // Without it the answer goes out as it is.
    if let Ok(Ok(packed)) = packed {
        let gzip = HeaderValue::from_static("gzip");
        response.headers_mut().insert(CONTENT_ENCODING, gzip);
        *response.body_mut() = ResponseBody::full(bytes::Bytes::from(packed));
    }
    response
}

fn pack(message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 4), LEVEL);
    encoder.write_all(message)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;
    use crate::transport::answer::response::json_response;

    /// Clients that leave cannot queue work: what finds no place goes out as it is.
    #[tokio::test]
    async fn an_answer_without_a_place_is_not_compressed() {
        let answer = || json_response(StatusCode::OK, bytes::Bytes::from(vec![b' '; 1000]));
        let is_packed = |answer: &Response<ResponseBody>| {
            assert_eq!(answer.headers()[VARY], "Accept-Encoding");
            answer.headers().contains_key(CONTENT_ENCODING)
        };
        assert!(is_packed(&compress(answer(), 1000, true).await));
        let places = PLACES.acquire_many(2).await.unwrap();
        let plain = compress(answer(), 1000, true).await;
        assert!(!is_packed(&plain));
        assert_eq!(plain.body().full_len(), Some(1000));
        drop(places);
        assert!(is_packed(&compress(answer(), 1000, true).await));
    }
}
