//! Arguments of a tool that its calls repeat in headers, because its input schema says so with
//! `x-mcp-header` (*2026-07-28, Transports, Streamable HTTP*).

use serde_json::Value;

use super::http::Headers;
use crate::protocol::header::param_name;
use crate::wire::header_value;

/// The headers of a call with these arguments.
pub(super) fn headers(schema: &Value, arguments: &Value) -> Headers {
    let mut headers = Headers::new();
    visit(schema, arguments, &mut headers);
    headers
}

fn visit(schema: &Value, value: &Value, headers: &mut Headers) {
    let name = schema["x-mcp-header"].as_str().and_then(param_name);
    headers.extend(name.zip(text_of(value)));
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        visit(property, &value[key], headers);
    }
}

/// The text of a value that a header can carry.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(header_value::encode(text).into_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
