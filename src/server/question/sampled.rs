//! [`Sampled`]: what the model of a client said. SPEC E-100.

use serde_json::{Map, Value};

/// What the client's model said.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sampled {
    /// The model that answered.
    pub model: String,
    /// The text of all text blocks, joined; `None` if there are none.
    pub text: Option<String>,
    /// Why the model stopped, if the client says so.
    pub stop_reason: Option<String>,
    /// The tools that the model wants to use. From 2025-11-25 on.
    pub tool_uses: Vec<ToolUse>,
    /// The whole answer of the client.
    pub raw: Value,
}

/// A tool that the model wants to use.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolUse {
    /// Names this use in [`Sampling::tool_turn`](crate::server::Sampling::tool_turn).
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The arguments, which the model made up: check them.
    pub input: Map<String, Value>,
}

impl Sampled {
    /// Reads the answer; `None` if it is malformed (SPEC E-100).
    pub(crate) fn read(answer: Value) -> Option<Self> {
        let text = |key: &str| Some(answer.get(key)?.as_str()?.to_owned());
        if !matches!(&*text("role")?, "user" | "assistant") {
            return None;
        }
        let content = answer.get("content")?;
        let blocks = match content {
            Value::Array(blocks) => blocks.as_slice(),
            block => std::slice::from_ref(block),
        };
        if !blocks.iter().all(is_block) {
            return None;
        }
        Some(Self {
            model: text("model")?,
            stop_reason: text("stopReason"),
            text: text_of(blocks),
            tool_uses: blocks.iter().filter_map(ToolUse::read).collect(),
            raw: answer,
        })
    }

    /// The content, unchanged, so that its `_meta` goes back to the client too.
    pub(crate) fn content(&self) -> Value {
        self.raw.get("content").cloned().unwrap_or_default()
    }
}

impl ToolUse {
    /// `None` for a block of another type, or a malformed one.
    fn read(block: &Value) -> Option<Self> {
        let text = |key: &str| Some(block.get(key)?.as_str()?.to_owned());
        (text("type")? == "tool_use").then_some(())?;
        Some(Self {
            id: text("id")?,
            name: text("name")?,
            input: block.get("input")?.as_object()?.clone(),
        })
    }
}

fn text_of(blocks: &[Value]) -> Option<String> {
    let texts: Vec<_> = blocks
        .iter()
        .filter_map(|block| block.get("text")?.as_str())
        .collect();
    (!texts.is_empty()).then(|| texts.concat())
}

/// Whether a block has the members of its type. Blocks of unknown types pass (SPEC E-100).
fn is_block(block: &Value) -> bool {
    let has = |key: &str| block.get(key).is_some_and(Value::is_string);
    match block.get("type").and_then(Value::as_str) {
        Some("text") => has("text"),
        Some("image" | "audio") => has("data") && has("mimeType"),
        Some("tool_use") => ToolUse::read(block).is_some(),
        Some(_) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn uses(ids: &[&str]) -> Sampled {
        let used =
            |id: &&str| json!({"type": "tool_use", "id": id, "name": "t", "input": {"a": 1}});
        let mut content: Vec<_> = ids.iter().map(used).collect();
        content.insert(0, json!({"type": "text", "text": "let me see"}));
        let answer = json!({"role": "assistant", "model": "m", "stopReason": "toolUse",
            "content": content});
        Sampled::read(answer).unwrap()
    }

    /// SPEC E-100, K: what the model said, in one block or several.
    #[test]
    fn an_answer_is_read_block_by_block() {
        let sampled = uses(&["1"]);
        assert_eq!(sampled.text.as_deref(), Some("let me see"));
        assert_eq!(sampled.stop_reason.as_deref(), Some("toolUse"));
        assert_eq!(sampled.tool_uses.len(), 1);
        let ToolUse { id, name, input } = &sampled.tool_uses[0];
        assert_eq!((id.as_str(), name.as_str()), ("1", "t"));
        assert_eq!(input["a"], 1);
        let read = |content: Value| {
            Sampled::read(json!({"role": "assistant", "model": "m", "content": content}))
        };
        let used = json!({"type": "tool_use", "id": "1", "name": "t", "input": {}});
        assert_eq!(read(used.clone()).unwrap().tool_uses.len(), 1);
        assert_eq!(read(used.clone()).unwrap().text, None);
        for key in ["id", "name", "input"] {
            let mut broken = used.clone();
            broken[key] = json!(1);
            assert_eq!(read(json!([broken])), None, "{key}");
        }
        assert!(read(json!({"type": "new"})).is_some(), "SPEC E-100");
    }
}
