//! Clients that ask for little, again and again, and measure how long it takes: what others do must
//! not be felt here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Client, Fault, Round};
use crate::stateless;

/// How many of these clients there are.
pub(crate) const PACERS: u64 = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// How long calls took. It is short, because it is on the heap of the process that is measured.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pace {
    pub(crate) calls: usize,
    pub(crate) median: Duration,
    /// 99 of a hundred took no longer.
    pub(crate) slowest: Duration,
}

/// Calls at once when it has its answer, after a pause, until the round is over.
pub(crate) async fn keep_pace(round: Arc<Round>, number: u64) -> Vec<Duration> {
    let ledger = Arc::clone(&round);
    let mut client = Client::modern(round, number);
    let mut latencies = Vec::new();
    while !client.is_over() {
        tokio::time::sleep(PAUSE).await;
        match call(&mut client).await {
            Ok(latency) => latencies.push(latency),
            Err(fault) => ledger.ledger.fails(format!("pacer {number}: {fault}")),
        }
    }
    latencies
}

async fn call(client: &mut Client) -> Result<Duration, Fault> {
    let connection = client.connection().await?;
    let begun = Instant::now();
    stateless::call(client, connection, 1, json!({}), Duration::ZERO).await?;
    Ok(begun.elapsed())
}

impl Pace {
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        let percentile = |percent| latencies.get(latencies.len() * percent / 100).copied();
        Self {
            calls: latencies.len(),
            median: percentile(50).unwrap_or_default(),
            slowest: percentile(99).unwrap_or_default(),
        }
    }
}
