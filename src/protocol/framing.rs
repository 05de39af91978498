//! Where the requests on a connection begin and end, and which of them could be read in two ways.
//!
//! Two readers that disagree about where a request ends see different requests after it (SPEC G-40). hyper is
//! lenient where RFC 9112 allows it: if a request has `Content-Length` and `Transfer-Encoding`, it drops the
//! first, so that later code cannot detect this. This parser sees the bytes before hyper does, and the server
//! refuses what a proxy in front could have read differently.

/// Follows the bytes that a client sends. It does not check what hyper refuses by itself: no request can
/// follow that.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    place: Place,
    /// How many heads are complete; heads after a fault are not counted.
    heads: u32,
    fault: Option<Fault>,
}

/// What could be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The length is given twice: by two fields, or twice by one.
    Length,
    /// A transfer coding other than `chunked`, the only one that marks the end of a body.
    Coding,
    /// A line of the head that ends with LF alone.
    LineFeed,
    /// A body whose chunks violate RFC 9112, 7.1.
    Chunks,
}

#[derive(Debug, Default)]
enum Place {
    /// Nothing of the next request has arrived.
    #[default]
    Between,
    Head(Head),
    /// This many bytes of a body are missing.
    Sized(u64),
    Chunked(Chunked),
    /// After a head that is refused: no request can follow.
    Lost,
    /// After broken chunks: nothing can follow.
    Broken,
}

impl Framing {
    /// Parses what has arrived, up to the end of a request. Returns how many of these bytes may be read:
    /// fewer than given if another request begins, or if chunks are broken; after broken chunks always none.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..)
            && let Some(&byte) = rest.first()
        {
            let was_between = self.is_between();
            at += match &mut self.place {
                // RFC 9112, 2.2: empty lines before a request are skipped.
                Place::Between if matches!(byte, b'\r' | b'\n') => 1,
                Place::Between => {
                    self.place = Place::Head(Head::default());
                    0
                }
                Place::Head(head) => {
                    let (len, is_end) = head.read(rest);
                    if is_end {
                        self.end_of_head();
                    }
                    len
                }
                Place::Sized(missing) => {
                    let len = skip(missing, rest);
                    if *missing == 0 {
                        self.place = Place::Between;
                    }
                    len
                }
                Place::Chunked(chunked) => match chunked.read(rest) {
                    Chunk::Goes(len) => len,
                    Chunk::Ends => {
                        self.place = Place::Between;
                        1
                    }
                    Chunk::Breaks => {
                        self.fault = Some(Fault::Chunks);
                        self.place = Place::Broken;
                        return at;
                    }
                },
                Place::Lost => return bytes.len(),
                Place::Broken => return at,
            };
            if self.is_between() && !was_between {
                break;
            }
        }
        at
    }

    fn end_of_head(&mut self) {
        if let Place::Head(head) = &self.place {
            match head.body() {
                Ok(place) => self.place = place,
                Err(fault) => {
                    self.fault = Some(fault);
                    self.place = Place::Lost;
                }
            }
        }
        self.heads = self.heads.wrapping_add(1);
    }

    /// Whether all requests that have begun are complete.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.place, Place::Between)
    }

    /// Whether the head of a request has begun but not ended.
    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.place, Place::Head(_))
    }

    /// How many of the next bytes belong to the current body, as far as that is known.
    pub(crate) fn missing(&self) -> u64 {
        match &self.place {
            Place::Sized(missing) => *missing,
            Place::Chunked(chunked) => chunked.missing(),
            Place::Between | Place::Head(_) | Place::Lost | Place::Broken => 0,
        }
    }

    /// Which request could be read in two ways, and why. Requests are numbered from 0 and wrap around;
    /// nothing after the fault is parsed.
    pub(crate) fn fault(&self) -> Option<(u32, Fault)> {
        let fault = self.fault?;
        Some((self.heads.wrapping_sub(1), fault))
    }

    /// Whether chunks are broken: then the rest of the connection has no meaning.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.place, Place::Broken)
    }
}

/// Counts as many of the bytes as are missing, and subtracts them.
fn skip(missing: &mut u64, bytes: &[u8]) -> usize {
    let len = usize::try_from(*missing).unwrap_or(usize::MAX);
    let len = len.min(bytes.len());
    *missing -= len as u64;
    len
}

const CONTENT_LENGTH_NAME: &[u8] = b"content-length";
const TRANSFER_ENCODING_NAME: &[u8] = b"transfer-encoding";

/// A head, read line by line. Most heads arrive in one piece, and most lines need no closer look.
#[derive(Debug, Default)]
struct Head {
    /// The part of an incomplete line that has arrived.
    line: Vec<u8>,
    length: Option<u64>,
    is_chunked: bool,
    fault: Option<Fault>,
}

impl Head {
    /// Reads up to the end of the head or of the bytes. Returns how many bytes, and whether the head is
    /// complete.
    fn read(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..)
            && let Some(end) = line_end(rest)
        {
            at += end + 1;
            let is_end = if self.line.is_empty() {
                self.take(&rest[..end])
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&rest[..end]);
                self.take(&line)
            };
            if is_end {
                return (at, true);
            }
        }
        self.line.extend_from_slice(&bytes[at..]);
        (bytes.len(), false)
    }

    /// Takes a line up to its LF. Returns whether it is the empty line after the head.
    fn take(&mut self, line: &[u8]) -> bool {
        let Some((b'\r', line)) = line.split_last() else {
            self.fault = Some(Fault::LineFeed);
            return line.is_empty();
        };
        match line.first() {
            None => return true,
            Some(b'C' | b'c') => {
                if let Some(value) = value(line, CONTENT_LENGTH_NAME) {
                    self.take_length(value);
                }
            }
            Some(b'T' | b't') => {
                if let Some(value) = value(line, TRANSFER_ENCODING_NAME) {
                    self.take_coding(value);
                }
            }
            Some(_) => {}
        }
        false
    }

    /// hyper refuses a value that is not digits, or is too large for a length.
    fn take_length(&mut self, value: &[u8]) {
        let digits = value.iter().map(|byte| u64::from(byte.wrapping_sub(b'0')));
        let length = digits.fold(0_u64, |length, digit| {
            length.saturating_mul(10).saturating_add(digit)
        });
        if self.length.replace(length).is_some() || self.is_chunked {
            self.fault.get_or_insert(Fault::Length);
        }
    }

    /// hyper refuses a coding that does not end with `chunked`.
    fn take_coding(&mut self, value: &[u8]) {
        if value.eq_ignore_ascii_case(b"chunked") {
            if self.is_chunked || self.length.is_some() {
                self.fault.get_or_insert(Fault::Length);
            }
            self.is_chunked = true;
            return;
        }
        let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let is_repeated = codings.all(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        self.fault.get_or_insert(match is_repeated {
            true => Fault::Length,
            false => Fault::Coding,
        });
    }

    /// The place after the head.
    fn body(&self) -> Result<Place, Fault> {
        match (self.fault, self.length, self.is_chunked) {
            (Some(fault), _, _) => Err(fault),
            (None, _, true) => Ok(Place::Chunked(Chunked::default())),
            (None, None | Some(0), false) => Ok(Place::Between),
            (None, Some(length), false) => Ok(Place::Sized(length)),
        }
    }
}

/// The value of a field, if the line is a field of that name.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// The position of the first line break. Reads eight bytes at a time, because most input is heads.
fn line_end(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let mut at = 0;
    while let Some(&chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(chunk) ^ (ONES * u64::from(b'\n'));
        // A zero byte borrows; only the lowest bit that this sets is reliable.
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

/// A body in chunks (RFC 9112, 7.1): as strict as hyper, and stricter where hyper accepts a bare LF.
#[derive(Debug, Default)]
struct Chunked {
    at: At,
    /// The size of the current chunk so far, or how much of its data is missing.
    size: u64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// The first digit of a size.
    #[default]
    Start,
    Digits,
    /// Spaces after the digits.
    Spaces,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// A trailer, or the CR of the empty line after the last one.
    EndCr,
    EndLf,
    Trailer,
    TrailerLf,
}

/// What the next bytes are in a body.
enum Chunk {
    /// This many bytes belong to the body, which continues.
    Goes(usize),
    /// The first byte ends the body.
    Ends,
    /// The first byte is not valid here.
    Breaks,
}

impl Chunked {
    fn read(&mut self, bytes: &[u8]) -> Chunk {
        if matches!(self.at, At::Data) {
            let len = skip(&mut self.size, bytes);
            if self.size == 0 {
                self.at = At::DataCr;
            }
            return Chunk::Goes(len);
        }
        let Some(&byte) = bytes.first() else {
            return Chunk::Goes(0);
        };
        self.at = match (self.at, byte) {
            (At::Start | At::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let Some(size) = self.size.checked_mul(16) else {
                    return Chunk::Breaks;
                };
                self.size = size + u64::from((byte as char).to_digit(16).unwrap_or(0));
                At::Digits
            }
            (At::Digits | At::Spaces, b' ' | b'\t') => At::Spaces,
            (At::Digits | At::Spaces, b';') => At::Extension,
            (At::Digits | At::Spaces | At::Extension, b'\r') => At::SizeLf,
            (At::SizeLf, b'\n') if self.size == 0 => At::EndCr,
            (At::SizeLf, b'\n') => At::Data,
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Start,
            (At::EndCr, b'\r') => At::EndLf,
            (At::EndLf, b'\n') => return Chunk::Ends,
            (At::Trailer, b'\r') => At::TrailerLf,
            (At::TrailerLf, b'\n') => At::EndCr,
            (At::Extension | At::EndCr | At::Trailer, b'\n') => return Chunk::Breaks,
            (At::Extension, _) => At::Extension,
            (At::EndCr | At::Trailer, _) => At::Trailer,
            _ => return Chunk::Breaks,
        };
        Chunk::Goes(1)
    }

    fn missing(&self) -> u64 {
        match self.at {
            At::Data => self.size,
            _ => 0,
        }
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
    const LATE: &str = "\r\n\nPOST / HTTP/1.1\r\nContent-length:2\r\nX:\r\n\r\n{}";

    fn fed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Framing {
        let mut framing = Framing::default();
        for mut piece in pieces {
            while let len @ 1.. = framing.feed(piece) {
                piece = &piece[len..];
            }
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

    /// However the bytes are cut, the requests are the same, and only before the first byte and after the
    /// last one is nothing missing.
    #[test]
    fn requests_end_where_they_end() {
        for request in [GET, SIZED, CHUNKED, LATE] {
            let two = [request, request].concat();
            for cut in 0..=two.len() {
                let (before, behind) = two.as_bytes().split_at(cut);
                let framing = fed([before, behind]);
                assert!(framing.is_between(), "{request:?} {cut}");
                assert_eq!((framing.heads, framing.fault()), (2, None));
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

    /// SPEC G-40, FIELD E-9: whichever comes first, and whatever came before it.
    #[test]
    fn what_could_be_read_in_two_ways_is_seen() {
        use Fault::{Coding, Length, LineFeed};
        for (lines, expected) in [
            (
                "Content-Length: 3\r\nTransfer-Encoding: chunked",
                Some(Length),
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 3",
                Some(Length),
            ),
            (
                "transfer-encoding:chunked\r\ncontent-length:0",
                Some(Length),
            ),
            (
                "CONTENT-LENGTH: 3\r\nX: y\r\nTRANSFER-ENCODING: gzip",
                Some(Coding),
            ),
            ("Content-Length: 3\r\nContent-Length: 3", Some(Length)),
            ("Content-Length: 3\r\ncontent-length: 4", Some(Length)),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                Some(Length),
            ),
            ("Transfer-Encoding: chunked, Chunked", Some(Length)),
            ("Transfer-Encoding: gzip, chunked", Some(Coding)),
            (
                "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
                Some(Coding),
            ),
            ("Transfer-Encoding: chunked;q=1", Some(Coding)),
            ("Transfer-Encoding: \"chunked\"", Some(Coding)),
            ("X: y\nContent-Length: 3", Some(LineFeed)),
            ("Content-Length: 3\nX: y", Some(LineFeed)),
            ("Transfer-Encoding: \t CHUNKED \t", None),
            ("Transfer-Encoding: chunked\r\nX-Content-Length: 3", None),
            ("Transfer-Encoding: chunked\r\nContent-Lengths: 3", None),
            ("Transfer-Encoding: chunked\r\nX: content-length: 3", None),
            ("Content-Length: 3\r\nTransfer-Encodings: chunked", None),
        ] {
            for before in ["", GET, CHUNKED, SIZED] {
                let text = format!("{before}POST / HTTP/1.1\r\n{lines}\r\n\r\n{GET}");
                let nth = u32::from(!before.is_empty());
                let fault =
                    |framing: Framing| framing.fault().filter(|(_, why)| *why != Fault::Chunks);
                let expected = expected.map(|why| (nth, why));
                assert_eq!(fault(fed([text.as_bytes()])), expected, "{text:?}");
                assert_eq!(fault(fed(text.as_bytes().chunks(1))), expected, "{text:?}");
            }
        }
        for (request, nth) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", 0),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", 0),
            ("GET / HTTP/1.1\n\n", 0),
        ] {
            let expected = Some((nth, LineFeed));
            assert_eq!(fed([request.as_bytes()]).fault(), expected, "{request:?}");
        }
    }

    /// FIELD E-9: neither the byte that breaks the chunks nor anything after it is read.
    #[test]
    fn nothing_is_read_behind_broken_chunks() {
        for (chunks, good) in [
            ("x\r\n", 0),
            ("\r\n", 0),
            ("-1\r\n", 0),
            ("0x1\r\n", 1),
            ("1 1\r\n", 2),
            ("1\nab", 1),
            ("1\r\rab", 2),
            ("1;a=\"\n\"\r\n", 5),
            ("1\r\na\n1\r\n", 4),
            ("1\r\nab\r\n0\r\n\r\n", 4),
            ("10000000000000000\r\nab", 16),
            ("0\r\n\nX: y\r\n\r\n", 3),
            ("0\r\nX: y\n\r\n", 7),
            ("0\r\nX: y\r\n\n", 9),
            ("0\r\nX: y\rz\r\n\r\n", 8),
            ("0\r\n\rX: y\r\n\r\n", 4),
        ] {
            let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
            let text = [head, chunks, GET].concat();
            for size in [1, 3, text.len()] {
                let mut framing = Framing::default();
                let pieces = text.as_bytes().chunks(size);
                let read: usize = pieces.map(|piece| framing.feed(piece)).sum();
                assert_eq!(read, head.len() + good, "{chunks:?} by {size}");
                assert_eq!(framing.fault(), Some((0, Fault::Chunks)), "{chunks:?}");
                assert!(framing.is_broken() && !framing.is_between());
                assert_eq!(framing.heads, 1);
            }
        }
    }

    /// What is known of a body is reported, so that no more than it and a head has to be read.
    #[test]
    fn what_is_missing_of_a_body_is_known() {
        for (text, missing) in [
            ("GET / HT", 0),
            ("POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\nab", 10),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1f", 0),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\nabc",
                28,
            ),
            (CHUNKED, 0),
        ] {
            assert_eq!(fed([text.as_bytes()]).missing(), missing, "{text:?}");
        }
    }
}
