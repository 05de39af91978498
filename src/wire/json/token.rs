//! The tokens of JSON: where one ends, or why it is invalid. These are functions of the text and a
//! position, so that the position stays in a register while values are read.

use super::fault::{Fault, Scanned};
use super::plain::{plain_run, run_after_escape};
use super::span::Kind;
#[cfg(test)]
use super::steps;

/// Where the white space that begins at `at` ends. Nearly every client sends none.
#[inline(always)]
pub(super) fn gap(text: &[u8], at: usize) -> usize {
    #[cfg(test)]
    steps::count();
    match text.get(at) {
        Some(0..=b' ') => rest_of_gap(text, at),
        _ => at,
    }
}

#[inline(never)]
fn rest_of_gap(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = text.get(at) {
        #[cfg(test)]
        steps::count();
        at += 1;
    }
    at
}

/// A string with its quotes.
#[derive(Clone, Copy)]
pub(super) struct Quoted {
    pub(super) end: usize,
    pub(super) is_escaped: bool,
}

/// The string whose opening quote, and the bytes after it that are known to be plain, end at `at`.
#[inline(always)]
pub(super) fn string(text: &[u8], at: usize) -> Scanned<Quoted> {
    #[cfg(test)]
    steps::count();
    let end = plain_run(text, at);
    if text.get(end) == Some(&b'"') {
        let end = end + 1;
        return Ok(Quoted {
            end,
            is_escaped: false,
        });
    }
    let end = rest_of_string(text, end)?;
    Ok(Quoted {
        end,
        is_escaped: true,
    })
}

/// Reads a string on from its first mark. This is a function of its own, so that strings without escapes,
/// as nearly all are, stay fast.
#[inline(never)]
fn rest_of_string(text: &[u8], mut at: usize) -> Scanned<usize> {
    loop {
        #[cfg(test)]
        steps::count();
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(text, at)?,
            Some(0..0x20) => return Err(expected("no raw control character in a string", at)),
            Some(_) => at = run_after_escape(text, at),
            None => return Err(expected("the end of a string", at)),
        }
    }
}

/// Where the string at `at` ends, in text that the scanner has checked: escapes are skipped unread.
pub(super) fn checked_string(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        at = plain_run(text, at);
        match text.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return text.len(),
        }
    }
}

/// Reads one escape, which begins with the backslash at `at`. A surrogate must be one of a pair: a single
/// one names no character, and readers differ in what they make of it (PITFALLS R-40).
#[inline(always)]
fn escape(text: &[u8], at: usize) -> Scanned<usize> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let next = at + 6;
            match hex4(text, at)? {
                0xD800..=0xDBFF if text[next..].starts_with(b"\\u") => match hex4(text, next)? {
                    0xDC00..=0xDFFF => Ok(next + 6),
                    _ => Err(expected("a low surrogate", next + 6)),
                },
                0xD800..=0xDFFF => Err(expected("a surrogate pair", next)),
                _ => Ok(next),
            }
        }
        _ => Err(expected("an escape", at)),
    }
}

/// The code of the `\uXXXX` at `at`.
#[inline(always)]
fn hex4(text: &[u8], at: usize) -> Scanned<u32> {
    let digits = text.get(at + 2..at + 6).and_then(<[u8]>::first_chunk::<4>);
    let values = digits.map_or([NO_DIGIT; 4], |digits| {
        digits.map(|digit| HEX_DIGITS[usize::from(digit)])
    });
    if values.iter().fold(0, |bits, value| bits | value) & NO_DIGIT != 0 {
        return Err(expected("four hex digits", at));
    }
    let push = |code, &value| code << 4 | u32::from(value);
    Ok(values.iter().fold(0, push))
}

/// The value of each byte as a hex digit.
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

/// A bit that the value of no digit has.
const NO_DIGIT: u8 = 0x80;

/// Ten to this power is surely in the range of a double.
const SURE_POWER: usize = 300;

pub(super) struct Number {
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// Whether it may be outside the range of a double.
    pub(super) may_overflow: bool,
}

/// The number at `start`, where there is a digit or a minus.
#[inline(always)]
pub(super) fn number(text: &[u8], start: usize) -> Scanned<Number> {
    let mut at = start + usize::from(text.get(start) == Some(&b'-'));
    // RFC 8259: int = zero / ( digit1-9 *DIGIT )
    at = match text.get(at) {
        Some(b'0') => at + 1,
        _ => digits(text, at)?,
    };
    match text.get(at) {
        Some(b'.' | b'e' | b'E') => rest_of_number(text, start, at),
        _ => Ok(Number {
            end: at,
            kind: Kind::Integer,
            may_overflow: at - start > SURE_POWER,
        }),
    }
}

/// Reads a number on after its integer digits. Whatever its fraction, it is less than ten to the power of
/// the number of these digits plus the exponent.
#[inline(never)]
fn rest_of_number(text: &[u8], start: usize, mut at: usize) -> Scanned<Number> {
    let power = at - start;
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    let mut may_overflow = power > SURE_POWER;
    if let Some(b'e' | b'E') = text.get(at) {
        let significand = &text[start..at];
        at += 1;
        let sign = text.get(at);
        if let Some(b'+' | b'-') = sign {
            at += 1;
        }
        let end = digits(text, at)?;
        if sign != Some(&b'-') && power.saturating_add(exponent(&text[at..end])) > SURE_POWER {
            // Zero is zero, whatever its exponent.
            may_overflow = significand.iter().any(|byte| matches!(byte, b'1'..=b'9'));
        }
        at = end;
    }
    Ok(Number {
        end: at,
        kind: Kind::Decimal,
        may_overflow,
    })
}

/// The number that these digits spell, or the largest `usize` if it does not fit.
fn exponent(digits: &[u8]) -> usize {
    let push = |sum: usize, digit: &u8| {
        sum.saturating_mul(10)
            .saturating_add(usize::from(digit - b'0'))
    };
    digits.iter().fold(0, push)
}

#[inline(always)]
fn digits(text: &[u8], start: usize) -> Scanned<usize> {
    let mut at = start;
    while let Some(b'0'..=b'9') = text.get(at) {
        #[cfg(test)]
        steps::count();
        at += 1;
    }
    if at == start {
        return Err(expected("a digit", at));
    }
    Ok(at)
}

/// One of the words `true`, `false` and `null`.
#[inline(always)]
pub(super) fn word(text: &[u8], at: usize, word: &[u8]) -> Scanned<usize> {
    let end = at + word.len();
    match text.get(at..end) {
        Some(found) if found == word => Ok(end),
        _ => Err(expected("a value", at)),
    }
}

#[cold]
#[inline(never)]
pub(super) fn expected(what: &'static str, at: usize) -> Box<Fault> {
    Box::new(Fault::Syntax { at, expected: what })
}
