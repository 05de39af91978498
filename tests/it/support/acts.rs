//! A dispatcher whose requests do, or panic, as their method says.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};

use mcp_wire::jsonrpc::{ErrorObject, Json, Notification, Request};
use mcp_wire::{BoxFuture, Context, Dispatcher};
use serde_json::{Value, json};

use super::probe::{OnDrop, Seen};

/// `act/answer`, `act/fail`, which waits as `act/wait` does if it has a `name`; `act/wait` tells
/// that it begins, waits for leave and tells that it is over, with the `name` in its params as the
/// tag; `act/wait/panic` panics then, and `act/wait/bomb` when it is dropped. `initialize` waits
/// for leave if its params have a `name`.
#[derive(Clone, Default)]
pub(crate) struct Acts {
    seen: Arc<Seen>,
    contexts: Arc<Mutex<Vec<Context>>>,
}

impl Acts {
    /// The contexts of the requests that waited, kept after their end as an embedder may do.
    pub(crate) fn contexts(&self) -> Vec<Context> {
        self.contexts.lock().unwrap().clone()
    }
}

/// The ways in which a request or a notification panics.
pub(crate) const PANICS: [&str; 4] = [
    "act/panic/at_once",
    "act/panic/first",
    "act/panic/later",
    "act/panic/dropped",
];

pub(crate) fn acts() -> (Acts, Arc<Seen>) {
    let acts = Acts::default();
    let seen = Arc::clone(&acts.seen);
    (acts, seen)
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a secret of the drop");
    }
}

/// A future that panics when it is dropped, at whatever point.
struct Bombed<T>(BoxFuture<T>, Bomb);

impl<T> Future for Bombed<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        self.0.as_mut().poll(cx)
    }
}

/// Panics if the method says so.
fn begin<T: Send + 'static>(act: &str, rest: BoxFuture<T>) -> BoxFuture<T> {
    match act {
        "act/panic/at_once" => panic!("a secret of the call"),
        "act/panic/first" => Box::pin(async { panic!("a secret of the first poll") }),
        "act/panic/later" => Box::pin(async {
            tokio::task::yield_now().await;
            panic!("a secret of a later poll")
        }),
        "act/panic/dropped" | "act/wait/bomb" => Box::pin(Bombed(rest, Bomb)),
        _ => rest,
    }
}

impl Dispatcher for Acts {
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
        let seen = Arc::clone(&self.seen);
        let contexts = Arc::clone(&self.contexts);
        let act = request.method().to_owned();
        let rest = async move {
            let params = request.params();
            let tag = params.and_then(|params| params.name());
            let tag = tag.map(|tag| tag.into_owned());
            let waits = tag.is_some() && request.method() != "act/answer";
            if waits {
                let tag = tag.unwrap_or_default();
                let _over = OnDrop::new(&seen, &tag);
                contexts.lock().unwrap().push(cx);
                seen.tell("begun", &tag);
                seen.leave(&tag).await;
            }
            match request.method() {
                "act/wait/panic" => panic!("a secret after a while"),
                "act/fail" => Err(ErrorObject::new(-32001, "as told")),
                "initialize" => {
                    let params = params.and_then(|params| params.as_raw().to_value().ok());
                    let version = params.map(|mut params| params["protocolVersion"].take());
                    Ok(hello(version.unwrap_or_default()))
                }
                _ => Ok(Json::empty()),
            }
        };
        begin(&act, Box::pin(rest))
    }

    fn notification(&self, _cx: Context, notification: Notification) -> BoxFuture<()> {
        begin(notification.method(), Box::pin(std::future::ready(())))
    }
}

fn hello(version: Value) -> Json {
    Json::try_from(&json!({
        "protocolVersion": version,
        "capabilities": {},
        "serverInfo": {"name": "acts", "version": "1"},
    }))
    .expect("an object")
}
