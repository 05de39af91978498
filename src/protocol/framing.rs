//! Where the requests on a connection begin and end, and which of them says its length twice.
//!
//! Of a request with both `Content-Length` and `Transfer-Encoding` hyper keeps the second alone, so
//! that nobody behind it can tell. RFC 9112, 6.1, lets a server do so, and lets it refuse: two
//! readers that disagree about a length see two different requests (SPEC G-40). Whoever holds the
//! socket sees the bytes before hyper does.

/// Follows the bytes that a client sends. It judges nothing that hyper refuses by itself; there it
/// only loses track.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    place: Place,
    heads: u64,
    ambiguous: Option<u64>,
}

#[derive(Debug, Default)]
enum Place {
    /// Nothing of a next request has come.
    #[default]
    Between,
    Head(Head),
    /// This much of a body is missing.
    Sized(u64),
    Chunked(Chunked),
    /// After what no next request can follow.
    Lost,
}

impl Framing {
    /// Goes on with what has arrived.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(&byte) = bytes.first() {
            let len = match &mut self.place {
                // RFC 9112, 2.2: empty lines before a request are passed over.
                Place::Between if matches!(byte, b'\r' | b'\n') => 1,
                Place::Between => {
                    self.place = Place::Head(Head::default());
                    0
                }
                Place::Head(head) => {
                    let (len, is_end) = head.read(bytes);
                    if is_end {
                        self.end_of_head();
                    }
                    len
                }
                Place::Sized(missing) | Place::Chunked(Chunked::Data(missing)) => {
                    let len = usize::try_from(*missing).unwrap_or(usize::MAX);
                    let len = len.min(bytes.len());
                    *missing -= len as u64;
                    self.end_of_data();
                    len
                }
                Place::Chunked(chunked) => {
                    if let Some(next) = chunked.take(byte) {
                        self.place = next;
                    }
                    1
                }
                Place::Lost => return,
            };
            bytes = &bytes[len..];
        }
    }

    fn end_of_head(&mut self) {
        if let Place::Head(head) = &self.place {
            self.place = head.body();
        }
        if matches!(self.place, Place::Lost) {
            self.ambiguous = Some(self.heads);
        }
        self.heads += 1;
    }

    fn end_of_data(&mut self) {
        match self.place {
            Place::Sized(0) => self.place = Place::Between,
            Place::Chunked(Chunked::Data(0)) => self.place = Place::Chunked(Chunked::DataEnd),
            _ => {}
        }
    }

    /// Whether all requests that have begun are complete.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.place, Place::Between)
    }

    /// Whether the head of a request has begun and not ended.
    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.place, Place::Head(_))
    }

    /// How many heads have come to their end.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    /// Which request, counted from 0, has both a `Content-Length` and a `Transfer-Encoding`. Behind it
    /// nothing is followed any more.
    pub(crate) fn ambiguous(&self) -> Option<u64> {
        self.ambiguous
    }
}

const CONTENT_LENGTH_NAME: &[u8] = b"content-length";
const TRANSFER_ENCODING_NAME: &[u8] = b"transfer-encoding";

/// A head, read line by line: most come in one piece, and of most lines one look is enough.
#[derive(Debug, Default)]
struct Head {
    /// What has come of a line whose end has not.
    line: Vec<u8>,
    length: Option<u64>,
    is_chunked: bool,
}

impl Head {
    /// Reads up to the end of the line or of the bytes: how many, and whether the head is complete.
    fn read(&mut self, bytes: &[u8]) -> (usize, bool) {
        let Some(end) = line_end(bytes) else {
            self.line.extend_from_slice(bytes);
            return (bytes.len(), false);
        };
        let is_end = if self.line.is_empty() {
            self.take(&bytes[..end])
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(&bytes[..end]);
            self.take(&line)
        };
        (end + 1, is_end)
    }

    /// Whether that was the empty line behind the head.
    fn take(&mut self, line: &[u8]) -> bool {
        match line.first() {
            None => return true,
            Some(b'\r') if line.len() == 1 => return true,
            Some(b'C' | b'c' | b'T' | b't') => self.take_field(line),
            Some(_) => {}
        }
        false
    }

    fn take_field(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(CONTENT_LENGTH_NAME) {
            // hyper refuses what is not digits, and a second length that is another one.
            let digits = value.iter().filter(|byte| byte.is_ascii_digit());
            let length = digits.fold(0_u64, |length, digit| {
                length
                    .saturating_mul(10)
                    .saturating_add(u64::from(digit - b'0'))
            });
            self.length = Some(length);
        } else if name.eq_ignore_ascii_case(TRANSFER_ENCODING_NAME) {
            // hyper refuses all but `chunked`.
            self.is_chunked = true;
        }
    }

    /// What follows.
    fn body(&self) -> Place {
        match (self.length, self.is_chunked) {
            (Some(_), true) => Place::Lost,
            (None, true) => Place::Chunked(Chunked::Size(0)),
            (None | Some(0), false) => Place::Between,
            (Some(length), false) => Place::Sized(length),
        }
    }
}

/// Where the first line break is, eight bytes at a time, because heads are most of what comes in.
fn line_end(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let mut at = 0;
    while let Some(&chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(chunk) ^ (ONES * u64::from(b'\n'));
        // A byte that is zero borrows; the lowest bit so set is right.
        let marks = word.wrapping_sub(ONES) & !word & HIGHS;
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    Some(at + end)
}

/// A body in chunks (RFC 9112, 7.1).
#[derive(Debug)]
enum Chunked {
    Size(u64),
    /// After a `;`, which may follow the size.
    Extension(u64),
    Data(u64),
    DataEnd,
    Trailer {
        is_blank: bool,
    },
}

impl Chunked {
    fn take(&mut self, byte: u8) -> Option<Place> {
        *self = match (&*self, byte) {
            (Self::Size(size) | Self::Extension(size), b'\n') => match *size {
                0 => Self::Trailer { is_blank: true },
                size => Self::Data(size),
            },
            (Self::Size(size), b'\r' | b' ' | b'\t') => Self::Size(*size),
            (Self::Size(size), b';') => Self::Extension(*size),
            (Self::Size(size), _) => match (byte as char).to_digit(16) {
                Some(digit) => Self::Size(size.saturating_mul(16).saturating_add(digit.into())),
                None => return Some(Place::Lost),
            },
            (Self::DataEnd, b'\n') => Self::Size(0),
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, _) => return Some(Place::Lost),
            (Self::Trailer { is_blank: true }, b'\n') => return Some(Place::Between),
            (Self::Trailer { .. }, b'\n') => Self::Trailer { is_blank: true },
            (Self::Trailer { is_blank }, b'\r') => Self::Trailer {
                is_blank: *is_blank,
            },
            (Self::Trailer { .. }, _) => Self::Trailer { is_blank: false },
            // Passed over; data is skipped before it comes here.
            (Self::Extension(_) | Self::Data(_), _) => return None,
        };
        None
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const SIZED: &str = "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\nabc\r\n\r\n: 56\n";
    const CHUNKED: &str = "POST / HTTP/1.1\r\ntransfer-Encoding: chunked\r\n\r\n\
                           A;x=y\r\n0123\r\n\r\n89\r\n0\r\nTrailer: 1\r\n\r\n";
    const BARE: &str = "\r\n\nPOST / HTTP/1.1\nContent-length:2\nX:\n\n{}";

    fn fed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Framing {
        let mut framing = Framing::default();
        for piece in pieces {
            framing.feed(piece);
        }
        framing
    }

    /// The names are those of HTTP.
    #[test]
    fn names_are_spelled_right() {
        assert_eq!(CONTENT_LENGTH_NAME, CONTENT_LENGTH.as_str().as_bytes());
        assert_eq!(
            TRANSFER_ENCODING_NAME,
            TRANSFER_ENCODING.as_str().as_bytes()
        );
    }

    /// However the bytes are cut, the requests are the same, and only before the first byte and behind
    /// the last one is nothing missing.
    #[test]
    fn requests_end_where_they_end() {
        for request in [GET, SIZED, CHUNKED, BARE] {
            let two = [request, request].concat();
            for cut in 0..=two.len() {
                let (before, behind) = two.as_bytes().split_at(cut);
                let framing = fed([before, behind]);
                assert!(framing.is_between(), "{request:?} {cut}");
                assert_eq!((framing.heads, framing.ambiguous()), (2, None));
            }
            let lead = request.len() - request.trim_start().len();
            for cut in 0..=request.len() {
                let framing = fed(request.as_bytes()[..cut].chunks(1));
                let is_between = cut <= lead || cut == request.len();
                assert_eq!(framing.is_between(), is_between, "{request:?} {cut}");
                let head = request.find("\r\n\r\n").map(|at| at + 4);
                let head = head.filter(|_| lead == 0).unwrap_or(request.len() - 2);
                assert_eq!(framing.is_in_head(), (lead + 1..head).contains(&cut));
            }
        }
    }

    /// SPEC G-40: whichever comes first, and whatever went before.
    #[test]
    fn a_length_beside_an_encoding_is_seen() {
        for (lines, expected) in [
            ("Content-Length: 3\r\nTransfer-Encoding: chunked", true),
            ("Transfer-Encoding: chunked\r\nContent-Length: 3", true),
            ("transfer-encoding:chunked\ncontent-length:0", true),
            ("CONTENT-LENGTH: 3\r\nX: y\r\nTRANSFER-ENCODING: gzip", true),
            ("Transfer-Encoding: chunked\r\nX-Content-Length: 3", false),
            ("Transfer-Encoding: chunked\r\nContent-Lengths: 3", false),
            ("Transfer-Encoding: chunked\r\nX: content-length: 3", false),
            ("Content-Length: 3\r\nTransfer-Encodings: chunked", false),
        ] {
            for before in ["", GET, CHUNKED, SIZED] {
                let text = format!("{before}POST / HTTP/1.1\r\n{lines}\r\n\r\n{GET}");
                let nth = u64::from(!before.is_empty());
                let expected = expected.then_some(nth);
                assert_eq!(fed([text.as_bytes()]).ambiguous(), expected, "{text:?}");
                assert_eq!(fed(text.as_bytes().chunks(1)).ambiguous(), expected);
            }
        }
    }

    /// What hyper refuses has no end, and lengths do not overflow.
    #[test]
    fn broken_chunks_lead_nowhere() {
        for chunks in [
            "x\r\n",
            "-1\r\n",
            "1\r\nab\r\n0\r\n\r\n",
            "ffffffffffffffffffff\r\nab",
        ] {
            let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
            let framing = fed([head.as_bytes(), chunks.as_bytes(), GET.as_bytes()]);
            assert!(
                !framing.is_between() && !framing.is_in_head(),
                "{chunks:?}: {framing:?}"
            );
            assert_eq!(framing.heads, 1);
        }
    }
}
