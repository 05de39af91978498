//! The server: its tools answer in every possible way.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_wire::LogLevel;
use mcp_wire::server::{
    Arguments, Call, Elicitation, HandlerError, Prompt, PromptArguments, PromptResult, ReadRequest,
    ResourceTemplate, Role, Server, Tool,
};
use serde_json::json;

/// The tools, by the letters of the operations that call them.
pub const TOOLS: [(u8, &str); 11] = [
    (b'e', "echo"),
    (b'f', "fail"),
    (b's', "say"),
    (b'b', "burst"),
    (b'h', "hang"),
    (b'z', "slow"),
    (b'x', "panic"),
    (b'y', "late_panic"),
    (b'k', "ask"),
    (b'l', "release"),
    (OWN, "own"),
];

/// The letter of the tool that requires a scope.
pub const OWN: u8 = b'o';
pub const SCOPE: &str = "own";

/// The number of messages in a burst, and the length of each.
const BURST: usize = 9;
const PADDING: usize = 1000;

/// Limits the length of answers, so that only requests are long.
const LONGEST_TOKEN: usize = 64;

/// Counts the running handlers.
#[derive(Clone, Default)]
pub struct Handlers(Arc<AtomicUsize>);

impl Handlers {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn one(&self) -> Handler {
        self.0.fetch_add(1, Ordering::SeqCst);
        Handler(self.clone())
    }
}

struct Handler(Handlers);

impl Drop for Handler {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Without an authorizer, no request has a scope, so no tool may require one.
pub fn server(handlers: &Handlers, has_scopes: bool) -> Server {
    let mut server = Server::new("Fuzzed", "1")
        .logging()
        .subscriptions()
        .resource_template(
            ResourceTemplate::new("n:{k}", "n"),
            async |_, read: ReadRequest| read.uri().to_owned(),
        )
        .prompt(Prompt::new("hi"), async |_: Call, _: PromptArguments| {
            PromptResult::new().message(Role::User, "hi")
        });
    for (letter, name) in TOOLS {
        let handlers = handlers.clone();
        let scopes = (letter == OWN && has_scopes).then_some(SCOPE);
        // Any arguments, so that each handler runs and reads its own.
        let tool = Tool::new(name)
            .input(json!({"type": "object"}))
            .scopes(scopes);
        server = server.tool(tool, move |call: Call, arguments: Arguments| {
            let handler = handlers.one();
            async move {
                let _handler = handler;
                // Every tool answers with this token.
                let token = arguments.str("t")?.to_owned();
                if token.len() > LONGEST_TOKEN {
                    return Err(HandlerError::new("too long"));
                }
                // The handler does not keep its arguments while it waits.
                drop(arguments);
                work(letter, &call, &token).await?;
                Ok::<_, HandlerError>(token)
            }
        });
    }
    server
}

async fn work(letter: u8, call: &Call, token: &str) -> Result<(), HandlerError> {
    let sleep = |milliseconds| tokio::time::sleep(Duration::from_millis(milliseconds));
    match letter {
        b'f' => return Err(HandlerError::new(token)),
        b's' => {
            for step in 0..3 {
                call.progress(f64::from(step), 3.0, Some(token));
                sleep(400).await;
            }
            call.log(LogLevel::Warning, None, token);
        }
        b'b' => {
            let data = format!("{token}{}", "-".repeat(PADDING));
            for _ in 0..BURST {
                call.log(LogLevel::Alert, None, &*data);
            }
        }
        b'h' => pending().await,
        b'z' => sleep(3000).await,
        // Bypasses the panic hook, so that libFuzzer does not report it.
        b'x' => resume_unwind(Box::new(())),
        b'y' => {
            sleep(1500).await;
            resume_unwind(Box::new(()))
        }
        b'k' => {
            let schema = json!({"type": "object", "properties": {}});
            call.elicit(&Elicitation::form(token, schema)).await?;
        }
        b'l' => {
            call.release_connection();
            sleep(2000).await;
        }
        _ => {}
    }
    Ok(())
}
