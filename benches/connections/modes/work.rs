//! `work`: long calls, and calls that each have a session or a connection of their own.

use crate::bench::Bench;
use crate::client::workload::{WORKLOADS, Workload};
use crate::error::Failed;
use crate::modes::load::{Loaded, in_turns};
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::sizes::Size;

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let mut rows = Vec::new();
    for workload in &WORKLOADS {
        rows.extend(runtime()?.block_on(measure(bench, workload))?);
    }
    Ok(Section {
        mode: "work",
        about: format!(
            "the echo tool is called for {:?}: with 16 KiB and 1 MiB in 2026-07-28, over 4 connections; by 16 \
             clients of 2025-11-25 that open a session, call once and end the session, where bare hyper \
             answers four calls; and by 16 clients of 2026-07-28 that connect for each call",
            bench.options.time(Size::Seconds),
        ),
        rows,
    })
}

async fn measure(bench: &Bench, workload: &Workload) -> Result<Vec<Row>, Failed> {
    let text = workload.text();
    let mut servers = Vec::new();
    for contender in bench.contenders(workload.revision) {
        let side = bench.start(contender, workload.clients * 2, &[])?;
        let server = Loaded::start(side, workload.revision, workload.calling(&text)).await;
        servers.extend(contender.unless_left_out(server)?);
    }
    in_turns(
        &mut servers,
        bench.options.time(Size::Seconds),
        workload.name,
    )
    .await;
    Ok(servers
        .into_iter()
        .map(|server| row(server, workload))
        .collect())
}

fn row(server: Loaded, workload: &Workload) -> Row {
    let (side, spent, latencies, failures) = server.done();
    Row::new(workload.name, side.name)
        .rate("calls / CPU s", spent.each_cpu_second())
        .rate("calls / s", spent.each_second())
        .latencies(latencies)
        .failures(failures)
}
