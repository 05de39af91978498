//! `left`: the memory that a server has when a load of long messages is over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::client::caller::{Caller, Calling};
use crate::client::connection::Connection;
use crate::client::messages::{Revision, call, modern_lines};
use crate::error::Failed;
use crate::measure::failures::Failures;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::{Contender, Side};
use crate::sizes::Size;

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
    let mut rows = Vec::new();
    for contender in bench.contenders(REVISION) {
        progress::tell(format_args!("left, clients that do not read"));
        let left = Left::start(bench, contender, clients).await?;
        let left = left.load(unread(clients), leave_unread).await;
        rows.push(left.row("answers that were not read").await);
    }
    for contender in bench.contenders(REVISION) {
        progress::tell(format_args!("left, clients that read"));
        let mut left = Left::start(bench, contender, clients).await?;
        for _ in 0..TIMES {
            left = left.load(clients, call_once).await;
        }
        rows.push(left.row("answers that were read").await);
    }
    Ok(rows)
}

/// A server, and what it had when it began.
struct Left {
    side: Side,
    began: Option<u64>,
    /// The call that all clients send.
    request: Arc<[u8]>,
    failures: Failures,
}

impl Left {
    /// A server that has had a short call.
    async fn start(bench: &Bench, contender: Contender, clients: usize) -> Result<Self, Failed> {
        let side = bench.start(contender, clients, &[])?;
        Caller::open(&side.place, REVISION, Calling::of(1, "hello, ")).await?;
        let place = &side.place;
        let lines = modern_lines("tools/call", Some(&place.tool));
        let call = call(REVISION, &place.tool, &"~".repeat(LONG));
        Ok(Self {
            began: side.resident(),
            request: place.post(&place.mcp, &lines, &call).into(),
            failures: Failures::default(),
            side,
        })
    }

    /// So many clients at the same time.
    async fn load<F>(mut self, clients: usize, client: fn(SocketAddr, Arc<[u8]>) -> F) -> Self
    where
        F: Future<Output = Result<(), Failed>> + Send + 'static,
    {
        let address = self.side.place.address;
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
        let left = self.side.resident().zip(self.began);
        let left = left.map(|(now, began)| now.saturating_sub(began) as f64 / 1e6);
        Row::new(what, self.side.name)
            .cost("MB resident", left)
            .failures(self.failures)
    }
}

async fn leave_unread(address: SocketAddr, request: Arc<[u8]>) -> Result<(), Failed> {
    let mut connection = Connection::open(address).await?;
    connection.send(&request).await?;
    connection.head().await?;
    tokio::time::sleep(UNREAD).await;
    Ok(())
}

async fn call_once(address: SocketAddr, request: Arc<[u8]>) -> Result<(), Failed> {
    let mut connection = Connection::open(address).await?;
    connection.send(&request).await?;
    let status = connection.head().await?.status;
    // There is no such byte but in the text.
    let mut len = 0;
    while let Some(piece) = connection.piece().await? {
        len += piece.iter().filter(|&&byte| byte == b'~').count();
    }
    match (status, len) {
        (200, LONG) => Ok(()),
        _ => Err(format!("{status} with {len} bytes of {LONG}").into()),
    }
}
