//! [`detach`]: copies a request out of the buffers that it was read into.
//!
//! Header values, the URI and the first part of a body are slices of one read buffer of hyper. A handler
//! that keeps one of them keeps the whole buffer. That is cheap for a short request, and most requests are
//! short and answered at once. A long request is copied into buffers of its own, and so is a short one
//! that was read into the large buffer of a long one before it.

use bytes::Bytes;
use hyper::Uri;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::http::request::Parts;

/// A head or a body of up to this length may be kept without a copy.
const SHORT: usize = 4 * 1024;

/// A body of up to this length is copied out of a large buffer. Such a buffer has some 512 KiB, so a longer
/// body is at least half of it.
const HALF: usize = 256 * 1024;

/// Marks a request whose head was read into a large buffer, in its extensions.
#[derive(Clone, Copy)]
pub(crate) struct InLargeBuffer;

/// Whether keeping a part of this request would keep much else.
pub(crate) fn is_long(head: &Parts, body: &[u8]) -> bool {
    body.len().max(len_of(head)) > SHORT || head.extensions.get::<InLargeBuffer>().is_some()
}

/// How many bytes the values and the target of a head have.
fn len_of(head: &Parts) -> usize {
    let values: usize = head.headers.values().map(HeaderValue::len).sum();
    let target = head.uri.path_and_query();
    values + target.map_or(0, |target| target.as_str().len())
}

/// Copies a head out of the buffer that it was read into. Names need no copy, because hyper allocates
/// each of them. A body that is shorter than the head, or than half of a large buffer, may lie in the same
/// buffer and is copied too.
pub(crate) fn detach(head: &mut Parts, body: &mut Bytes) {
    let is_in_large_buffer = head.extensions.remove::<InLargeBuffer>().is_some();
    if body.len() < len_of(head) || is_in_large_buffer && body.len() <= HALF {
        *body = Bytes::copy_from_slice(body);
    }
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for (name, value) in &head.headers {
        headers.append(name.clone(), copy_of(value));
    }
    head.headers = headers;
    if let Ok(uri) = Uri::try_from(head.uri.to_string()) {
        head.uri = uri;
    }
}

fn copy_of(value: &HeaderValue) -> HeaderValue {
    let Ok(mut copy) = HeaderValue::from_bytes(value.as_bytes()) else {
        // It cannot fail: a valid value is valid in any buffer.
        return value.clone();
    };
    copy.set_sensitive(value.is_sensitive());
    copy
}

#[cfg(test)]
mod tests {
    use hyper::header::{COOKIE, HOST, VIA};
    use hyper::{Request, Version};

    use super::*;

    /// A head whose values lie in one buffer, as hyper reads them.
    fn head(padding: usize) -> (Parts, Bytes) {
        let text = format!("localhost|a b|one|two|{}", "x".repeat(padding));
        let buffer = Bytes::from(text.into_bytes());
        let value = |from: usize, to: usize| {
            HeaderValue::from_maybe_shared(buffer.slice(from..to)).unwrap()
        };
        let request = Request::get("http://localhost/mcp?a=%20b")
            .version(Version::HTTP_2)
            .header(HOST, value(0, 9))
            .header(VIA, value(14, 17))
            .header(VIA, value(18, 21))
            .header(COOKIE, value(22, 22 + padding));
        let mut head = request.body(()).unwrap().into_parts().0;
        head.headers.get_mut(COOKIE).unwrap().set_sensitive(true);
        head.extensions.insert(7_u8);
        (head, buffer)
    }

    /// FIELD X-3: keeping one header does not keep the buffer of all headers.
    #[test]
    fn a_detached_head_says_the_same_and_keeps_no_buffer() {
        let (mut detached, buffer) = head(10);
        let (original, _) = head(10);
        let mut body = buffer.slice(..5);
        assert!(!buffer.is_unique());
        detach(&mut detached, &mut body);
        assert!(buffer.is_unique());
        assert_eq!(body, buffer.slice(..5));
        assert_eq!(detached.headers, original.headers);
        assert!(detached.headers[COOKIE].is_sensitive());
        assert_eq!(detached.uri, original.uri);
        assert_eq!(detached.version, Version::HTTP_2);
        assert_eq!(detached.extensions.get(), Some(&7_u8));
    }

    /// FIELD X-3: a long body has a buffer of its own, or fills most of one.
    #[test]
    fn a_body_longer_than_its_head_is_not_copied() {
        let (mut head, _) = head(10);
        let mut body = Bytes::from(vec![b'x'; 100]);
        let place = body.as_ptr();
        detach(&mut head, &mut body);
        assert_eq!(body.as_ptr(), place);
    }

    /// A large buffer is not kept for a short request that was read into it.
    #[test]
    fn a_body_out_of_a_large_buffer_is_copied_unless_it_is_most_of_it() {
        for (len, is_copied) in [(10, true), (6_000, true), (HALF, true), (HALF + 1, false)] {
            let (mut head, _) = head(10);
            head.extensions.insert(InLargeBuffer);
            let mut body = Bytes::from(vec![b'x'; len]);
            let place = body.as_ptr();
            assert!(is_long(&head, &body), "{len}");
            detach(&mut head, &mut body);
            assert_eq!(body.as_ptr() != place, is_copied, "{len}");
            assert_eq!(body.len(), len);
        }
    }

    #[test]
    fn a_request_is_long_by_its_head_or_by_its_body() {
        for (padding, body, is_long) in [
            (10, 10, false),
            (10, SHORT, false),
            (10, SHORT + 1, true),
            (SHORT, 10, true),
        ] {
            let (head, _) = head(padding);
            assert_eq!(
                super::is_long(&head, &vec![0; body]),
                is_long,
                "{padding} {body}"
            );
        }
    }
}
