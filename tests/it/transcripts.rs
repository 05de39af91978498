//! Whole exchanges as files, `transcripts/<revision>/<section>.http`.
//!
//! A line with `>` is sent, one with `<` is the answer, one with `~` came on the stream; `#` is a
//! comment. `Host`, `Connection: close` and `Content-Length` are added to what is sent; the session
//! and the date stand as `{session}` and `{date}`. The first request opens the stream. An accepted
//! request is followed by its event. `UPDATE=1 cargo test` rewrites `<` and `~`.

use std::fs;
use std::path::{Path, PathBuf};

use mcp_wire::McpService;
use mcp_wire::server::Presence::Required;
use mcp_wire::server::{
    Arguments, Call, Prompt, PromptArguments, Read, ResourceTemplate, Server, Tool, ToolError,
};
use serde_json::{Value, json};

use crate::support::{Client, request, start};

fn echo_server() -> Server {
    let schema = json!({
        "type": "object",
        "properties": {"message": {"type": "string"}},
        "required": ["message"],
    });
    async fn tool(_: Call, args: Arguments) -> Result<String, ToolError> {
        Ok(format!("Tool echo: {}", args.str("message")?))
    }
    async fn resource(_: Call, read: Read) -> String {
        format!(
            "Resource echo: {}",
            read.variable("message").unwrap_or_default()
        )
    }
    async fn prompt(_: Call, args: PromptArguments) -> String {
        format!(
            "Please process this message: {}",
            args.get("message").unwrap_or_default()
        )
    }
    Server::new("Echo", "1.0.0")
        .tool(
            Tool::new("echo_tool")
                .description("Echo a message as a tool")
                .input(schema),
            tool,
        )
        .resource_template(
            ResourceTemplate::new("echo://{message}", "echo_resource").mime_type("text/plain"),
            resource,
        )
        .prompt(
            Prompt::new("echo_prompt").argument("message", Required),
            prompt,
        )
}

/// A stretch of a transcript: what is noted before a request, and its lines.
#[derive(Default)]
struct Step {
    notes: Vec<String>,
    sent: Vec<String>,
}

impl Step {
    fn line(&self) -> &str {
        &self.sent[0]
    }

    fn headers(&self, session: &str) -> String {
        let lines = self.sent[1..].iter().take_while(|line| !line.is_empty());
        lines
            .map(|line| format!("{}\r\n", line.replace("{session}", session)))
            .collect()
    }

    fn body(&self) -> String {
        let lines = self.sent.iter().skip_while(|line| !line.is_empty()).skip(1);
        lines.cloned().collect::<Vec<_>>().join("\n")
    }

    fn is_request(&self) -> bool {
        let body: Result<Value, _> = serde_json::from_str(&self.body());
        body.is_ok_and(|body| body.get("id").is_some() && body.get("method").is_some())
    }
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut next = Step::default();
    for line in text.lines() {
        if let Some(sent) = line.strip_prefix('>') {
            next.sent
                .push(sent.strip_prefix(' ').unwrap_or(sent).to_owned());
            continue;
        }
        if !next.sent.is_empty() {
            steps.push(std::mem::take(&mut next));
        }
        if line.starts_with('#') {
            next.notes.push(line.to_owned());
        }
    }
    if !next.sent.is_empty() {
        steps.push(next);
    }
    steps
}

/// Lines behind a mark, with the session and the date made the same in every run.
fn marked(out: &mut String, mark: char, text: &str, session: &str) {
    for line in text.lines() {
        let line = match line.strip_prefix("date: ") {
            Some(_) => "date: {date}".to_owned(),
            None => line.replace(session, "{session}"),
        };
        out.push_str(format!("{mark} {line}").trim_end());
        out.push('\n');
    }
}

async fn event(out: &mut String, client: &mut Client, session: &str) {
    let event = client.event().await.expect("an event");
    let text = format!("event: {}\ndata: {}", event.name, event.data);
    marked(out, '~', &text, session);
}

/// Runs a transcript against a server of its own, and gives it as it went.
async fn replay(text: &str) -> String {
    let running = start(McpService::builder(echo_server()).build().unwrap()).await;
    let steps = steps(text);
    let mut out = String::new();
    let mut stream: Option<(Client, String)> = None;
    for step in &steps {
        if !out.is_empty() {
            out.push('\n');
        }
        for note in &step.notes {
            out.push_str(note);
            out.push('\n');
        }
        marked(&mut out, '>', &step.sent.join("\n"), "{session}");
        let Some((client, session)) = &mut stream else {
            let path = step.line().strip_prefix("GET ").expect("a stream first");
            let client = Client::open_at(running.address, path, &step.headers("")).await;
            let (_, session) = client.endpoint.split_once('=').expect("a session");
            let session = session.to_owned();
            marked(&mut out, '<', client.head.trim_end(), &session);
            let first = format!("event: endpoint\ndata: {}", client.endpoint);
            marked(&mut out, '~', &first, &session);
            stream = Some((client, session));
            continue;
        };
        let line = step.line().replace("{session}", session);
        let headers = step.headers(session);
        let answer = request(running.address, &line, &headers, step.body()).await;
        marked(
            &mut out,
            '<',
            &format!("{}\n\n{}", answer.head, answer.body),
            session,
        );
        if answer.status == 202 && step.is_request() {
            event(&mut out, client, session).await;
        }
    }
    out
}

fn transcripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/transcripts");
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
    };
    let revisions = entries(&root).into_iter().filter(|path| path.is_dir());
    let mut files: Vec<_> = revisions.flat_map(|revision| entries(&revision)).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "http"));
    files.sort();
    files
}

/// SPEC B, to the byte: a transcript goes as it is written.
#[tokio::test]
async fn transcripts_go_as_they_are_written() {
    let files = transcripts();
    assert!(!files.is_empty());
    for file in files {
        let written = fs::read_to_string(&file).unwrap();
        let went = replay(&written).await;
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, went).unwrap();
        } else {
            let file = file.display();
            assert_eq!(went, written, "{file}: `UPDATE=1 cargo test` rewrites it");
        }
    }
}

/// What is compared must differ when the server does.
#[tokio::test]
async fn a_wrong_transcript_is_noticed() {
    let right = replay("> GET /sse\n\n# Not a message.\n> POST /sse\n").await;
    assert_eq!(replay(&right).await, right);
    for (right_line, wrong_line) in [("< HTTP/1.1 405", "< HTTP/1.1 400"), ("~ data", "~ Data")] {
        let wrong = right.replacen(right_line, wrong_line, 1);
        assert_ne!(wrong, right);
        assert_eq!(replay(&wrong).await, right);
    }
}
