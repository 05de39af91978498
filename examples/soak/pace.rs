//! Clients that make short calls and measure their latency, which the other clients must not affect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Client, Failure, Round};
use crate::stateless;

/// The number of these clients.
pub(crate) const PACERS: u64 = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// A summary of the latencies. It is short, because it is on the heap that the test measures.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pace {
    pub(crate) calls: usize,
    pub(crate) median: Duration,
    /// The 99th percentile.
    pub(crate) slowest: Duration,
}

/// Calls repeatedly, with a pause after each answer, until the round is over.
pub(crate) async fn keep_pace(round: Arc<Round>, number: u64) -> Vec<Duration> {
    let ledger = Arc::clone(&round);
    let mut client = Client::modern(round, number);
    let mut latencies = Vec::new();
    while !client.is_over() {
        tokio::time::sleep(PAUSE).await;
        match call(&mut client).await {
            Ok(latency) => latencies.push(latency),
            Err(failure) => ledger.ledger.fail(format!("pacer {number}: {failure}")),
        }
    }
    latencies
}

async fn call(client: &mut Client) -> Result<Duration, Failure> {
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
