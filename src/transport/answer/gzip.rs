//! The feature `gzip`: long JSON answers are compressed for clients that accept it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Response;
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};

use crate::transport::stream::body::ResponseBody;

/// How hard to try. On the JSON of answers a higher level takes twice the time and saves a few percent more.
const LEVEL: Compression = Compression::fast();

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
    let message = response.body().bytes();
    let packed = tokio::task::spawn_blocking(move || pack(&message)).await;
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
