//! `left`: the memory that a server keeps after a load of long messages.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::client::caller::{CallPlan, Caller};
use crate::client::connection::Connection;
use crate::client::messages::{Revision, call, modern_lines};
use crate::error::BoxError;
use crate::measure::failures::Failures;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::{Contender, MeasuredServer};
use crate::sizes::Size;

const REVISION: Revision = Revision::Modern;
/// The length of a text whose body is just within the limit.
const LONG: usize = 4_000_000;
/// How many times the clients call.
const TIMES: usize = 3;
/// How long a client leaves an answer unread.
const UNREAD: Duration = Duration::from_secs(1);
/// The time between the last client leaving and the measurement.
const SETTLED: Duration = Duration::from_secs(1);

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let clients = bench.options.count(Size::Bodies);
    Ok(Section {
        mode: "left",
        about: format!(
            "{} clients of {} call the echo tool with {LONG} bytes, leave the answer unread for {UNREAD:?} \
             and disconnect; in a second run {clients} clients call concurrently and read the answer, {TIMES} times; \
             the memory is measured {SETTLED:?} after the last client left, and compared with the start",
            unread(clients),
            REVISION.name(),
        ),
        rows: runtime()?.block_on(measure(bench, clients))?,
    })
}

const fn unread(clients: usize) -> usize {
    clients.div_ceil(4)
}

async fn measure(bench: &Bench, clients: usize) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for contender in bench.contenders(REVISION) {
        progress::tell(format_args!("left: clients that do not read"));
        let left = Left::start(bench, contender, clients).await?;
        let left = left.load(unread(clients), leave_unread).await;
        rows.push(left.row("unread answers").await);
    }
    for contender in bench.contenders(REVISION) {
        progress::tell(format_args!("left: clients that read"));
        let mut left = Left::start(bench, contender, clients).await?;
        for _ in 0..TIMES {
            left = left.load(clients, call_once).await;
        }
        rows.push(left.row("read answers").await);
    }
    Ok(rows)
}

/// A server, and its memory at the start.
struct Left {
    server: MeasuredServer,
    began: Option<u64>,
    /// The call that every client sends.
    request: Arc<[u8]>,
    failures: Failures,
}

impl Left {
    /// Starts a server and makes one short call.
    async fn start(bench: &Bench, contender: Contender, clients: usize) -> Result<Self, BoxError> {
        let server = bench.start(contender, clients, &[])?;
        Caller::open(&server.target, REVISION, CallPlan::new(1, "hello, ")).await?;
        let target = &server.target;
        let lines = modern_lines("tools/call", Some(&target.tool));
        let call = call(REVISION, &target.tool, &"~".repeat(LONG));
        Ok(Self {
            began: server.resident(),
            request: target.post(&target.mcp, &lines, &call).into(),
            failures: Failures::default(),
            server,
        })
    }

    /// Runs this many clients concurrently.
    async fn load<F>(mut self, clients: usize, client: fn(SocketAddr, Arc<[u8]>) -> F) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let address = self.server.target.address;
        let clients = (0..clients).map(|_| client(address, Arc::clone(&self.request)));
        for done in clients.collect::<JoinSet<_>>().join_all().await {
            if let Err(why) = done {
                self.failures.add(why);
            }
        }
        self
    }

    async fn row(self, what: &str) -> Row {
        tokio::time::sleep(SETTLED).await;
        let left = self.server.resident().zip(self.began);
        let left = left.map(|(now, began)| now.saturating_sub(began) as f64 / 1e6);
        Row::new(what, self.server.name)
            .cost("MB resident", left)
            .failures(self.failures)
    }
}

async fn leave_unread(address: SocketAddr, request: Arc<[u8]>) -> Result<(), BoxError> {
    let mut connection = Connection::open(address).await?;
    connection.send(&request).await?;
    connection.head().await?;
    tokio::time::sleep(UNREAD).await;
    Ok(())
}

async fn call_once(address: SocketAddr, request: Arc<[u8]>) -> Result<(), BoxError> {
    let mut connection = Connection::open(address).await?;
    connection.send(&request).await?;
    let status = connection.head().await?.status;
    // This byte occurs only in the text.
    let mut len = 0;
    while let Some(piece) = connection.piece().await? {
        len += piece.iter().filter(|&&byte| byte == b'~').count();
    }
    match (status, len) {
        (200, LONG) => Ok(()),
        _ => Err(format!("the answer has status {status} and {len} of {LONG} bytes").into()),
    }
}
