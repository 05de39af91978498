//! The texts of errors and of peers, as an operator gets them in a line of a log.

use std::error::Error;
use std::fmt::Write;

/// The text of an error, with the texts of its sources.
pub(crate) fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// Printable ASCII of at most this many bytes, and an ellipsis if the text has more.
pub(crate) fn printable(text: &[u8], limit: usize) -> Box<str> {
    let mut escaped = text.escape_ascii().map(char::from);
    let mut shown: String = escaped.by_ref().take(limit).collect();
    if escaped.next().is_some() {
        shown.push_str("...");
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the notes cannot be read")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_has_every_source() {
        let inner = Outer(io::Error::other("disk"));
        assert_eq!(with_sources(&inner), "the notes cannot be read: disk");
        let wrapped = io::Error::other(inner);
        assert_eq!(with_sources(&wrapped), "the notes cannot be read: disk");
    }

    /// PITFALLS R-27: no peer writes its own lines into a log.
    #[test]
    fn a_text_fits_into_a_line_of_a_log() {
        #[track_caller]
        fn check(text: &[u8], expected: &str) {
            let shown = printable(text, 16);
            assert_eq!(&*shown, expected);
            assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
        check(b"evil.example:80", "evil.example:80");
        check(b"", "");
        check(b"a\r\nb=\"c\"\\", r#"a\r\nb=\"c\"\\"#);
        check(b"\x1b[31m\x7f\xff\t", r"\x1b[31m\x7f\xff...");
        check(&[b'a'; 16], &"a".repeat(16));
        check(&[b'a'; 17], &format!("{}...", "a".repeat(16)));
        check(&vec![0xFF; 1 << 16], &format!("{}...", r"\xff".repeat(4)));
    }
}
