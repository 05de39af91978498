//! One pass over JSON text: checks the grammar, builds nothing, tells where values lie.
//!
//! Why not serde_json: its `RawValue` skips a value without a depth limit and without looking for
//! lone surrogates, and it re-reads nested objects. A small call read that way, into maps that borrow,
//! costs 3.0 times the instructions, and 3.7 times as a `Value` (callgrind; the bodies and the clock
//! are in `cargo bench --bench wire`, group `parse`). The fuzz target `jsonrpc_parse` holds this scanner
//! to serde_json's verdict.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::members::{Members, Part};
use super::parse::{Fault, MessageLimits};
use super::plain::plain_run;
use super::price;
use super::token::{Quoted, expected, gap, number, string, word};

/// What was read, or why it is not JSON. The fault is boxed, because every value that is read hands a
/// result up, and without the fault inside it fits into two registers.
pub(super) type Scanned<T> = Result<T, Box<Fault>>;

/// Where a value lies in the body, both ends in bytes. No value ends at 0, so that an optional span is
/// no longer than a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: NonZeroU32,
}

impl Span {
    #[inline(always)]
    pub(super) fn new(start: usize, end: usize) -> Self {
        // `Scanner::new` refuses text that 32 bits cannot index.
        Self {
            start: start as u32,
            end: NonZeroU32::new(end as u32).expect("a value has a byte at least"),
        }
    }

    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end.get() as usize
    }
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

/// The names that serde_json gives a meaning of its own, by its features.
const RESERVED: [&str; 2] = [
    "$serde_json::private::RawValue",
    "$serde_json::private::Number",
];
/// How many bytes their tokens may have: from the shorter one without escapes to the longer one with
/// nothing but escapes.
const RESERVED_LEN: std::ops::RangeInclusive<usize> =
    RESERVED[1].len() + 2..=6 * RESERVED[0].len() + 2;

/// Containers inside each other that are no trouble for serde_json.
const SURE_DEPTH: usize = 120;

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    max_depth: usize,
    is_odd: bool,
    /// What a tree of all that was read would take on the heap, at most. The strings of the whole text
    /// are charged from the beginning.
    price: u64,
    has_reserved_name: bool,
    /// Of each container that [`Scanner::container`] is in, whether it is an object: a bit by its depth.
    objects: [u64; MessageLimits::DEPTH_CEILING / 64],
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`, which may nest `max_depth` containers, and no more than
    /// [`MessageLimits::DEPTH_CEILING`].
    pub(super) fn new(text: &'a [u8], max_depth: usize) -> Scanned<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(Fault::TooLong.into());
        }
        // SPEC A-23: the whole body is UTF-8.
        let text = std::str::from_utf8(text).map_err(|error| Fault::Utf8 {
            at: error.valid_up_to(),
        })?;
        let max_depth = max_depth.min(MessageLimits::DEPTH_CEILING);
        Ok(Self {
            text,
            at: 0,
            depth: 0,
            max_depth,
            is_odd: max_depth > SURE_DEPTH,
            price: text.len() as u64,
            has_reserved_name: false,
            objects: Default::default(),
        })
    }

    /// Whether serde_json may be unable to hold what was read so far: it takes neither a number beyond
    /// the range of a double, nor more than 127 containers inside each other.
    pub(super) fn is_odd(&self) -> bool {
        self.is_odd
    }

    /// What a tree of all values that were read so far would take on the heap, in bytes, at most.
    pub(super) fn price(&self) -> u64 {
        self.price
    }

    /// Whether a member so far has a name that serde_json keeps for itself: it reads a string behind
    /// `$serde_json::private::RawValue` as JSON once more, and so makes another tree of the text than
    /// every other reader, as large and as deep as that string says.
    pub(super) fn has_reserved_name(&self) -> bool {
        self.has_reserved_name
    }

    /// The text of a value.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        &self.text[span.range()]
    }

    /// The bytes of a value.
    pub(super) fn bytes(&self, span: Span) -> &'a [u8] {
        &self.text.as_bytes()[span.range()]
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
    #[inline(always)]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let text = self.text.as_bytes();
        self.at = gap(text, self.at);
        text.get(self.at).copied()
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Scanned<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the body")),
        }
    }

    /// Reads over one value of any kind.
    #[inline(always)]
    pub(super) fn value(&mut self) -> Scanned<(Kind, Span)> {
        let first = self.peek();
        let start = self.at;
        let kind = match first {
            Some(b'{') => {
                self.container()?;
                Kind::Object
            }
            Some(b'[') => {
                self.container()?;
                Kind::Array
            }
            first => {
                let (kind, end) = self.scalar(first, start)?;
                self.at = end;
                kind
            }
        };
        Ok((kind, Span::new(start, self.at)))
    }

    /// Reads over a value that nobody wants.
    #[inline(never)]
    fn skip(&mut self) -> Scanned<()> {
        self.value().map(drop)
    }

    /// The scalar that begins with `first` at `at`: its kind, and where it ends.
    #[inline(always)]
    fn scalar(&mut self, first: Option<u8>, at: usize) -> Scanned<(Kind, usize)> {
        let text = self.text.as_bytes();
        Ok(match first {
            Some(b'"') => {
                self.price += price::STRING;
                (Kind::String, string(text, at + 1)?.end)
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = number(text, at)?;
                self.is_odd |= number.may_overflow;
                (number.kind, number.end)
            }
            Some(b't') => (Kind::Bool, word(text, at, b"true")?),
            Some(b'f') => (Kind::Bool, word(text, at, b"false")?),
            Some(b'n') => (Kind::Null, word(text, at, b"null")?),
            _ => return Err(expected("a value", at)),
        })
    }

    /// Reads over the container at the current place, however deep it is. It
    /// does not call itself: a level costs a bit, and the place stays in a register.
    #[inline(never)]
    fn container(&mut self) -> Scanned<()> {
        let text = self.text.as_bytes();
        let outside = self.depth;
        let mut at = self.at;
        let mut close = b']';
        loop {
            // At the first byte of a value.
            let first = text.get(at).copied();
            if let Some(open @ (b'{' | b'[')) = first {
                self.enter()?;
                close = self.note(open);
                at = gap(text, at + 1);
                if text.get(at) != Some(&close) {
                    self.price += price::container(close);
                    if close == b'}' {
                        at = self.name_inside(at)?;
                    }
                    continue;
                }
            } else {
                at = self.scalar(first, at)?.1;
            }
            // Behind a value, or before the end of an empty container.
            loop {
                at = gap(text, at);
                match text.get(at) {
                    Some(b',') => break,
                    Some(byte) if *byte == close => at += 1,
                    _ if close == b'}' => return Err(expected("`,` or `}`", at)),
                    _ => return Err(expected("`,` or `]`", at)),
                }
                self.depth -= 1;
                if self.depth == outside {
                    self.at = at;
                    return Ok(());
                }
                close = self.close_of_this();
            }
            at = gap(text, at + 1);
            if close == b'}' {
                at = self.name_inside(at)?;
            } else {
                self.price += price::ELEMENT;
            }
        }
    }

    /// Reads over the member name at `at`, and gives where its value begins.
    #[inline(always)]
    fn name_inside(&mut self, at: usize) -> Scanned<usize> {
        let text = self.text.as_bytes();
        let (quoted, value) = name(text, at, 0)?;
        self.price += price::MEMBER;
        if matches!(text[at + 1], b'$' | b'\\') {
            self.note_name(at, quoted.end);
        }
        Ok(gap(text, value))
    }

    /// Notes whether serde_json keeps the name with this token for itself. Few names begin as its own
    /// do, so that hardly any is decoded.
    #[inline(never)]
    fn note_name(&mut self, start: usize, end: usize) {
        let token = &self.text[start..end];
        let begins_so = token.starts_with("\"$") || token.starts_with("\"\\u0024");
        if begins_so && RESERVED_LEN.contains(&token.len()) {
            let name = decode(token);
            self.has_reserved_name |= name.is_ok_and(|name| RESERVED.contains(&&*name));
        }
    }

    /// Goes a level deeper.
    #[inline(always)]
    fn enter(&mut self) -> Scanned<()> {
        if self.depth == self.max_depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    /// Notes of the container that is now the innermost by which byte it opened; gives the one that
    /// closes it.
    #[inline(always)]
    fn note(&mut self, open: u8) -> u8 {
        let depth = self.depth - 1;
        let (word, bit) = (&mut self.objects[depth / 64], 1 << (depth % 64));
        if open == b'{' {
            *word |= bit;
            b'}'
        } else {
            *word &= !bit;
            b']'
        }
    }

    /// The byte that closes the container that is now the innermost.
    #[inline(always)]
    fn close_of_this(&self) -> u8 {
        let depth = self.depth - 1;
        match self.objects[depth / 64] >> (depth % 64) & 1 {
            0 => b']',
            _ => b'}',
        }
    }

    #[cold]
    fn too_deep(&self) -> Box<Fault> {
        let limit = self.max_depth;
        Fault::TooDeep { limit }.into()
    }

    /// Goes into the object at the current place, for [`Scanner::next`]: it may have `max_members`.
    pub(super) fn object(&mut self, max_members: usize) -> Scanned<Members<'a>> {
        self.enter()?;
        self.at += 1;
        Ok(Members::new(max_members))
    }

    /// Goes to the value of the next member that is a part, and not there before (SPEC A-25, PITFALLS R-38).
    /// Other members are read over; `None` when the object has ended.
    #[inline(always)]
    pub(super) fn next<P: Part>(&mut self, members: &mut Members<'a>) -> Scanned<Option<P>> {
        let text = self.text.as_bytes();
        loop {
            let mut at = gap(text, self.at);
            match text.get(at) {
                Some(b'}') => {
                    self.at = at + 1;
                    self.depth -= 1;
                    return Ok(None);
                }
                Some(b',') if members.is_begun => at = gap(text, at + 1),
                _ if members.is_begun => return Err(expected("`,` or `}`", at)),
                _ => {
                    members.is_begun = true;
                    self.price += price::OBJECT;
                }
            }
            // A prefix is plain text, and need not be looked at again for where the name ends.
            let rest = text.get(at + 1..).unwrap_or_default();
            let prefix = match rest.starts_with(P::PREFIX) {
                true => P::PREFIX.len(),
                false => 0,
            };
            let (quoted, value) = name(text, at, prefix)?;
            self.at = value;
            self.price += price::MEMBER;
            let part = if quoted.is_escaped {
                members.add_decoded(&self.text[at..quoted.end])?
            } else {
                members.add(&text[at + 1..quoted.end - 1])
            };
            match part {
                Some(part) => return Ok(Some(part)),
                None => {
                    self.note_name(at, quoted.end);
                    self.skip()?;
                }
            }
        }
    }

    /// Goes into the array at the current place, for [`Scanner::next_element`].
    pub(super) fn array(&mut self) -> Scanned<Elements> {
        self.enter()?;
        self.at += 1;
        Ok(Elements { is_begun: false })
    }

    /// Goes to the next element; false when the array has ended.
    pub(super) fn next_element(&mut self, elements: &mut Elements) -> Scanned<bool> {
        let is_begun = std::mem::replace(&mut elements.is_begun, true);
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(false);
            }
            Some(b',') if is_begun => self.at += 1,
            _ if is_begun => return Err(self.expected("`,` or `]`")),
            _ => {}
        }
        Ok(true)
    }

    fn expected(&self, what: &'static str) -> Box<Fault> {
        expected(what, self.at)
    }
}

/// The member name at `at`, which begins with `prefix` plain bytes at least, and what follows its
/// colon.
#[inline(always)]
fn name(text: &[u8], at: usize, prefix: usize) -> Scanned<(Quoted, usize)> {
    if text.get(at) != Some(&b'"') {
        return Err(expected("a member name", at));
    }
    let name = string(text, at + 1 + prefix)?;
    let colon = gap(text, name.end);
    if text.get(colon) != Some(&b':') {
        return Err(expected("`:`", colon));
    }
    Ok((name, colon + 1))
}

/// What is known of an array while it is read.
pub(super) struct Elements {
    is_begun: bool,
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

/// How many steps the scanners of this thread took, so that a test can count them where it would
/// have to measure time (PITFALLS R-40). Each reads on: the scanner never goes back.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    pub(in crate::wire::jsonrpc) fn count() {
        STEPS.set(STEPS.get() + 1);
    }

    pub(in crate::wire::jsonrpc) fn of(run: impl FnOnce()) -> usize {
        let before = STEPS.get();
        run();
        STEPS.get() - before
    }
}
