//! Runs of plain bytes: what a JSON string holds between quotes, escapes and control characters,
//! and most of what a body holds at all.

const WORD: usize = 8;
const BLOCK: usize = 32;

/// Where the run of plain string bytes from `at` ends: at a quote, a backslash, a control
/// character, or the end of the text.
#[inline(always)]
pub(super) fn plain_run(text: &[u8], at: usize) -> usize {
    // Names and most values end in the first word or the second.
    match words::<2>(text, at) {
        Words::Plain => long_run(text, at + 2 * WORD),
        Words::Mark(at) => at,
        Words::Cut => short_run(text, at),
    }
}

/// The same behind an escape: where there was one, the next is near or a line away.
#[inline(always)]
pub(super) fn run_behind_escape(text: &[u8], at: usize) -> usize {
    match words::<1>(text, at) {
        Words::Plain => block_run(text, at + WORD),
        Words::Mark(at) => at,
        Words::Cut => short_run(text, at),
    }
}

/// Whether a text has anything that a JSON string holds as an escape only.
pub(super) fn has_mark(text: &[u8]) -> bool {
    plain_run(text, 0) != text.len()
}

/// Whether there is a backslash in the text of a string that the scanner has checked.
pub(super) fn has_escape(text: &[u8]) -> bool {
    // A run ends with a few single bytes, of which a short text would have too many.
    match text.len() {
        0..=32 => text.contains(&b'\\'),
        len => plain_run(text, 0) != len,
    }
}

/// Two words more; and what is longer than those is mostly very long.
#[inline(never)]
fn long_run(text: &[u8], at: usize) -> usize {
    match words::<2>(text, at) {
        Words::Plain => block_run(text, at + 2 * WORD),
        Words::Mark(at) => at,
        Words::Cut => short_run(text, at),
    }
}

/// A block at a time, until one has a mark.
#[inline(never)]
fn block_run(text: &[u8], mut at: usize) -> usize {
    while let Some(block) = chunk::<BLOCK>(text, at)
        && is_plain(block)
    {
        at += BLOCK;
    }
    match words::<{ BLOCK / WORD }>(text, at) {
        Words::Mark(at) => at,
        Words::Plain | Words::Cut => short_run(text, at),
    }
}

/// A word at a time, and then a byte.
#[inline(never)]
fn short_run(text: &[u8], mut at: usize) -> usize {
    while let Some(word) = chunk::<WORD>(text, at) {
        if let Some(len) = first_mark(*word) {
            return at + len;
        }
        at += WORD;
    }
    while let Some(b' ' | b'!' | b'#'..=b'[' | b']'..) = text.get(at) {
        at += 1;
    }
    at
}

enum Words {
    Plain,
    /// Where the first mark is.
    Mark(usize),
    /// There are not so many words.
    Cut,
}

/// What there is in the next `N` words.
#[inline(always)]
fn words<const N: usize>(text: &[u8], at: usize) -> Words {
    let Some(words) = text.get(at..at + N * WORD) else {
        return Words::Cut;
    };
    for (place, word) in words.as_chunks().0.iter().enumerate() {
        if let Some(len) = first_mark(*word) {
            return Words::Mark(at + place * WORD + len);
        }
    }
    Words::Plain
}

/// How many bytes of a word are plain, if not all are.
#[inline(always)]
fn first_mark(word: [u8; WORD]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let word = u64::from_le_bytes(word);
    // A subtraction that borrows sets the high bit of its byte. The lowest bit so set is right;
    // those above it may be wrong. A byte that has its high bit anyway is plain. Turning the bit
    // of 2 swaps the quote with the space, next to the control characters, and leaves those
    // among themselves: one subtraction finds both.
    let quote_or_control = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    let marks = (quote_or_control | backslash) & !word & HIGHS;
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

/// Without a branch for a byte, so that the compiler takes vector instructions.
#[inline(always)]
fn is_plain(block: &[u8; BLOCK]) -> bool {
    let mark = |byte: u8| u8::from(byte ^ 2 < 0x21) | u8::from(byte == b'\\');
    block.iter().fold(0, |marks, &byte| marks | mark(byte)) == 0
}

#[inline(always)]
fn chunk<const N: usize>(text: &[u8], at: usize) -> Option<&[u8; N]> {
    text.get(at..at + N)?.first_chunk()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As it is when each byte is looked at alone, at every distance from the ends.
        #[test]
        fn a_run_ends_at_the_first_mark(
            plain in prop::collection::vec(prop_oneof![32..34u8, 35..92u8, 93..=255u8], 0..200),
            mark in prop_oneof![0..32u8, Just(b'"'), Just(b'\\')],
            behind in prop::collection::vec(any::<u8>(), 0..80),
            at in 0..220usize,
        ) {
            let text = [&plain[..], &[mark], &behind].concat();
            let at = at.min(plain.len());
            prop_assert_eq!(plain_run(&text, at), plain.len());
            prop_assert_eq!(plain_run(&plain, at), plain.len());
            prop_assert_eq!(run_behind_escape(&text, at), plain.len());
            prop_assert_eq!(run_behind_escape(&plain, at), plain.len());
        }
    }

    /// Each byte in each place of a word or block.
    #[test]
    fn every_byte_is_a_mark_or_plain() {
        for byte in 0..=255 {
            for at in 0..100 {
                let mut text = [b'a'; 100];
                text[at] = byte;
                let is_mark = matches!(byte, b'"' | b'\\' | 0..0x20);
                let end = if is_mark { at } else { text.len() };
                assert_eq!(plain_run(&text, 0), end, "{byte} at {at}");
                assert_eq!(run_behind_escape(&text, 0), end, "{byte} at {at}");
            }
        }
        assert_eq!(
            plain_run(b"abc", 7),
            7,
            "past the end, as a broken escape leads to"
        );
    }
}
