//! `big`: calls with an argument as long as a document.

use crate::bench::Bench;
use crate::client::caller::CallPlan;
use crate::client::messages::Revision;
use crate::error::BoxError;
use crate::modes::load::{LoadedServer, in_turns};
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::sizes::Size;

const REVISION: Revision = Revision::Modern;

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let bytes = bench.options.count(Size::Bytes);
    Ok(Section {
        mode: "big",
        about: format!(
            "one client of {} calls the echo tool with {bytes} bytes for {:?}; the peak is the memory that \
             the server used at most in addition to what it used at the start, as a multiple of the argument",
            REVISION.name(),
            bench.options.time(Size::Seconds),
        ),
        rows: runtime()?.block_on(measure(bench, bytes))?,
    })
}

async fn measure(bench: &Bench, bytes: usize) -> Result<Vec<Row>, BoxError> {
    let text = "x".repeat(bytes);
    let mut servers = Vec::new();
    let mut began = Vec::new();
    for contender in bench.contenders(REVISION) {
        let server = bench.start(contender, 2, &[])?;
        let server = LoadedServer::start(server, REVISION, CallPlan::new(1, &text)).await;
        if let Some(server) = contender.or_skip(server)? {
            server.server.forget_peak();
            began.push(server.server.resident());
            servers.push(server);
        }
    }
    in_turns(&mut servers, bench.options.time(Size::Seconds), "big").await;
    let rows = servers.into_iter().zip(began);
    Ok(rows
        .map(|(server, began)| row(server, began, bytes))
        .collect())
}

fn row(server: LoadedServer, began: Option<u64>, bytes: usize) -> Row {
    let peak = server.server.peak().zip(began);
    let (server, spent, latencies, failures) = server.done();
    Row::new(format!("{bytes} bytes"), server.name)
        .cost("CPU µs / call", spent.micros_each())
        .cost("µs / call", spent.each_second().map(|rate| 1e6 / rate))
        .cost(
            "peak, arguments",
            peak.map(|(peak, began)| peak.saturating_sub(began) as f64 / bytes as f64),
        )
        .latencies(latencies)
        .failures(failures)
}
