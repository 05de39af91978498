//! `big`: calls whose argument is as long as a document.

use crate::bench::Bench;
use crate::client::caller::Calling;
use crate::client::messages::Revision;
use crate::error::Failed;
use crate::modes::load::{Loaded, in_turns};
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::sizes::Size;

const REVISION: Revision = Revision::Modern;

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let bytes = bench.options.count(Size::Bytes);
    Ok(Section {
        mode: "big",
        about: format!(
            "one client of {} calls the echo tool with {bytes} bytes for {:?}; the peak is the most memory \
             that the server had beyond what it had after it began, in lengths of the argument",
            REVISION.name(),
            bench.options.time(Size::Seconds),
        ),
        rows: runtime()?.block_on(measure(bench, bytes))?,
    })
}

async fn measure(bench: &Bench, bytes: usize) -> Result<Vec<Row>, Failed> {
    let text = "x".repeat(bytes);
    let mut servers = Vec::new();
    let mut began = Vec::new();
    for contender in bench.contenders(REVISION) {
        let side = bench.start(contender, 2, &[])?;
        let server = Loaded::start(side, REVISION, Calling::of(1, &text)).await;
        if let Some(server) = contender.unless_left_out(server)? {
            server.side.forget_peak();
            began.push(server.side.resident());
            servers.push(server);
        }
    }
    in_turns(&mut servers, bench.options.time(Size::Seconds), "big").await;
    let rows = servers.into_iter().zip(began);
    Ok(rows
        .map(|(server, began)| row(server, began, bytes))
        .collect())
}

fn row(server: Loaded, began: Option<u64>, bytes: usize) -> Row {
    let peak = server.side.peak().zip(began);
    let (side, spent, latencies, failures) = server.done();
    Row::new(format!("{bytes} bytes"), side.name)
        .cost("CPU µs / call", spent.micros_each())
        .cost("µs / call", spent.each_second().map(|rate| 1e6 / rate))
        .cost(
            "peak, arguments",
            peak.map(|(peak, began)| peak.saturating_sub(began) as f64 / bytes as f64),
        )
        .latencies(latencies)
        .failures(failures)
}
