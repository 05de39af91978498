//! `call`: calls of the echo tool in each revision, as fast as they are answered.

use crate::bench::Bench;
use crate::client::caller::Calling;
use crate::client::messages::Revision;
use crate::error::Failed;
use crate::modes::load::{Loaded, in_turns};
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::sizes::Size;

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let mut rows = Vec::new();
    for revision in Revision::ALL {
        rows.extend(runtime()?.block_on(measure(bench, revision))?);
    }
    Ok(Section {
        mode: "call",
        about: format!(
            "the echo tool is called over {} connections for {:?}, each time as soon as the answer before is \
             there and was checked",
            bench.options.count(Size::Connections),
            bench.options.time(Size::Seconds),
        ),
        rows,
    })
}

async fn measure(bench: &Bench, revision: Revision) -> Result<Vec<Row>, Failed> {
    let connections = bench.options.count(Size::Connections);
    let mut servers = Vec::new();
    for contender in bench.contenders(revision) {
        let side = bench.start(contender, connections * 2, &[])?;
        let server = Loaded::start(side, revision, Calling::of(connections, "hello, ")).await;
        servers.extend(contender.unless_left_out(server)?);
    }
    let doing = format!("call, {}", revision.name());
    in_turns(&mut servers, bench.options.time(Size::Seconds), &doing).await;
    Ok(servers
        .into_iter()
        .map(|server| row(server, revision))
        .collect())
}

fn row(server: Loaded, revision: Revision) -> Row {
    let (side, spent, latencies, failures) = server.done();
    Row::new(revision.name(), side.name)
        .rate("calls / CPU s", spent.each_cpu_second())
        .rate("calls / s", spent.each_second())
        .latencies(latencies)
        .failures(failures)
}
