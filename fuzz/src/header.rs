//! A reader of mirrored header values by SPEC D-33, D-36 and D-37. It decodes Base64 as a string of bits, as RFC 4648
//! describes it, which is slow and short.

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text that a value carries; `None` if it is malformed.
pub fn read(value: &[u8]) -> Option<String> {
    let mut text = String::new();
    for byte in value {
        if *byte != 9 && !(32..127).contains(byte) {
            return None;
        }
        text.push(char::from(*byte));
    }
    let text = text.trim();
    let is_marked = text.len() >= 11 && text.starts_with("=?base64?") && text.ends_with("?=");
    if !is_marked {
        return Some(text.to_owned());
    }
    String::from_utf8(base64(&text[9..text.len() - 2])?).ok()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bits = String::new();
    for digit in digits.chars() {
        bits += &format!("{:06b}", ALPHABET.find(digit)?);
    }
    // Six bits a digit, eight a byte: the padding follows from how many digits the last group has.
    let padding = match digits.len() % 4 {
        0 => 0,
        2 => 2,
        3 => 1,
        _ => return None,
    };
    if text.len() - digits.len() != padding {
        return None;
    }
    let (bytes, rest) = bits.split_at(bits.len() / 8 * 8);
    if rest.contains('1') {
        return None;
    }
    let read = |at: usize| u8::from_str_radix(&bytes[at..at + 8], 2).ok();
    (0..bytes.len()).step_by(8).map(read).collect()
}
