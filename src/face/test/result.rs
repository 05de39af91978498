//! What the requests of a client give.

use serde_json::Value;

use super::notification::Progress;

/// What a tool answered.
#[derive(Clone, Debug)]
pub struct CallResult {
    text: String,
    raw: Value,
    progress: Vec<Progress>,
}

impl CallResult {
    pub(super) fn new(raw: Value, progress: Vec<Progress>) -> Self {
        Self {
            text: joined(blocks(&raw, "content"), |block| &block["text"]),
            raw,
            progress,
        }
    }

    /// The text of all text blocks, joined by line breaks.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The structured content. `null` if there is none, as before 2025-06-18.
    #[must_use]
    pub fn structured(&self) -> &Value {
        &self.raw["structuredContent"]
    }

    /// Whether the tool failed, which the model is told with `isError`.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.raw["isError"] == true
    }

    /// The blocks of content, as they came.
    #[must_use]
    pub fn content(&self) -> &[Value] {
        blocks(&self.raw, "content")
    }

    /// What the tool told of its progress, in order.
    #[must_use]
    pub fn progress(&self) -> &[Progress] {
        &self.progress
    }

    /// The whole result, as it came.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }
}

/// The contents of a resource.
#[derive(Clone, Debug)]
pub struct ReadResult {
    text: String,
    raw: Value,
}

impl ReadResult {
    pub(super) fn new(raw: Value) -> Self {
        Self {
            text: joined(blocks(&raw, "contents"), |contents| &contents["text"]),
            raw,
        }
    }

    /// The text of all contents that are text, joined by line breaks.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The contents, as they came.
    #[must_use]
    pub fn contents(&self) -> &[Value] {
        blocks(&self.raw, "contents")
    }

    /// The whole result, as it came.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }
}

/// The messages of a prompt.
#[derive(Clone, Debug)]
pub struct PromptResult {
    text: String,
    raw: Value,
}

impl PromptResult {
    pub(super) fn new(raw: Value) -> Self {
        Self {
            text: joined(
                blocks(&raw, "messages"),
                |message| &message["content"]["text"],
            ),
            raw,
        }
    }

    /// The text of all messages that are text, joined by line breaks.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The messages, as they came.
    #[must_use]
    pub fn messages(&self) -> &[Value] {
        blocks(&self.raw, "messages")
    }

    /// The whole result, as it came.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.raw
    }
}

/// The candidates for an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompletionResult {
    /// The candidates, best first.
    pub values: Vec<String>,
    /// How many there are, if the server says so.
    pub total: Option<u64>,
    /// Whether there are more than these.
    pub has_more: bool,
}

impl CompletionResult {
    pub(super) fn read(raw: &Value) -> Self {
        let completion = &raw["completion"];
        let values = blocks(completion, "values").iter();
        Self {
            values: values
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect(),
            total: completion["total"].as_u64(),
            has_more: completion["hasMore"] == true,
        }
    }
}

fn blocks<'a>(raw: &'a Value, key: &str) -> &'a [Value] {
    raw[key].as_array().map_or(&[], Vec::as_slice)
}

fn joined(blocks: &[Value], text: impl Fn(&Value) -> &Value) -> String {
    let texts: Vec<&str> = blocks
        .iter()
        .filter_map(|block| text(block).as_str())
        .collect();
    texts.join("\n")
}
