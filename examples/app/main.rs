//! Shows a page in hosts with MCP Apps: a poll that the person votes in, beside what the model is told.
//!
//! Run it with `cargo run --example app`, and connect a host to `http://127.0.0.1:8000/mcp`. The page is
//! `examples/app/poll.html`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mcp_wire::server::{
    Arguments, CacheScope, Call, HandlerError, Server, Tool, ToolResult, UiResource, with_state,
};
use mcp_wire::{McpService, serve};
use serde_json::json;

const PAGE: &str = "ui://poll/view";
const CHOICES: [&str; 3] = ["tea", "coffee", "water"];

#[derive(Default)]
struct Poll(Mutex<BTreeMap<&'static str, u64>>);

impl Poll {
    fn votes(&self) -> Result<MutexGuard<'_, BTreeMap<&'static str, u64>>, HandlerError> {
        self.0
            .lock()
            .map_err(|_| HandlerError::internal("a handler panicked"))
    }

    /// The text is for the model and for hosts that show no page, the structured value for the page.
    async fn show(self: Arc<Self>, _: Call, _: Arguments) -> Result<ToolResult, HandlerError> {
        let mut votes = self.votes()?;
        let votes: BTreeMap<&str, u64> = CHOICES
            .map(|choice| (choice, *votes.entry(choice).or_default()))
            .into();
        let text = votes
            .iter()
            .map(|(choice, votes)| format!("{choice}: {votes}"));
        let text = text.collect::<Vec<_>>().join(", ");
        let poll = json!({"question": "What do you drink?", "votes": votes});
        Ok(ToolResult::text(text).with_structured(poll))
    }

    async fn vote(self: Arc<Self>, cx: Call, args: Arguments) -> Result<ToolResult, HandlerError> {
        let wanted = args.str("choice")?;
        let known = CHOICES.into_iter().find(|choice| *choice == &*wanted);
        let choice = known.ok_or_else(|| {
            HandlerError::new(format!("`choice` is one of {}", CHOICES.join(", ")))
        })?;
        *self.votes()?.entry(choice).or_default() += 1;
        self.show(cx, args.clone()).await
    }
}

/// The tools, and the page that shows what they answer.
fn server() -> Server {
    let poll = Arc::new(Poll::default());
    let page = UiResource::new(PAGE, "poll_view")
        .description("The poll, with a button for each choice")
        .prefers_border(true)
        .cache(Duration::from_secs(300), CacheScope::Public)
        .unlisted();
    let show = Tool::new("poll")
        .description("Shows the poll and its votes")
        .read_only(true)
        .ui(PAGE);
    let choice = json!({
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": CHOICES}},
        "required": ["choice"],
    });
    // Hosts offer it to the page alone: the person votes, by its buttons.
    let vote = Tool::new("vote")
        .description("Votes in the poll")
        .input(choice)
        .ui(PAGE)
        .app_only();
    Server::new("Poll", "1.0.0")
        .ui_resource(page, async |_, _| include_str!("poll.html"))
        .tool(show, with_state(&poll, Poll::show))
        .tool(vote, with_state(&poll, Poll::vote))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mcp = McpService::builder(server()).build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    serve(listener, mcp, std::future::pending()).await?;
    Ok(())
}
