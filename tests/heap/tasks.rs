//! What tasks keep on the heap, while they wait and afterwards.

use std::mem::size_of_val;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::Response;
use mcp_wire::server::{Elicitation, HandlerError, TaskUse};
use mcp_wire::{ResponseBody, ServiceEvent};

use super::*;

const TTL: Duration = Duration::from_secs(240);

/// The size of the future of the tool that waits.
static FUTURE: AtomicUsize = AtomicUsize::new(0);

/// A service with a tool that waits, and one that asks; and how many of its tasks have settled.
fn service() -> (McpService, Arc<AtomicUsize>) {
    let tool = |name: &str| Tool::new(name).input(json!({"type": "object"}));
    let server = Server::new("Heap", "1")
        .tool(
            tool("wait").task(TaskUse::Required),
            |call: Call, arguments: Arguments| {
                let waiting = async move {
                    let seconds = arguments.opt_unsigned("seconds")?.unwrap_or_default();
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    drop(call);
                    Ok::<_, HandlerError>("waited")
                };
                FUTURE.store(size_of_val(&waiting), Ordering::SeqCst);
                waiting
            },
        )
        .tool(
            tool("ask").task(TaskUse::Required),
            async |call: Call, _: Arguments| {
                let schema = json!({"type": "object", "properties": {}});
                call.elicit(&Elicitation::form("?", schema).key("it"))
                    .await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, HandlerError>("asked")
            },
        );
    let settled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&settled);
    let mcp = McpService::builder(server)
        .timeouts(|timeouts| timeouts.task = TTL)
        .on_event(move |event| {
            if let ServiceEvent::TaskEnded { .. } = event {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
    (mcp.build().unwrap(), settled)
}

async fn send(mcp: &McpService, method: &str, mut params: Value) -> Response<ResponseBody> {
    let extensions = json!({"io.modelcontextprotocol/tasks": {}});
    params["_meta"] = envelope(json!({"extensions": extensions, "elicitation": {}}));
    let headers = mirrored(method, &params);
    mcp.call(direct("POST /mcp", &headers, message(1, method, params)))
        .await
}

async fn begin(mcp: &McpService, tool: &str, arguments: Value) -> String {
    let params = json!({"name": tool, "arguments": arguments});
    let (_, text) = whole(send(mcp, "tools/call", params).await).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    let id = answer["result"]["taskId"].as_str();
    id.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// A random number generator whose numbers are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Begins so many tasks, and gets, answers, cancels, follows and abandons them at random until they have had their
/// time.
async fn use_tasks(mcp: &McpService, many: usize, random: &mut Random) {
    let (mut ids, mut following) = (Vec::with_capacity(many), Vec::new());
    while ids.len() < many {
        let kind = random.below(10);
        if kind < 3 || ids.is_empty() {
            let seconds = random.below(200);
            let tool = ["wait", "ask"][random.below(2)];
            ids.push(begin(mcp, tool, json!({"seconds": seconds})).await);
            continue;
        }
        // Most of what clients do concerns one of the last tasks.
        let last = ids.len().min(50);
        let id = &ids[ids.len() - 1 - random.below(last)];
        match kind {
            3 | 4 => drop(send(mcp, "tasks/get", json!({"taskId": id})).await),
            5 | 6 => {
                let answers = json!({"it-1": {"action": "accept", "content": {}}});
                let params = json!({"taskId": id, "inputResponses": answers});
                drop(whole(send(mcp, "tasks/update", params).await).await);
            }
            7 => drop(whole(send(mcp, "tasks/cancel", json!({"taskId": id})).await).await),
            8 => {
                let params = json!({"notifications": {"taskIds": [id]}});
                following.push(send(mcp, "subscriptions/listen", params).await);
                if following.len() > 20 {
                    drop(following.swap_remove(random.below(20)));
                }
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    drop(following);
    tokio::time::sleep(TTL + Duration::from_secs(1)).await;
}

/// TASKS S-1, S-8, C-8, C-9: of 2,000 tasks that clients answer, cancel, follow and abandon at random, each settles
/// exactly once, and nothing is left of them after their time.
#[tokio::test(start_paused = true)]
async fn tasks_that_have_had_their_time_leave_nothing() {
    const TASKS: usize = 2000;
    let alone = Alone::begin();
    let (mcp, settled) = service();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    use_tasks(&mcp, 50, &mut random).await;
    assert_eq!(settled.swap(0, Ordering::SeqCst), 50);
    let counting = alone.count();
    use_tasks(&mcp, TASKS, &mut random).await;
    assert_eq!(settled.load(Ordering::SeqCst), TASKS);
    assert_eq!(mcp.snapshot().tasks, 0);
    let (left, peak) = (counting.live(), counting.peak());
    assert!(left < NOISE, "{left} bytes are left of {TASKS} tasks");
    assert!(peak > 10 * NOISE, "the tasks were there: {peak} bytes");
}

/// What a task may keep beside the future of its handler while it waits: its call, arguments of less than 100 bytes, its
/// row, its place among the others, its timer. Today it is some 2,610 in a debug build, and 2,048 is the aim.
const WAITING: usize = 2800;

/// TASKS C-9: a task that waits is small.
#[tokio::test(start_paused = true)]
async fn a_waiting_task_is_small() {
    const TASKS: usize = 500;
    let alone = Alone::begin();
    let (mcp, _) = service();
    begin(&mcp, "wait", json!({"seconds": 200})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let arguments = json!({"seconds": 200, "text": "x".repeat(60)});
    let counting = alone.count();
    for _ in 0..TASKS {
        begin(&mcp, "wait", arguments.clone()).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (each, future) = (counting.live() / TASKS, FUTURE.load(Ordering::SeqCst));
    println!("a waiting task keeps {each} bytes, of which {future} are the future of its handler");
    assert!(
        each - future <= WAITING,
        "{each} bytes, {future} of them the future"
    );
}
