//! A server whose tools report to the tests what they do, and wait for permits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mcp_wire::jsonrpc::Json;
use mcp_wire::server::{
    Arguments, Call, Elicitation, HandlerError, Resource, Role, Sampling, Server, Tool,
};
use mcp_wire::{Builder, LogLevel, McpService};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Running, soon, start};

/// What the tools report to the tests, and the gates they wait at.
#[derive(Default)]
pub(crate) struct Seen {
    calls: AtomicUsize,
    /// Permits for what happened, and for what waits.
    counts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Seen {
    /// Calls of `echo`, `wait` and `talk` that began.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn count(&self, of: &str) -> Arc<Semaphore> {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(of.to_owned());
        Arc::clone(count.or_insert_with(|| Arc::new(Semaphore::new(0))))
    }

    /// Waits until a tool reports that this happened: `begun`, `told` or `over`, each with its tag.
    pub(crate) async fn happens(&self, what: &str, tag: &str) {
        let count = self.count(&format!("{what} {tag}"));
        soon(what, count.acquire()).await.unwrap().forget();
    }

    pub(crate) fn tell(&self, what: &str, tag: &str) {
        self.count(&format!("{what} {tag}")).add_permits(1);
    }

    /// Lets the call with this tag take this many steps.
    pub(crate) fn allow(&self, tag: &str, steps: usize) {
        self.count(tag).add_permits(steps);
    }

    pub(crate) async fn leave(&self, tag: &str) {
        self.count(tag).acquire().await.unwrap().forget();
    }
}

/// Reports that something is over, however it ends.
pub(crate) struct OnDrop(Arc<Seen>, String);

impl OnDrop {
    pub(crate) fn new(seen: &Arc<Seen>, tag: &str) -> Self {
        Self(Arc::clone(seen), tag.to_owned())
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.tell("over", &self.1);
    }
}

fn tag_of(args: &Arguments) -> String {
    let tag = args.value("tag").and_then(Value::as_str);
    tag.unwrap_or_default().to_owned()
}

fn number_of(args: &Arguments, name: &str) -> u64 {
    args.value(name).and_then(Value::as_u64).unwrap_or(0)
}

fn noted(cx: &Call, args: &Arguments, number: u64) {
    let pad = "x".repeat(number_of(args, "pad") as usize);
    let params = Json::try_from(&json!({"tag": tag_of(args), "number": number, "pad": pad}))
        .expect("an object");
    let _ = cx.notify("notifications/note", Some(&params));
}

/// `echo` repeats its argument. `wait` waits for a permit. `talk` sends `times` notes and answers,
/// with a permit for each step; `pad` is the length of a note. `chat` does so without permits in
/// one step, which is its first unless `later` says how many precede it. `release` releases its
/// connection, and then waits. `ask` asks the client for its roots. `log` logs at every level.
pub(crate) fn probe() -> (Server, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let with = |run: fn(Arc<Seen>, Call, Arguments) -> Answering| {
        let seen = Arc::clone(&seen);
        move |cx: Call, args: Arguments| {
            seen.calls.fetch_add(1, Ordering::SeqCst);
            run(Arc::clone(&seen), cx, args)
        }
    };
    let any = || json!({"type": "object"});
    let tool = |name: &str| Tool::new(name).input(any());
    let server = Server::new("Probe", "1")
        .about(|about| about.title = Some("A probe".into()))
        .logging()
        .subscriptions()
        .resource(Resource::new("test://a", "a"), async |_, _| "a")
        .tool(
            tool("echo").title("Echo"),
            with(|_, _, args| Box::pin(async move { Ok(args.str("message")?.to_owned()) })),
        )
        .tool(
            tool("wait"),
            with(|seen, _, args| {
                Box::pin(async move {
                    let tag = tag_of(&args);
                    let _over = OnDrop::new(&seen, &tag);
                    seen.tell("begun", &tag);
                    seen.leave(&tag).await;
                    Ok(format!("waited {tag}"))
                })
            }),
        )
        .tool(
            tool("talk"),
            with(|seen, cx, args| {
                Box::pin(async move {
                    let tag = tag_of(&args);
                    let _over = OnDrop::new(&seen, &tag);
                    seen.tell("begun", &tag);
                    for number in 0..number_of(&args, "times") {
                        seen.leave(&tag).await;
                        noted(&cx, &args, number);
                        seen.tell("told", &tag);
                    }
                    seen.leave(&tag).await;
                    Ok(format!("talked {tag}"))
                })
            }),
        )
        .tool(
            tool("chat"),
            with(|_, cx, args| {
                Box::pin(async move {
                    for _ in 0..number_of(&args, "later") {
                        tokio::task::yield_now().await;
                    }
                    for number in 0..number_of(&args, "times") {
                        noted(&cx, &args, number);
                    }
                    Ok("x".repeat(number_of(&args, "bytes") as usize))
                })
            }),
        )
        .tool(
            tool("release"),
            with(|seen, cx, args| {
                Box::pin(async move {
                    let tag = tag_of(&args);
                    for number in 0..number_of(&args, "times") {
                        noted(&cx, &args, number);
                    }
                    let released = cx.release_connection();
                    seen.tell("begun", &tag);
                    seen.leave(&tag).await;
                    Ok(released.to_string())
                })
            }),
        )
        .tool(tool("ask"), async |cx: Call, _| {
            match cx.request("roots/list", None).await {
                Ok(answer) => String::from_utf8(answer.as_bytes().to_vec()).unwrap(),
                Err(error) => error.to_string(),
            }
        })
        .tool(tool("roots"), async |cx: Call, _| {
            let roots = cx.roots().await?;
            let uris: Vec<_> = roots.into_iter().map(|root| root.uri).collect();
            Ok::<_, HandlerError>(uris.join(" "))
        })
        .tool(tool("sample"), async |cx: Call, _| {
            let wish = Sampling::new(10).message(Role::User, "hello");
            let answer = cx.sample(&wish).await?;
            Ok::<_, HandlerError>(answer.text.unwrap_or_default())
        })
        .tool(tool("elicit"), async |cx: Call, _| {
            let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
            let answer = cx.elicit(&Elicitation::form("who?", schema)).await?;
            Ok::<_, HandlerError>(format!("{answer:?}"))
        })
        .tool(tool("log"), async |cx: Call, _| {
            for level in LogLevel::ALL {
                cx.log(level, None, level.as_str());
            }
            "logged"
        })
        .tool(tool("version"), async |cx: Call, _| {
            cx.version().to_string()
        });
    (server, seen)
}

type Answering =
    std::pin::Pin<Box<dyn Future<Output = Result<String, HandlerError>> + Send + 'static>>;

/// A probe with these settings.
pub(crate) async fn probe_with(
    set: impl FnOnce(Builder<Server>) -> Builder<Server>,
) -> (Running, Arc<Seen>) {
    let (server, seen) = probe();
    let mcp = set(McpService::builder(server)).build().unwrap();
    (start(mcp).await, seen)
}

/// A probe that begins streams at once when an answer is not ready.
pub(crate) async fn eager_probe() -> (Running, Arc<Seen>) {
    probe_with(|builder| {
        builder.timeouts(|timeouts| timeouts.stream_after = std::time::Duration::ZERO)
    })
    .await
}

/// The params of a call.
pub(crate) fn call(name: &str, arguments: Value) -> Value {
    json!({"name": name, "arguments": arguments})
}

/// The numbers of the notes with this tag.
pub(crate) fn notes(messages: &[Value], tag: &str) -> Vec<u64> {
    let notes = messages
        .iter()
        .filter(|message| message["method"] == "notifications/note");
    notes
        .filter(|note| note["params"]["tag"] == tag)
        .map(|note| note["params"]["number"].as_u64().unwrap())
        .collect()
}
