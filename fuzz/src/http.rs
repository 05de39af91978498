//! A reader of HTTP/1.1 responses by RFC 9112, as strict as a server can be. It panics on malformed input.

/// The next piece of a response.
#[derive(Debug, PartialEq)]
pub enum Piece {
    Head(Head),
    /// A part of the body, never empty.
    Body(Vec<u8>),
    /// The end of the response.
    End,
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header that must not be repeated.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(it, _)| it == name);
        let value = values.next().map(|(_, value)| &**value);
        assert_eq!(values.next(), None, "{name} is repeated");
        value
    }

    pub fn is_events(&self) -> bool {
        self.header("content-type") == Some("text/event-stream")
    }

    /// Whether the server announces that it closes the connection after this response.
    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Head,
    /// This many bytes of the body are left.
    Length(usize),
    ChunkSize,
    /// This many bytes of a chunk are left, without its line end.
    Chunk(usize),
    /// The line end after the last chunk. The server sends no trailers.
    LastChunk,
    /// The body ends with the connection.
    Rest,
}

/// Splits the bytes of a connection into pieces.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    state: State,
}

impl Reader {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a response has begun and not ended.
    pub fn is_within(&self) -> bool {
        !matches!(self.state, State::Head) || !self.bytes.is_empty()
    }

    /// Whether only the end of the connection ends the body.
    pub fn is_of_rest(&self) -> bool {
        matches!(self.state, State::Rest)
    }

    /// The next piece, if it is complete.
    pub fn piece(&mut self) -> Option<Piece> {
        match self.state {
            State::Head => self.head(),
            State::Length(0) => {
                self.state = State::Head;
                Some(Piece::End)
            }
            State::Length(left) => self.body(left).inspect(|body| {
                self.state = State::Length(left - len(body));
            }),
            State::ChunkSize => self.chunk_size(),
            State::Chunk(0) => {
                if !self.is_line_end() {
                    return None;
                }
                self.state = State::ChunkSize;
                self.piece()
            }
            State::Chunk(left) => self.body(left).inspect(|body| {
                self.state = State::Chunk(left - len(body));
            }),
            State::LastChunk => self.is_line_end().then(|| {
                self.state = State::Head;
                Piece::End
            }),
            State::Rest => self.body(usize::MAX),
        }
    }

    /// Reads the line end of a chunk, if it has arrived.
    fn is_line_end(&mut self) -> bool {
        if self.bytes.len() < 2 {
            return false;
        }
        assert_eq!(self.take(2), b"\r\n", "the end of a chunk");
        true
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(len);
        std::mem::replace(&mut self.bytes, rest)
    }

    fn body(&mut self, most: usize) -> Option<Piece> {
        let len = most.min(self.bytes.len());
        (len > 0).then(|| Piece::Body(self.take(len)))
    }

    /// The text before this delimiter, which it removes as well.
    fn until(&mut self, end: &str) -> Option<String> {
        let mut windows = self.bytes.windows(end.len());
        let at = windows.position(|window| window == end.as_bytes())?;
        let text = self.take(at + end.len());
        Some(String::from_utf8(text[..at].to_vec()).expect("text"))
    }

    fn head(&mut self) -> Option<Piece> {
        let text = self.until("\r\n\r\n")?;
        let mut lines = text.split("\r\n");
        let line = lines.next().expect("a line");
        let status = read_status(line).unwrap_or_else(|| panic!("a status line: {line:?}"));
        let read = |line| read_header(line).unwrap_or_else(|| panic!("a header: {line:?}"));
        let headers = lines.map(read).collect();
        let head = Head { status, headers };
        let length = head.header("content-length");
        let length = length.map(|length| length.parse().expect("a length"));
        let coding = head.header("transfer-encoding");
        self.state = match (length, coding) {
            (Some(_), Some(_)) => panic!("two ways to end a body"),
            (None, Some(coding)) => {
                assert_eq!(coding, "chunked");
                State::ChunkSize
            }
            (length, None) if matches!(status, 100..200 | 204 | 304) => {
                assert!(length.is_none_or(|length| length == 0), "no body");
                State::Length(0)
            }
            (Some(length), None) => State::Length(length),
            (None, None) => State::Rest,
        };
        Some(Piece::Head(head))
    }

    fn chunk_size(&mut self) -> Option<Piece> {
        let line = self.until("\r\n")?;
        let size = usize::from_str_radix(&line, 16).expect("the size of a chunk");
        if size > 0 {
            self.state = State::Chunk(size);
            return self.piece();
        }
        self.state = State::LastChunk;
        self.piece()
    }
}

fn len(piece: &Piece) -> usize {
    match piece {
        Piece::Body(bytes) => bytes.len(),
        Piece::Head(_) | Piece::End => 0,
    }
}

fn read_status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.1 ");
    let rest = rest.or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    let (status, _reason) = rest.split_once(' ')?;
    let is_plain = status.len() == 3 && !line.contains(|c: char| c.is_control());
    status.parse().ok().filter(|_| is_plain)
}

fn read_header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(": ")?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_well =
        !name.is_empty() && name.chars().all(is_token) && !value.contains(char::is_control);
    is_well.then(|| (name.to_lowercase(), value.to_owned()))
}
