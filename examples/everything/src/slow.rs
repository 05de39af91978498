//! A slow tool, and one that reports how its calls ended. They show what happens to calls whose client has left.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_wire::server::{Arguments, HandlerError, Server};
use serde_json::json;
use tokio::time::sleep;

use crate::tools::tool;

/// How many milliseconds a call may wait.
const LONGEST: u64 = 600_000;

pub(crate) fn add(server: Server) -> Server {
    let schema = json!({
        "type": "object",
        "properties": {
            "ms": {
                "type": "integer", "minimum": 0, "maximum": LONGEST,
                "description": "How many milliseconds to wait",
            },
            "tag": {"type": "string", "description": "A text to repeat in the answer"},
        },
        "required": ["ms"],
    });
    let slow = tool(
        "slow_tool",
        "Waits this many milliseconds, unless it is cancelled",
    );
    let stats = tool("stats_tool", "Reports how the calls of slow_tool ended").read_only(true);
    let counts = Counts::default();
    let reported = counts.clone();
    server
        .tool(slow.input(schema), move |_, args| {
            wait(counts.clone(), args)
        })
        .tool(stats, move |_, _| ready(reported.to_json()))
}

async fn wait(counts: Counts, args: Arguments) -> Result<String, HandlerError> {
    let ms = args.unsigned("ms")?;
    if ms > LONGEST {
        let message = format!("the argument `ms` must not be more than {LONGEST}");
        return Err(HandlerError::new(message));
    }
    let running = counts.start();
    sleep(Duration::from_millis(ms)).await;
    running.finish();
    let tag = args.value("tag").and_then(|tag| tag.as_str());
    Ok(match tag {
        Some(tag) => format!("slept {ms} {tag}"),
        None => format!("slept {ms}"),
    })
}

#[derive(Clone, Default)]
struct Counts(Arc<Mutex<Counted>>);

#[derive(Clone, Copy, Default)]
struct Counted {
    started: u64,
    finished: u64,
    cancelled: u64,
}

impl Counts {
    fn start(&self) -> Running {
        self.lock().started += 1;
        Running {
            counts: self.clone(),
            is_finished: false,
        }
    }

    fn to_json(&self) -> String {
        let Counted {
            started,
            finished,
            cancelled,
        } = *self.lock();
        let active = started - finished - cancelled;
        format!(
            r#"{{"started":{started},"finished":{finished},"cancelled":{cancelled},"active":{active}}}"#
        )
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call. If it is dropped before its end, it was cancelled.
struct Running {
    counts: Counts,
    is_finished: bool,
}

impl Running {
    fn finish(mut self) {
        self.is_finished = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut counted = self.counts.lock();
        if self.is_finished {
            counted.finished += 1;
        } else {
            counted.cancelled += 1;
        }
    }
}
