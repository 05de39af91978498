//! Stores that fail, and results for which they have no room.

use std::sync::atomic::AtomicU8;

use mcp_wire::BoxFuture;
use mcp_wire::backplane::{Backplane, Row, Rows, StoreError};

use super::*;

/// What a store does from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Fault {
    None,
    /// Whatever it is asked fails at once.
    Fails,
    /// Nobody can wait for a change, and no row is ever read.
    Hangs,
    /// No row is ever as it was read.
    Lags,
}

#[derive(Clone)]
struct Faulty {
    rows: Arc<dyn Rows>,
    fault: Arc<AtomicU8>,
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.fault.load(Ordering::SeqCst) == fault as u8
    }
}

fn broken<T: Send + 'static>() -> BoxFuture<Result<T, StoreError>> {
    Box::pin(std::future::ready(Err("broken".into())))
}

impl Rows for Faulty {
    fn get(&self, key: &str) -> BoxFuture<Result<Option<Row>, StoreError>> {
        match self.is(Fault::Hangs) {
            true => Box::pin(std::future::pending()),
            false if self.is(Fault::Fails) => broken(),
            false => self.rows.get(key),
        }
    }

    fn set(&self, key: &str, seen: Option<i64>, row: Row) -> BoxFuture<Result<bool, StoreError>> {
        match self.is(Fault::Lags) {
            true => Box::pin(std::future::ready(Ok(false))),
            false if self.is(Fault::Fails) => broken(),
            false => self.rows.set(key, seen, row),
        }
    }

    fn remove(&self, key: &str) -> BoxFuture<Result<(), StoreError>> {
        self.rows.remove(key)
    }

    fn changed(&self, key: &str, seen: i64) -> BoxFuture<Result<(), StoreError>> {
        let changed = self.rows.changed(key, seen);
        let (this, key) = (self.clone(), key.to_owned());
        Box::pin(async move {
            // It is told of faults a moment later.
            let soon = tokio::time::sleep(Duration::from_millis(250));
            tokio::select! {
                changed = changed => changed,
                () = soon => match this.is(Fault::None) {
                    true => this.rows.changed(&key, seen).await,
                    false => Err("broken".into()),
                },
            }
        })
    }
}

/// A client of a service over a store that works until it is told otherwise.
fn over_faulty() -> (Client, Arc<Seen>, Arc<AtomicU8>) {
    let fault = Arc::new(AtomicU8::new(Fault::None as u8));
    let store = Faulty {
        rows: Arc::new(shared::Map::default()),
        fault: Arc::clone(&fault),
    };
    let (client, seen) = Client::new(|builder| {
        builder
            .timeouts(|timeouts| timeouts.task = Duration::from_secs(60))
            .backplane(Backplane::new(store))
    });
    (client.as_principal("ada"), seen, fault)
}

/// TASKS, S-8: neither a store that fails nor one that hangs keeps a handler alive.
#[tokio::test(start_paused = true)]
async fn a_task_ends_whatever_its_store_does() {
    type End = fn(&McpService);
    let ends: [(&str, End); 3] = [
        ("its time", |_| {}),
        ("revoke", |mcp| mcp.revoke("ada")),
        ("close", McpService::close),
    ];
    for fault in [Fault::Fails, Fault::Hangs, Fault::Lags] {
        for (name, end) in ends {
            let (client, seen, to) = over_faulty();
            client.begin("sleep", json!({"seconds": 100_000})).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(seen.alive.load(Ordering::SeqCst), 1);
            to.store(fault as u8, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            end(&client.mcp);
            let wait = if name == "its time" { 62 } else { 3 };
            tokio::time::sleep(Duration::from_secs(wait)).await;
            assert_eq!(seen.alive.load(Ordering::SeqCst), 0, "{fault:?}, {name}");
            assert_eq!(client.mcp.snapshot().tasks, 0, "{fault:?}, {name}");
        }
    }
}

/// A request gives up, and everybody else goes on meanwhile: this runtime has one thread.
#[tokio::test(start_paused = true)]
async fn a_row_that_is_never_as_it_was_read_is_an_internal_error() {
    let (client, _, to) = over_faulty();
    let id = client.begin("sleep", json!({"seconds": 100_000})).await;
    to.store(Fault::Lags as u8, Ordering::SeqCst);
    let params = json!({"taskId": id});
    let cancelled =
        tokio::time::timeout(Duration::from_secs(5), client.error("tasks/cancel", params));
    let (_, error) = cancelled.await.expect("an answer");
    assert_eq!(error["code"], -32603);
}

/// TASKS C-9: what does not fit is not held back in the process.
#[tokio::test(start_paused = true)]
async fn a_result_for_which_there_is_no_room_fails_its_task() {
    let any = json!({"type": "object"});
    let server = Server::new("Long", "1").tool(
        Tool::new("long").input(any).task(TaskUse::Required),
        async |_: Call, _| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            "x".repeat(100_000)
        },
    );
    let store = Backplane::in_memory(64 * 1024);
    let client = Client::of(
        McpService::builder(server)
            .backplane(store)
            .build()
            .unwrap(),
    );
    let id = client.begin("long", json!({})).await;
    let failed = client.reaches(&id, "failed").await;
    assert_eq!(failed["error"]["code"], -32603);
    assert_eq!(
        failed["error"]["message"],
        "there is no room for the result of the task"
    );
    assert_eq!(client.mcp.snapshot().failures, 1, "the operator learns it");
}

/// What a handler has left running learns that its task is over.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_cancellation_does_not_wait_beyond_the_end() {
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new("Left", "1").tool(
        Tool::new("leave").task(TaskUse::Required),
        move |cx: Call, _: mcp_wire::server::Arguments| {
            let told = told.clone();
            async move {
                let task = cx.task().ok_or_else(|| HandlerError::new("no task"))?;
                tokio::spawn(async move {
                    task.cancelled().await;
                    told.send(()).unwrap();
                });
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, HandlerError>("left")
            }
        },
    );
    let client = Client::of(McpService::builder(server).build().unwrap());
    let id = client.begin("leave", json!({})).await;
    client.reaches(&id, "completed").await;
    let heard = tokio::time::timeout(Duration::from_secs(1), hears.recv());
    assert_eq!(heard.await, Ok(Some(())));
}
