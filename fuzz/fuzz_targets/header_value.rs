//! Encoding any text as a header value and decoding it returns the same text. Any bytes decode to the same text, or
//! fail alike, in the crate and in an independent reader.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_wire::header_value::{decode, encode};
use mcp_wire_fuzz::header;

fuzz_target!(|bytes: &[u8]| {
    decodes_alike(bytes);
    // The fuzzer would rarely find the Base64 form by chance.
    decodes_alike(&[b"=?base64?", bytes, b"?="].concat());

    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let value = encode(text);
    // SPEC D-36: every proxy passes on visible ASCII.
    assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    assert_eq!(value.trim(), value);
    assert_eq!(decode(value.as_bytes()).as_deref().ok(), Some(text));
    assert_eq!(header::read(value.as_bytes()).as_deref(), Some(text));
    // SPEC D-33: white space that a proxy adds does not count.
    let value = format!(" \t{value}\t ");
    assert_eq!(decode(value.as_bytes()).as_deref().ok(), Some(text));
    // A text that can be sent unencoded is not encoded, except for a text with tabs, which are control characters.
    if header::read(bytes).as_deref() == Some(text) && !text.contains('\t') {
        assert_eq!(encode(text), text);
    }
});

fn decodes_alike(value: &[u8]) {
    assert_eq!(
        decode(value).ok().as_deref(),
        header::read(value).as_deref()
    );
}
