//! Any text comes back from the header value that carries it, and any bytes are read as a reader
//! does that shares nothing with the crate's: as the same text, or as none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_wire::header_value::{decode, encode};
use mcp_wire_fuzz::header;

fuzz_target!(|bytes: &[u8]| {
    read_alike(bytes);
    // The same bytes where Base64 is expected, which chance would rarely put there.
    read_alike(&[b"=?base64?", bytes, b"?="].concat());

    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let value = encode(text);
    // SPEC D-36: what every proxy passes on.
    assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    assert_eq!(value.trim(), value);
    assert_eq!(decode(value.as_bytes()).as_deref().ok(), Some(text));
    assert_eq!(header::read(value.as_bytes()).as_deref(), Some(text));
    // SPEC D-33: what a proxy puts around it does not count.
    let value = format!(" \t{value}\t ");
    assert_eq!(decode(value.as_bytes()).as_deref().ok(), Some(text));
    // A text that arrives as it is goes as it is. A tab inside would arrive too, but as a control
    // character it is encoded.
    if header::read(bytes).as_deref() == Some(text) && !text.contains('\t') {
        assert_eq!(encode(text), text);
    }
});

fn read_alike(value: &[u8]) {
    assert_eq!(
        decode(value).ok().as_deref(),
        header::read(value).as_deref()
    );
}
