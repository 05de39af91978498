//! Whole exchanges as files, `transcripts/<revision>/<section>.http`.
//!
//! A line with `>` is sent, one with `<` is the answer, one with `~` came on the stream; `#` is a
//! comment. `Host`, `Connection: close` and `Content-Length` are added to what is sent; the session
//! and the date stand as `{session}` and `{date}`, what event ids begin with as `{tag}`. `UPDATE=1
//! cargo test` rewrites `<` and `~`.
//!
//! A transcript that begins with `GET /sse` is one of HTTP+SSE: its first request opens the stream,
//! and an accepted request is followed by its event. Elsewhere an answer is followed by the stream
//! that it is, to its end; what a standalone stream has is noted behind the DELETE that ends it.

use std::fs;
use std::path::{Path, PathBuf};

use mcp_wire::McpService;
use mcp_wire::server::Presence::Required;
use mcp_wire::server::{
    Arguments, Call, HandlerError, Prompt, PromptArguments, ReadRequest, ResourceTemplate, Server,
    Tool,
};
use serde_json::{Value, json};

use crate::support::{Client, Stream, request, start};

fn echo_server() -> Server {
    let schema = json!({
        "type": "object",
        "properties": {"message": {"type": "string"}},
    });
    async fn tool(_: Call, args: Arguments) -> Result<String, HandlerError> {
        Ok(format!("Tool echo: {}", args.str("message")?))
    }
    async fn resource(_: Call, read: ReadRequest) -> String {
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

/// The same with a tool that reports progress.
fn counting_server() -> Server {
    echo_server().tool(Tool::new("count_tool"), async |cx: Call, _| {
        for step in 1..=3 {
            cx.progress(f64::from(step), 3.0, None);
        }
        "counted"
    })
}

/// A step of a transcript: the comments before a request, and its lines.
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

/// Lines with a mark, with the session and the date replaced, so that every run gives the same.
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

/// Runs a transcript against its own server, and returns what happened as a transcript.
async fn replay(text: &str) -> String {
    let is_sse = steps(text)[0].line().starts_with("GET /sse");
    if is_sse {
        replay_sse(text).await
    } else {
        replay_mcp(text).await
    }
}

/// Begins a step with its comments and its request.
fn announce(out: &mut String, step: &Step) {
    if !out.is_empty() {
        out.push('\n');
    }
    for note in &step.notes {
        out.push_str(note);
        out.push('\n');
    }
    marked(out, '>', &step.sent.join("\n"), "{session}");
}

/// A value that differs between runs, and its placeholder.
#[derive(Default)]
struct Names {
    session: Option<String>,
    tag: Option<String>,
}

impl Names {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let session = self.session.iter().map(|session| (&**session, "{session}"));
        session.chain(self.tag.iter().map(|tag| (&**tag, "{tag}")))
    }

    fn put(&self, text: &str) -> String {
        let put = |text: String, (real, name): (&str, &str)| text.replace(name, real);
        self.pairs().fold(text.to_owned(), put)
    }

    fn take(&self, text: &str) -> String {
        let take = |text: String, (real, name): (&str, &str)| text.replace(real, name);
        self.pairs().fold(text.to_owned(), take)
    }

    fn learn_session(&mut self, stream: &Stream) {
        if let Some(session) = stream.header("mcp-session-id") {
            self.session = Some(session.to_owned());
        }
    }

    fn learn_tag(&mut self, events: &str) {
        let mut ids = events.lines().filter_map(|line| line.strip_prefix("id: "));
        if let Some((tag, _)) = ids.next().and_then(|id| id.split_once('/')) {
            self.tag = Some(tag.to_owned());
        }
    }
}

async fn events(out: &mut String, names: &mut Names, stream: &mut Stream) {
    let events = stream.text().await;
    names.learn_tag(&events);
    marked(out, '~', names.take(&events).trim_end(), "{session}");
}

async fn replay_mcp(text: &str) -> String {
    let running = start(McpService::builder(counting_server()).build().unwrap()).await;
    let mut out = String::new();
    let mut names = Names::default();
    let mut standalone: Option<Stream> = None;
    for step in &steps(text) {
        announce(&mut out, step);
        let headers = format!(
            "Connection: close\r\n{}",
            names.put(&step.headers("{session}"))
        );
        let mut stream = Stream::open(running.address, step.line(), &headers, step.body()).await;
        names.learn_session(&stream);
        marked(
            &mut out,
            '<',
            names.take(stream.head.trim_end()).as_str(),
            "{session}",
        );
        let is_resumed = headers.to_lowercase().contains("last-event-id");
        if !stream.is_events() {
            let body = names.take(&stream.text().await);
            marked(&mut out, '<', &format!("\n{body}"), "{session}");
        } else if step.line().starts_with("POST") || is_resumed {
            events(&mut out, &mut names, &mut stream).await;
        } else {
            standalone = Some(stream);
            continue;
        }
        if step.line().starts_with("DELETE")
            && let Some(mut ended) = standalone.take()
        {
            events(&mut out, &mut names, &mut ended).await;
        }
    }
    out
}

async fn replay_sse(text: &str) -> String {
    let running = start(McpService::builder(echo_server()).build().unwrap()).await;
    let steps = steps(text);
    let mut out = String::new();
    let mut stream: Option<(Client, String)> = None;
    for step in &steps {
        announce(&mut out, step);
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

/// A transcript whose JSON objects have their members in alphabetical order.
fn sorted(transcript: &str) -> String {
    let sorted = |line: &str| {
        let (before, json) = line.split_at(line.find('{').unwrap_or(line.len()));
        let json = serde_json::from_str(json).map(|mut value: Value| {
            value.sort_all_objects();
            value.to_string()
        });
        json.map_or_else(|_| line.to_owned(), |json| format!("{before}{json}"))
    };
    transcript
        .lines()
        .map(sorted)
        .collect::<Vec<_>>()
        .join("\n")
}

/// SPEC B, C and D: each exchange matches its transcript, byte for byte. The feature `schemars` changes the
/// order of serde_json's maps, and so that of the members of some messages.
#[tokio::test]
async fn transcripts_go_as_they_are_written() {
    let files = transcripts();
    assert!(!files.is_empty());
    for file in files {
        let written = fs::read_to_string(&file).unwrap();
        let went = replay(&written).await;
        if cfg!(feature = "schemars") {
            assert_eq!(sorted(&went), sorted(&written), "{}", file.display());
        } else if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, went).unwrap();
        } else {
            let file = file.display();
            assert_eq!(went, written, "{file}: `UPDATE=1 cargo test` rewrites it");
        }
    }
}

/// A changed transcript fails.
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
