//! `left`: the memory that a server has when a load of long messages is over.

use std::time::Duration;

use tokio::task::JoinSet;

use super::bench::Bench;
use super::caller::{Caller, Calling};
use super::client::Connection;
use super::failures::Failures;
use super::messages::{Revision, call, modern_lines};
use super::place::Place;
use super::report::{Row, Section};
use super::side::{Contender, Side};
use super::sizes::Size;
use super::{Failed, progress, runtime};

const REVISION: Revision = Revision::Modern;
/// A body that is just within the limit.
const LONG: usize = 4_000_000;
/// How often the calls are made.
const TIMES: usize = 3;
/// How long an answer waits that its client does not read.
const UNREAD: Duration = Duration::from_secs(1);
/// When memory is looked at after the last client has left.
const SETTLED: Duration = Duration::from_secs(1);

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let clients = bench.options.count(Size::Bodies);
    Ok(Section {
        mode: "left",
        about: format!(
            "{} clients of {} ask for an echo of {LONG} bytes, do not read it for {UNREAD:?} and leave; and \
             {clients} clients at the same time have one each, {TIMES} times; the memory is what the server has \
             {SETTLED:?} after the last of them left, beyond what it had when it began",
            unread(clients),
            REVISION.name(),
        ),
        rows: runtime()?.block_on(measure(bench, clients))?,
    })
}

const fn unread(clients: usize) -> usize {
    clients.div_ceil(4)
}

async fn measure(bench: &Bench, clients: usize) -> Result<Vec<Row>, Failed> {
    let text = "x".repeat(LONG);
    let mut rows = Vec::new();
    for contender in bench.contenders(REVISION) {
        progress::tell(format_args!("left, clients that do not read"));
        let side = start(bench, contender, clients).await?;
        let began = side.resident();
        let leaving = (0..unread(clients)).map(|_| leave_unread(side.place.clone(), text.clone()));
        let mut failures = Failures::default();
        for left in leaving.collect::<JoinSet<_>>().join_all().await {
            if let Err(why) = left {
                failures.add(why);
            }
        }
        rows.push(row("answers that were not read", side, began, failures).await);
    }
    for contender in bench.contenders(REVISION) {
        progress::tell(format_args!("left, calls"));
        let side = start(bench, contender, clients).await?;
        let began = side.resident();
        let mut failures = Failures::default();
        for _ in 0..TIMES {
            let calls = (0..clients).map(|_| call_once(side.place.clone(), text.clone()));
            for called in calls.collect::<JoinSet<_>>().join_all().await {
                match called {
                    Ok(caller) => failures.append(caller.failures),
                    Err(why) => failures.add(why),
                }
            }
        }
        rows.push(row("answers that were read", side, began, failures).await);
    }
    Ok(rows)
}

/// A server that has had a short call.
async fn start(bench: &Bench, contender: Contender, clients: usize) -> Result<Side, Failed> {
    let side = bench.start(contender, clients, &[])?;
    Caller::open(&side.place, REVISION, Calling::of(1, "hello, ")).await?;
    Ok(side)
}

/// Calls once, as opening does, and leaves.
async fn call_once(place: Place, text: String) -> Result<Caller, Failed> {
    Caller::open(&place, REVISION, Calling::of(1, &text)).await
}

async fn leave_unread(place: Place, text: String) -> Result<(), Failed> {
    let lines = modern_lines("tools/call", Some(&place.tool));
    let request = place.post(&place.mcp, &lines, &call(REVISION, &place.tool, &text));
    let mut connection = Connection::open(place.address).await?;
    connection.send(&request).await?;
    connection.head().await?;
    tokio::time::sleep(UNREAD).await;
    Ok(())
}

async fn row(what: &str, side: Side, began: Option<u64>, failures: Failures) -> Row {
    tokio::time::sleep(SETTLED).await;
    let left = side.resident().zip(began);
    let left = left.map(|(now, began)| now.saturating_sub(began) as f64 / 1e6);
    Row::new(what, side.name)
        .cost("MB resident", left)
        .failures(failures)
}
