//! One pass over JSON text: checks the grammar, builds nothing, tells where values lie.
//!
//! Why not serde_json: its `RawValue` skips a value without a depth limit and without looking for
//! lone surrogates, and it copies or re-reads nested objects. A small call read that way costs 2.2
//! times the instructions, and 2.4 times as a `Value` (callgrind; the bodies and the clock are in
//! `cargo bench --bench wire`, group `parse`). The fuzz target `jsonrpc_parse` holds this scanner
//! to serde_json's verdict.

use std::borrow::Cow;
use std::collections::HashSet;

use super::parse::Fault;
use super::plain::plain_run;

/// What was read, or why it is not JSON. The fault is boxed, because every value that is read hands a
/// result up, and without the fault inside it fits into two registers.
pub(super) type Scanned<T> = Result<T, Box<Fault>>;

/// Where a value lies in the body, both ends in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        // `Scanner::new` refuses text that 32 bits cannot index.
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A string in the body, with both quotes.
#[derive(Clone, Copy, Debug)]
struct Token {
    span: Span,
    is_escaped: bool,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    /// A number without fraction and exponent.
    Integer,
    /// A number with a fraction or an exponent.
    Decimal,
    Bool,
    Null,
}

/// A number without an exponent, of no more digits than this, is in the range of a double.
const SURE_DIGITS: usize = 300;

/// Containers inside each other that are no trouble for serde_json.
const SURE_DEPTH: usize = 120;

/// What a byte is worth as a hex digit.
const HEX_DIGITS: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        values[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// A bit that no digit has.
const NO_DIGIT: u8 = 0x80;

pub(super) struct Scanner<'a> {
    text: &'a [u8],
    /// The same text, known to be UTF-8, so that a slice between quotes need not be checked again.
    utf8: &'a str,
    at: usize,
    depth: usize,
    max_depth: usize,
    is_odd: bool,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`, which may nest `max_depth` containers.
    pub(super) fn new(text: &'a [u8], max_depth: usize) -> Scanned<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(Fault::TooLong.into());
        }
        // SPEC A-23: the whole body is UTF-8.
        let utf8 = std::str::from_utf8(text).map_err(|error| Fault::Utf8 {
            at: error.valid_up_to(),
        })?;
        Ok(Self {
            text,
            utf8,
            at: 0,
            depth: 0,
            max_depth,
            is_odd: max_depth > SURE_DEPTH,
        })
    }

    /// Whether serde_json may be unable to hold what was read so far: it takes neither a number beyond
    /// the range of a double, nor more than 127 containers inside each other.
    pub(super) fn is_odd(&self) -> bool {
        self.is_odd
    }

    /// The text of a value.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        &self.utf8[span.range()]
    }

    /// The current place, to be given to [`Scanner::since`].
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// All that was read since `start`.
    pub(super) fn since(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }

    /// Skips white space and looks at the next byte.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            #[cfg(test)]
            steps::count();
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Scanned<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the body")),
        }
    }

    /// Reads over one value of any kind.
    pub(super) fn value(&mut self) -> Scanned<(Kind, Span)> {
        let first = self.peek();
        let start = self.at;
        let kind = match first {
            Some(b'"') => {
                self.string()?;
                Kind::String
            }
            Some(b'{') => {
                self.members(|scanner, _| scanner.value().map(drop))?;
                Kind::Object
            }
            Some(b'[') => {
                self.elements(|scanner| scanner.value().map(drop))?;
                Kind::Array
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true", Kind::Bool)?,
            Some(b'f') => self.word(b"false", Kind::Bool)?,
            Some(b'n') => self.word(b"null", Kind::Null)?,
            _ => return Err(self.expected("a value")),
        };
        Ok((kind, Span::new(start, self.at)))
    }

    /// Reads an object whose member names may repeat; `visit` reads over each value.
    fn members(&mut self, mut visit: impl FnMut(&mut Self, Token) -> Scanned<()>) -> Scanned<()> {
        self.open()?;
        if self.peek() == Some(b'}') {
            return self.close();
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member name"));
            }
            let name = self.string()?;
            if self.peek() != Some(b':') {
                return Err(self.expected("`:`"));
            }
            self.at += 1;
            visit(self, name)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.close(),
                _ => return Err(self.expected("`,` or `}`")),
            }
        }
    }

    /// Reads an object and looks at its member names: `visit` gets each name after unescaping
    /// (SPEC) and reads over the value. A name that was there before goes to `repeat`
    /// instead, so that the caller can go on reading and still refuse.
    pub(super) fn object(
        &mut self,
        mut visit: impl FnMut(&mut Self, &str) -> Scanned<()>,
        mut repeat: impl FnMut(&str),
    ) -> Scanned<()> {
        let mut seen = Seen::default();
        self.members(|scanner, name| {
            let name = scanner.text_of(name)?;
            if seen.insert(name.clone()) {
                visit(scanner, &name)
            } else {
                repeat(&name);
                scanner.value().map(drop)
            }
        })
    }

    /// Reads an array; `visit` reads over each element.
    pub(super) fn elements(
        &mut self,
        mut visit: impl FnMut(&mut Self) -> Scanned<()>,
    ) -> Scanned<()> {
        self.open()?;
        if self.peek() == Some(b']') {
            return self.close();
        }
        loop {
            visit(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.close(),
                _ => return Err(self.expected("`,` or `]`")),
            }
        }
    }

    fn open(&mut self) -> Scanned<()> {
        if self.depth == self.max_depth {
            return Err(Fault::TooDeep {
                limit: self.max_depth,
            }
            .into());
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Scanned<()> {
        self.depth -= 1;
        self.at += 1;
        Ok(())
    }

    /// Reads a string from its opening quote.
    #[inline]
    fn string(&mut self) -> Scanned<Token> {
        #[cfg(test)]
        steps::count();
        let start = self.at;
        self.at = plain_run(self.text, start + 1);
        let is_escaped = self.text.get(self.at) != Some(&b'"');
        if is_escaped {
            self.rest_of_string()?;
        } else {
            self.at += 1;
        }
        Ok(Token {
            span: Span::new(start, self.at),
            is_escaped,
        })
    }

    /// Reads a string from the first byte that is not plain; apart, so that a string without
    /// escapes, as nearly all are, costs next to no more than its bytes.
    #[inline(never)]
    fn rest_of_string(&mut self) -> Scanned<()> {
        loop {
            #[cfg(test)]
            steps::count();
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return Err(self.expected("no raw control character in a string")),
                Some(_) => self.at = plain_run(self.text, self.at),
                None => return Err(self.expected("the end of a string")),
            }
        }
    }

    /// The text of a string, quotes and escapes removed.
    fn text_of(&self, token: Token) -> Scanned<Cow<'a, str>> {
        let text = self.slice(token.span);
        if token.is_escaped {
            decode(text)
        } else {
            Ok(Cow::Borrowed(&text[1..text.len() - 1]))
        }
    }

    /// Reads one escape from its backslash. A surrogate must be one of a pair: alone it names no
    /// character, and readers differ in what they make of it.
    fn escape(&mut self) -> Scanned<()> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match self.hex4()? {
                0xD800..=0xDBFF if self.text[self.at..].starts_with(b"\\u") => {
                    match self.hex4()? {
                        0xDC00..=0xDFFF => Ok(()),
                        _ => Err(self.expected("a low surrogate")),
                    }
                }
                0xD800..=0xDFFF => Err(self.expected("a surrogate pair")),
                _ => Ok(()),
            },
            _ => Err(self.expected("an escape")),
        }
    }

    /// Reads the `\uXXXX` at the current place.
    fn hex4(&mut self) -> Scanned<u32> {
        let digits = self.text.get(self.at + 2..self.at + 6);
        let digits = digits.and_then(<[u8]>::first_chunk::<4>);
        let values = digits.map_or([NO_DIGIT; 4], |digits| {
            digits.map(|digit| HEX_DIGITS[usize::from(digit)])
        });
        if values.iter().fold(0, |bits, value| bits | value) & NO_DIGIT != 0 {
            return Err(self.expected("four hex digits"));
        }
        self.at += 6;
        Ok(values
            .iter()
            .fold(0, |code, value| code << 4 | u32::from(*value)))
    }

    fn number(&mut self) -> Scanned<Kind> {
        let start = self.at;
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        // RFC 8259: int = zero / ( digit1-9 *DIGIT )
        if self.text.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut kind = Kind::Integer;
        if self.text.get(self.at) == Some(&b'.') {
            kind = Kind::Decimal;
            self.at += 1;
            self.digits()?;
        }
        self.is_odd |= self.at - start > SURE_DIGITS;
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.is_odd = true;
            kind = Kind::Decimal;
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(kind)
    }

    fn digits(&mut self) -> Scanned<()> {
        let rest = &self.text[self.at..];
        let len = rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += len;
        if len == 0 {
            Err(self.expected("a digit"))
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Scanned<Kind> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(kind)
    }

    #[cold]
    fn expected(&self, what: &'static str) -> Box<Fault> {
        Box::new(Fault::Syntax {
            at: self.at,
            expected: what,
        })
    }
}

/// The text of a string token, quotes and escapes removed.
pub(super) fn decode(token: &str) -> Scanned<Cow<'_, str>> {
    let end = token.len() - 1;
    // Up to the closing quote, unless there is an escape before it.
    if plain_run(token.as_bytes(), 1) == end {
        return Ok(Cow::Borrowed(&token[1..end]));
    }
    match serde_json::from_str(token) {
        Ok(text) => Ok(Cow::Owned(text)),
        Err(_) => Err(Box::new(Fault::Syntax {
            at: 0,
            expected: "a string",
        })),
    }
}

/// The member names of one object. A few are compared one by one; many go into a set with a
/// random hash, so that a hostile object costs linear time.
#[derive(Default)]
struct Seen<'a> {
    few: [&'a str; 8],
    len: usize,
    many: Option<HashSet<Cow<'a, str>>>,
}

impl<'a> Seen<'a> {
    /// Adds a name; false if it was there.
    fn insert(&mut self, name: Cow<'a, str>) -> bool {
        let is_there = self.few[..self.len].contains(&&*name)
            || self.many.as_ref().is_some_and(|many| many.contains(&*name));
        if is_there {
            return false;
        }
        match name {
            Cow::Borrowed(name) if self.len < self.few.len() => {
                self.few[self.len] = name;
                self.len += 1;
            }
            name => {
                self.many.get_or_insert_default().insert(name);
            }
        }
        true
    }
}

/// How many steps the scanners of this thread took, so that a test can count them where it would
/// have to measure time. Each reads on: the scanner never goes back.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        STEPS.set(STEPS.get() + 1);
    }

    pub(in crate::wire::jsonrpc) fn of(run: impl FnOnce()) -> usize {
        let before = STEPS.get();
        run();
        STEPS.get() - before
    }
}
