//! Base64 with the standard alphabet and padding (RFC 4648, section 4). It is written by hand because
//! an eighth dependency of the default build would be used for nothing else.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes to text (SPEC E-41).
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            if digit <= chunk.len() {
                let index = bits >> (18 - 6 * digit) & 63;
                text.push(char::from(ALPHABET[index as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// Text to bytes. It accepts exactly the texts that [`encode`] writes, so that no two texts stand for
/// the same bytes: the padding is required, and unused bits are zero (SPEC D-37).
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    // At most two: a third `=` is left to be refused as a digit.
    let digits = text.strip_suffix('=').unwrap_or(text);
    let digits = digits.strip_suffix('=').unwrap_or(digits);
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in digits.as_bytes().chunks(4) {
        let mut bits = 0;
        for at in 0..4 {
            bits = bits << 6 | chunk.get(at).map_or(Some(0), |&digit| value_of(digit))?;
        }
        let [_, decoded @ ..] = bits.to_be_bytes();
        // Two digits carry one byte, three carry two, four carry three.
        let (whole, spare) = decoded.split_at(chunk.len() - 1);
        if spare.iter().any(|&bits| bits != 0) {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    Some(bytes)
}

fn value_of(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SPEC E-41: the vectors of RFC 4648, section 10.
    #[test]
    fn text_is_padded_and_standard() {
        #[track_caller]
        fn check(bytes: impl AsRef<[u8]>, text: &str) {
            assert_eq!(encode(bytes.as_ref()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_ref()));
        }
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foob", "Zm9vYg==");
        check("fooba", "Zm9vYmE=");
        check("foobar", "Zm9vYmFy");
        check([0xFB, 0xFF], "+/8=");
        check([0; 3], "AAAA");
        check([0xFF; 3], "////");
    }

    /// SPEC D-37: bad alphabet, bad padding.
    #[test]
    fn all_other_text_is_refused() {
        #[track_caller]
        fn check(text: &str) {
            assert_eq!(decode(text), None, "{text}");
        }
        // Padding: missing, too much, alone, in the middle.
        check("Zg");
        check("Zg=");
        check("Zm8");
        check("Zm9v=");
        check("Zm9v====");
        check("Z===");
        check("====");
        check("==");
        check("=");
        check("Zg==Zg==");
        check("Z=g=");
        // Length: a digit alone carries no byte.
        check("Z");
        check("Zm9vY");
        // Alphabet: of URLs, white space, other bytes.
        check("-_8=");
        check("Zm 9");
        check("Zm9v\n");
        check(" Zm9");
        check("Zm9\0");
        check("Zmé");
        check("Zg?=");
        // Bits that no byte needs.
        check("Zh==");
        check("Zm9=");
        check("//==");
    }

    proptest! {
        /// SPEC D-37: each text that is accepted is the one text of its bytes.
        #[test]
        fn bytes_and_texts_go_in_pairs(bytes: Vec<u8>, text in "[A-Za-c/+]{0,5}[Aag/=]{0,3}") {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
