//! Texts that are expensive for the server: short to send, long to keep or slow to read.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No text, to check that the way itself works.
    Nothing,
    /// One long string.
    Padding,
    Numbers,
    Exponents,
    EmptyTexts,
    ShortTexts,
    EmptyObjects,
    SmallObjects,
    DeepArrays,
    DeepObjects,
    Escapes,
    Names,
    RepeatedNames,
    /// Many header fields instead of one long one.
    ManyFields,
}

/// The depth of nested shapes, which is within the limit at every place.
const DEPTH: usize = 50;

impl Shape {
    /// Elements of an array, of about this many bytes.
    pub(crate) fn elements(self, bytes: usize) -> String {
        let deep = |open: &str, close: &str| {
            let one = [open.repeat(DEPTH), close.repeat(DEPTH)].concat();
            listed(bytes, |_| one.clone())
        };
        match self {
            Self::Nothing => String::new(),
            Self::Padding | Self::ManyFields => format!("\"{}\"", "x".repeat(bytes)),
            Self::Escapes => format!("\"{}\"", "\\n".repeat(bytes / 2)),
            Self::Numbers => listed(bytes, |_| "0".to_owned()),
            Self::Exponents => listed(bytes, |_| "1e1".to_owned()),
            Self::EmptyTexts => listed(bytes, |_| "\"\"".to_owned()),
            Self::ShortTexts => listed(bytes, |at| format!("\"n:{at:x}\"")),
            Self::EmptyObjects => listed(bytes, |_| "{}".to_owned()),
            Self::SmallObjects => listed(bytes, |_| "{\"\":0}".to_owned()),
            Self::DeepArrays => deep("[", "]"),
            Self::DeepObjects => {
                // The innermost object is empty.
                let one = format!("{}{{}}{}", "{\"\":".repeat(DEPTH), "}".repeat(DEPTH));
                listed(bytes, |_| one.clone())
            }
            Self::Names | Self::RepeatedNames => format!("{{{}}}", self.members(bytes)),
        }
    }

    /// Members of an object, of about this many bytes.
    pub(crate) fn members(self, bytes: usize) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Names => listed(bytes, |at| format!("\"\\n{at:x}\":0")),
            Self::RepeatedNames => listed(bytes, |_| "\"\\na\":0".to_owned()),
            Self::Padding | Self::Escapes => format!("\"pad\":{}", self.elements(bytes)),
            _ => format!("\"pad\":[{}]", self.elements(bytes)),
        }
    }

    /// Header lines, of about this many bytes.
    pub(crate) fn fields(self, bytes: usize) -> String {
        /// hyper reads at most 100 fields, and the client sends some of its own.
        const FIELDS: usize = 80;
        match self {
            Self::ManyFields => (0..FIELDS)
                .map(|at| format!("X-Pad-{at}: {}\r\n", "x".repeat(bytes / FIELDS - 16)))
                .collect(),
            Self::Nothing => String::new(),
            _ => format!("X-Pad: {}\r\n", "x".repeat(bytes)),
        }
    }
}

/// Repeats an element until the text is this long, with commas in between.
fn listed(bytes: usize, one: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes + 256);
    for at in 0.. {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&one(at));
        if text.len() >= bytes {
            break;
        }
    }
    text
}
