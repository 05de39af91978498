//! Runs of plain bytes: the bytes of a JSON string that are no quotes, escapes or control characters.
//! They are most of a body, so their speed is the speed of the parser.

const WORD: usize = 8;
const BLOCK: usize = 32;

/// Where the run of plain bytes that begins at `at` ends: at a quote, a backslash, a control character
/// (a *mark*), or at the end of the text.
#[inline(always)]
pub(super) fn plain_run(text: &[u8], at: usize) -> usize {
    // Names and most values end in the first word or the second.
    match words::<2>(text, at) {
        Words::Plain => long_run(text, at + 2 * WORD),
        Words::Mark(at) => at,
        Words::Cut => short_run(text, at),
    }
}

/// The same after an escape: the next escape is often near, or a line of text away.
#[inline(always)]
pub(super) fn run_after_escape(text: &[u8], at: usize) -> usize {
    match words::<1>(text, at) {
        Words::Plain => block_run(text, at + WORD),
        Words::Mark(at) => at,
        Words::Cut => short_run(text, at),
    }
}

/// Whether a text has a character that needs an escape in a JSON string.
#[cfg(any(test, feature = "server"))]
pub(super) fn has_mark(text: &[u8]) -> bool {
    plain_run(text, 0) != text.len()
}

/// Whether the text of a string, which the scanner has checked, has a backslash.
pub(super) fn has_escape(text: &[u8]) -> bool {
    // A run reads its last few bytes one by one, which is slow for a short text.
    match text.len() {
        0..=32 => text.contains(&b'\\'),
        len => plain_run(text, 0) != len,
    }
}

/// Two more words. A run that is longer still is usually very long.
#[inline(never)]
fn long_run(text: &[u8], at: usize) -> usize {
    match words::<2>(text, at) {
        Words::Plain => block_run(text, at + 2 * WORD),
        Words::Mark(at) => at,
        Words::Cut => short_run(text, at),
    }
}

/// One block after the other, until one has a mark.
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

/// One word after the other, and then single bytes.
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
    /// The position of the first mark.
    Mark(usize),
    /// The text ends before that many words.
    Cut,
}

/// What the next `N` words have.
#[inline(always)]
fn words<const N: usize>(text: &[u8], at: usize) -> Words {
    let Some(words) = text.get(at..at + N * WORD) else {
        return Words::Cut;
    };
    for (index, word) in words.as_chunks().0.iter().enumerate() {
        if let Some(len) = first_mark(*word) {
            return Words::Mark(at + index * WORD + len);
        }
    }
    Words::Plain
}

/// The number of plain bytes before the first mark of a word; `None` if it has no mark.
#[inline(always)]
fn first_mark(word: [u8; WORD]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let word = u64::from_le_bytes(word);
    // A subtraction that borrows sets the high bit of its byte. The lowest such bit is right; those
    // above it may be wrong. A byte whose high bit was set before is plain. Flipping bit 1 swaps the
    // quote with the space, which comes after the control characters, and maps control characters to
    // each other: so one subtraction finds both.
    let quote_or_control = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    let marks = (quote_or_control | backslash) & !word & HIGHS;
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

/// There is no branch for each byte, so the compiler uses vector instructions.
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
        /// The result is that of looking at each byte alone, at every distance from the ends.
        #[test]
        fn a_run_ends_at_the_first_mark(
            plain in prop::collection::vec(prop_oneof![32..34u8, 35..92u8, 93..=255u8], 0..200),
            mark in prop_oneof![0..32u8, Just(b'"'), Just(b'\\')],
            after in prop::collection::vec(any::<u8>(), 0..80),
            at in 0..220usize,
        ) {
            let text = [&plain[..], &[mark], &after].concat();
            let at = at.min(plain.len());
            prop_assert_eq!(plain_run(&text, at), plain.len());
            prop_assert_eq!(plain_run(&plain, at), plain.len());
            prop_assert_eq!(run_after_escape(&text, at), plain.len());
            prop_assert_eq!(run_after_escape(&plain, at), plain.len());
        }
    }

    /// Each byte, at each position of a word or block.
    #[test]
    fn every_byte_is_a_mark_or_plain() {
        for byte in 0..=255 {
            for at in 0..100 {
                let mut text = [b'a'; 100];
                text[at] = byte;
                let is_mark = matches!(byte, b'"' | b'\\' | 0..0x20);
                let end = if is_mark { at } else { text.len() };
                assert_eq!(plain_run(&text, 0), end, "{byte} at {at}");
                assert_eq!(run_after_escape(&text, 0), end, "{byte} at {at}");
            }
        }
        assert_eq!(
            plain_run(b"abc", 7),
            7,
            "past the end, as a broken escape leads to"
        );
    }
}
