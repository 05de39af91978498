//! Services that share a store.

use mcp_wire::BoxFuture;
use mcp_wire::backplane::{Backplane, Row, Rows, StoreError};

use super::*;

fn two() -> [Client; 2] {
    let shared = Backplane::in_memory(1 << 20);
    [(); 2].map(|()| Client::new(|builder| builder.backplane(shared.clone())).0)
}

/// TASKS C-4, N-9: any process answers for a task, from the first moment on.
#[tokio::test(start_paused = true)]
async fn any_process_answers_for_a_task() {
    let [one, other] = two();
    for _ in 0..100 {
        let id = one.begin("sleep", json!({"seconds": 0})).await;
        other.get(&id).await;
    }
    let id = one.begin("several", json!({})).await;
    other.reaches(&id, "input_required").await;
    other.update(&id, json!({"one-1": accept("a")})).await;
    one.update(&id, json!({"other-2": accept("b")})).await;
    let done = other.reaches(&id, "completed").await;
    assert_eq!(done["result"]["content"][0]["text"], "a b");
    let id = one.begin("sleep", json!({"seconds": 100})).await;
    other.cancel(&id).await;
    other.reaches(&id, "cancelled").await;
}

/// TASKS U-6: of two answers to one question, sent at the same time to two processes, one counts.
#[tokio::test(start_paused = true)]
async fn one_of_two_answers_counts() {
    let [one, other] = two();
    for _ in 0..50 {
        let id = one.begin("confirm", json!({})).await;
        one.reaches(&id, "input_required").await;
        let (first, second) = (json!({"who-1": accept("a")}), json!({"who-1": accept("b")}));
        tokio::join!(one.update(&id, first), other.update(&id, second));
        let done = one.reaches(&id, "completed").await;
        let text = done["result"]["content"][0]["text"].as_str().unwrap();
        assert!(["a", "b"].contains(&text), "{text}");
    }
}

/// TASKS A-5: what a closed service ran has failed; what a service ran that is simply gone has failed some time later;
/// results that are in the store stay.
#[tokio::test(start_paused = true)]
async fn tasks_of_a_process_that_is_gone_have_failed() {
    let [one, other] = two();
    let done = one.begin("sleep", json!({"seconds": 1})).await;
    one.reaches(&done, "completed").await;
    let closed = one.begin("sleep", json!({"seconds": 100})).await;
    one.mcp.close();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let failed = other.get(&closed).await;
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!(-32603))
    );
    assert_eq!(other.get(&done).await["status"], "completed");
}

/// TASKS A-5: a service that shuts down settles what it runs before it is done, and does not wait for it.
#[tokio::test(start_paused = true)]
async fn a_shutdown_settles_the_tasks_that_run() {
    let [one, other] = two();
    let done = one.begin("sleep", json!({"seconds": 1})).await;
    one.reaches(&done, "completed").await;
    let running = one.begin("sleep", json!({"seconds": 1000})).await;
    let began = tokio::time::Instant::now();
    one.mcp.shutdown(Duration::from_secs(10)).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{began:?}");
    let failed = other.get(&running).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    let why = "the server was closed before the task ended";
    assert_eq!(failed["error"]["message"], why);
    assert_eq!(other.get(&done).await["status"], "completed");
}

/// TASKS A-5.
#[test]
fn a_process_that_does_not_say_goodbye_is_missed() {
    let shared = Backplane::in_memory(1 << 20);
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let begun = runtime();
    let [one, other] = [(); 2].map(|()| Client::new(|builder| builder.backplane(shared.clone())).0);
    let id = begun.block_on(one.begin("sleep", json!({"seconds": 1000})));
    // The tasks of a runtime that is dropped run no more code.
    begun.shutdown_background();
    runtime().block_on(async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(other.get(&id).await["status"], "working");
        tokio::time::sleep(Duration::from_secs(25)).await;
        let failed = other.get(&id).await;
        assert_eq!(failed["status"], "failed");
        assert_eq!(
            failed["error"]["message"],
            "the process that ran the task is gone"
        );
    });
}

/// A store whose writes take a second, and that fails when it is told to.
struct Slow {
    rows: Box<dyn Rows>,
    writes: Arc<AtomicUsize>,
    fails: Arc<std::sync::atomic::AtomicBool>,
}

impl Rows for Slow {
    fn get(&self, key: &str) -> BoxFuture<Result<Option<Row>, StoreError>> {
        if self.fails.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err("s3cret".into())));
        }
        self.rows.get(key)
    }

    fn set(&self, key: &str, seen: Option<i64>, row: Row) -> BoxFuture<Result<bool, StoreError>> {
        let set = self.rows.set(key, seen, row);
        let writes = Arc::clone(&self.writes);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            writes.fetch_add(1, Ordering::SeqCst);
            set.await
        })
    }

    fn remove(&self, key: &str) -> BoxFuture<Result<(), StoreError>> {
        self.rows.remove(key)
    }

    fn changed(&self, key: &str, seen: i64) -> BoxFuture<Result<(), StoreError>> {
        self.rows.changed(key, seen)
    }
}

/// A store of one's own is as good as that of the crate: this one keeps its rows in a map.
#[derive(Clone, Default)]
pub(super) struct Map(Arc<std::sync::Mutex<std::collections::HashMap<String, Row>>>);

impl Rows for Map {
    fn get(&self, key: &str) -> BoxFuture<Result<Option<Row>, StoreError>> {
        let row = self.0.lock().unwrap().get(key).cloned();
        Box::pin(std::future::ready(Ok(row)))
    }

    fn set(&self, key: &str, seen: Option<i64>, row: Row) -> BoxFuture<Result<bool, StoreError>> {
        let mut rows = self.0.lock().unwrap();
        let is_set = rows.get(key).map(|row| row.version) == seen;
        if is_set {
            rows.insert(key.to_owned(), row);
        }
        Box::pin(std::future::ready(Ok(is_set)))
    }

    fn remove(&self, key: &str) -> BoxFuture<Result<(), StoreError>> {
        self.0.lock().unwrap().remove(key);
        Box::pin(std::future::ready(Ok(())))
    }

    fn changed(&self, _: &str, _: i64) -> BoxFuture<Result<(), StoreError>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            Ok(())
        })
    }
}

/// TASKS C-4: the answer waits for the store; and what fails in a store is for the operator alone.
#[tokio::test(start_paused = true)]
async fn a_task_is_told_of_when_the_store_has_it() {
    let (writes, fails) = <(Arc<AtomicUsize>, Arc<std::sync::atomic::AtomicBool>)>::default();
    let store = Slow {
        rows: Box::new(Map::default()),
        writes: Arc::clone(&writes),
        fails: Arc::clone(&fails),
    };
    let (client, _) = Client::new(|builder| builder.backplane(Backplane::new(store)));
    let id = client.begin("confirm", json!({})).await;
    assert!(
        writes.load(Ordering::SeqCst) >= 2,
        "the process and the task"
    );
    client.reaches(&id, "input_required").await;
    fails.store(true, Ordering::SeqCst);
    let (_, error) = client.error("tasks/get", json!({"taskId": id})).await;
    assert_eq!(error, json!({"code": -32603, "message": "internal error"}));
    assert!(client.mcp.snapshot().failures > 0);
    tokio::time::sleep(Duration::from_secs(5)).await;
    fails.store(false, Ordering::SeqCst);
    client.update(&id, json!({"who-1": accept("a")})).await;
    client.reaches(&id, "completed").await;
}

/// TASKS C-4: a client that leaves before it has the id leaves no row behind, whenever the store writes it.
#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_was_told_of_leaves_no_row() {
    let (writes, fails) = <(Arc<AtomicUsize>, Arc<std::sync::atomic::AtomicBool>)>::default();
    let rows = Map::default();
    let store = Slow {
        rows: Box::new(rows.clone()),
        writes: Arc::clone(&writes),
        fails,
    };
    let (client, seen) = Client::new(|builder| builder.backplane(Backplane::new(store)));
    let id = client.begin("confirm", json!({})).await;
    client.cancel(&id).await;
    client.reaches(&id, "cancelled").await;
    let before = rows.0.lock().unwrap().len();
    let runs = seen.runs.load(Ordering::SeqCst);
    let leaving = Duration::from_millis(500);
    let call = client.call("sleep", json!({"seconds": 1000}));
    assert!(tokio::time::timeout(leaving, call).await.is_err());
    assert_eq!(rows.0.lock().unwrap().len(), before + 1, "being written");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rows.0.lock().unwrap().len(), before);
    assert_eq!(seen.runs.load(Ordering::SeqCst), runs);
}
