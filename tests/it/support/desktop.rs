//! A client whose messages are lines, as desktop clients talk to the commands that they start.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::{envelope, hello, message, soon};

pub(crate) struct Desktop {
    /// Until the client closes it.
    pub(crate) input: Option<DuplexStream>,
    pub(crate) output: BufReader<DuplexStream>,
}

impl Desktop {
    /// A client, and the input and the output of its command.
    pub(crate) fn new() -> (Self, DuplexStream, DuplexStream) {
        let (input, its_input) = tokio::io::duplex(64 * 1024);
        let (its_output, output) = tokio::io::duplex(64 * 1024);
        let client = Self {
            input: Some(input),
            output: BufReader::new(output),
        };
        (client, its_input, its_output)
    }

    pub(crate) async fn initialize(&mut self, version: &str, capabilities: Value) {
        let params = hello(version, capabilities);
        self.write(&message(0, "initialize", params)).await;
        let answer = self.read().await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        self.notify("notifications/initialized", json!({})).await;
    }

    /// Writes bytes, and ends the line.
    pub(crate) async fn write(&mut self, line: impl AsRef<[u8]>) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line.as_ref()).await.unwrap();
        input.write_all(b"\n").await.unwrap();
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        self.write(message.to_string()).await;
    }

    /// The next line; `None` at the end. Every line is a message.
    pub(crate) async fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        soon("a line", self.output.read_line(&mut line))
            .await
            .unwrap();
        if line.is_empty() {
            return None;
        }
        let text = line.strip_suffix('\n').expect("a whole line");
        assert!(!text.contains('\r'), "{text:?}");
        let message: Value = serde_json::from_str(text).expect("a message");
        assert_eq!(message["jsonrpc"], "2.0");
        Some(message)
    }

    pub(crate) async fn read(&mut self) -> Value {
        self.line().await.expect("a message before the end")
    }

    pub(crate) async fn legacy(
        &mut self,
        id: impl Into<Value>,
        method: &str,
        params: Value,
    ) -> Value {
        self.write(&message(id, method, params)).await;
        self.read().await
    }

    /// Begins a request of 2026-07-28.
    pub(crate) async fn begin(&mut self, id: impl Into<Value>, method: &str, params: Value) {
        self.write(&modern(id, method, params)).await;
    }

    pub(crate) async fn modern(
        &mut self,
        id: impl Into<Value>,
        method: &str,
        params: Value,
    ) -> Value {
        self.begin(id, method, params).await;
        self.read().await
    }
}

/// A request of 2026-07-28.
pub(crate) fn modern(id: impl Into<Value>, method: &str, mut params: Value) -> String {
    params["_meta"] = envelope(json!({"elicitation": {"form": {}}}));
    message(id, method, params)
}
