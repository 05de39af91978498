//! One pass over JSON text: it checks the grammar and says where values lie, and builds nothing.
//!
//! Why not serde_json: its `RawValue` skips a value without a depth limit and without looking for
//! lone surrogates, and it re-reads nested objects. A small call read that way, into maps that borrow,
//! costs 3.0 times the instructions, and 3.7 times as a `Value` (callgrind; the bodies and the clock
//! are in `cargo bench --bench wire`, group `parse`). The fuzz target `jsonrpc_parse` holds this scanner
//! to serde_json's verdict.

use super::fault::{Fault, Scanned};
use super::members::{Members, Part};
use super::price;
use super::span::{Kind, Span};
use super::string::decode;
use super::token::{Quoted, expected, gap, number, string, word};

/// The default limit of nesting.
pub(in crate::wire) const MAX_DEPTH: usize = 64;

/// The deepest nesting that a scanner can follow: it keeps a bit for each level.
pub(in crate::wire) const DEPTH_CEILING: usize = 512;

/// Names to which features of serde_json give a special meaning.
const RESERVED: [&str; 2] = [
    "$serde_json::private::RawValue",
    "$serde_json::private::Number",
];
/// The possible lengths of their tokens: from the shorter one without escapes to the longer one with
/// nothing but escapes.
const RESERVED_LEN: std::ops::RangeInclusive<usize> =
    RESERVED[1].len() + 2..=6 * RESERVED[0].len() + 2;

/// A depth that serde_json can surely read.
const SURE_DEPTH: usize = 120;

pub(in crate::wire) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    max_depth: usize,
    may_overflow: bool,
    /// The most heap that a tree of the text so far would take. The strings of the whole text are charged
    /// at the start.
    price: u64,
    has_reserved_name: bool,
    /// A bit for each container that [`Scanner::container`] is in, by its depth: whether it is an object.
    objects: [u64; DEPTH_CEILING / 64],
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`, which may nest `max_depth` levels deep, up to [`DEPTH_CEILING`].
    pub(in crate::wire) fn new(text: &'a [u8], max_depth: usize) -> Scanned<Self> {
        if u32::try_from(text.len()).is_err() {
            return Err(Fault::TooLong.into());
        }
        // SPEC A-23: the whole body is UTF-8.
        let text = std::str::from_utf8(text).map_err(|error| Fault::Utf8 {
            at: error.valid_up_to(),
        })?;
        let max_depth = max_depth.min(DEPTH_CEILING);
        Ok(Self {
            text,
            at: 0,
            depth: 0,
            max_depth,
            may_overflow: max_depth > SURE_DEPTH,
            price: text.len() as u64,
            has_reserved_name: false,
            objects: Default::default(),
        })
    }

    /// Whether serde_json may be unable to read the text so far: it refuses numbers outside the range of a
    /// double, and more than 127 levels of nesting.
    pub(in crate::wire) fn may_overflow(&self) -> bool {
        self.may_overflow
    }

    /// What is wrong with the values so far, whatever message they are part of: a tree of them would
    /// take more than `max_tree` bytes of heap, or a member has a name that serde_json keeps for
    /// itself. It reads a string after `$serde_json::private::RawValue` as JSON once more, and so makes
    /// another tree of the text than every other reader, as large and as deep as that string says.
    #[inline(always)]
    pub(in crate::wire) fn fault(&self, max_tree: usize) -> Option<Box<Fault>> {
        let is_large = self.price > max_tree as u64;
        (is_large || self.has_reserved_name).then(|| {
            Box::new(match is_large {
                true => Fault::LargeTree { limit: max_tree },
                false => Fault::ReservedName,
            })
        })
    }

    /// The text of a value.
    pub(in crate::wire) fn slice(&self, span: Span) -> &'a str {
        &self.text[span.range()]
    }

    /// The bytes of a value.
    pub(in crate::wire) fn bytes(&self, span: Span) -> &'a [u8] {
        &self.text.as_bytes()[span.range()]
    }

    /// The current position, for [`Scanner::since`].
    pub(in crate::wire) fn position(&self) -> usize {
        self.at
    }

    /// Everything that was read since `start`.
    pub(in crate::wire) fn since(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }

    /// Skips white space and looks at the next byte.
    #[inline(always)]
    pub(in crate::wire) fn peek(&mut self) -> Option<u8> {
        let text = self.text.as_bytes();
        self.at = gap(text, self.at);
        text.get(self.at).copied()
    }

    /// Checks that only white space follows.
    pub(in crate::wire) fn end(&mut self) -> Scanned<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end of the body")),
        }
    }

    /// Reads one value of any kind.
    #[inline(always)]
    pub(in crate::wire) fn value(&mut self) -> Scanned<(Kind, Span)> {
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

    /// Reads a value that is no part.
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
                self.may_overflow |= number.may_overflow;
                (number.kind, number.end)
            }
            Some(b't') => (Kind::Bool, word(text, at, b"true")?),
            Some(b'f') => (Kind::Bool, word(text, at, b"false")?),
            Some(b'n') => (Kind::Null, word(text, at, b"null")?),
            _ => return Err(expected("a value", at)),
        })
    }

    /// Reads the container at the current position. It is a loop and no recursion: a level costs one bit,
    /// and the position stays in a register.
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
            // After a value, or at the end of an empty container.
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

    /// Reads the member name at `at`, and returns where its value begins.
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

    /// Notes whether the name with this token has a special meaning for serde_json. Few names begin like
    /// those, so hardly any is decoded.
    #[inline(never)]
    fn note_name(&mut self, start: usize, end: usize) {
        let token = &self.text[start..end];
        let begins_so = token.starts_with("\"$") || token.starts_with("\"\\u0024");
        if begins_so && RESERVED_LEN.contains(&token.len()) {
            let name = decode(token);
            self.has_reserved_name |= name.is_ok_and(|name| RESERVED.contains(&&*name));
        }
    }

    /// Goes one level deeper.
    #[inline(always)]
    fn enter(&mut self) -> Scanned<()> {
        if self.depth == self.max_depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    /// Notes which byte opened the innermost container; returns the byte that closes it.
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

    /// The byte that closes the innermost container.
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

    /// Enters the object at the current position, for [`Scanner::next`].
    pub(in crate::wire) fn object(&mut self, max_members: usize) -> Scanned<Members<'a>> {
        self.enter()?;
        self.at += 1;
        Ok(Members::new(max_members))
    }

    /// Goes to the value of the next member that is a part and no duplicate (SPEC A-25, PITFALLS R-38), and
    /// skips other members. `None` at the end of the object.
    #[inline(always)]
    pub(in crate::wire) fn next<P: Part>(
        &mut self,
        members: &mut Members<'a>,
    ) -> Scanned<Option<P>> {
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
            // A prefix has no marks, so the search for the end of the name begins after it.
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

    /// Enters the array at the current position, for [`Scanner::next_element`].
    pub(in crate::wire) fn array(&mut self) -> Scanned<Elements> {
        self.enter()?;
        self.at += 1;
        Ok(Elements { is_begun: false })
    }

    /// Goes to the next element; false at the end of the array.
    pub(in crate::wire) fn next_element(&mut self, elements: &mut Elements) -> Scanned<bool> {
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

/// The member name at `at`, and the position after its colon. The first `prefix` bytes of the name are
/// known to be plain.
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

/// The state of an array while it is read.
pub(in crate::wire) struct Elements {
    is_begun: bool,
}
