//! [`Stranger`]: a `Host` or an `Origin` that the guard refused, for the operator's eyes (PITFALLS R-27).

/// What was refused, and the setting that would admit it. None of it goes to the peer, who knows
/// what it sent and has no business with the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    /// The header value, or several with commas between them. Invariant: printable ASCII of at most
    /// [`SHOWN`] bytes and an ellipsis, so that it can stand in a line of a log.
    pub(crate) value: Box<str>,
    /// The method of [`Builder`](crate::Builder); `None` for what no setting admits.
    pub(crate) setting: Option<&'static str>,
}

/// How much of a value is shown, in bytes.
const SHOWN: usize = 128;

impl Stranger {
    pub(crate) fn new(value: &[u8], setting: Option<&'static str>) -> Self {
        let mut shown: String = value.escape_ascii().map(char::from).take(SHOWN).collect();
        if value.escape_ascii().nth(SHOWN).is_some() {
            shown.push_str("...");
        }
        let value = shown.into();
        Self { value, setting }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PITFALLS R-27: the value and the setting are named, and no peer writes its own lines into a log.
    #[test]
    fn a_stranger_fits_into_a_line_of_a_log() {
        #[track_caller]
        fn check(value: &[u8], shown: &str) {
            let stranger = Stranger::new(value, Some("allowed_hosts"));
            assert_eq!(&*stranger.value, shown);
            assert!(
                stranger
                    .value
                    .bytes()
                    .all(|byte| (b' '..=b'~').contains(&byte))
            );
        }
        check(b"evil.example:80", "evil.example:80");
        check(b"", "");
        check(b"a\r\nlevel=info \"b\"\\", r#"a\r\nlevel=info \"b\"\\"#);
        check(b"\x1b[31m\x7f\xff\t", r"\x1b[31m\x7f\xff\t");
        check(&[b'a'; SHOWN], &"a".repeat(SHOWN));
        check(&[b'a'; SHOWN + 1], &format!("{}...", "a".repeat(SHOWN)));
        check(
            &vec![0xFF; 1 << 16],
            &format!("{}...", r"\xff".repeat(SHOWN / 4)),
        );
    }
}
