//! The tables of all cases, with their ratios to lean hyper.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cases::{CASES, Case, of_workload};
use crate::client::messages::Revision;
use crate::client::workload::WORKLOADS;
use crate::error::BoxError;
use crate::measure::cores::Cores;
use crate::numbers::grouped;
use crate::{idle, load, valgrind};

/// The cost of one call, and of one stream.
struct Cost {
    case: &'static Case,
    instructions: f64,
    allocations: f64,
    allocated: f64,
    /// Calls per second of processor time.
    calls: f64,
    stream: Option<f64>,
}

pub(crate) struct Report {
    costs: Vec<Cost>,
    works: Vec<Work>,
}

/// Calls per second of processor time in a workload, for each server. Lean hyper is the first.
struct Work {
    name: &'static str,
    rates: Vec<(&'static str, f64)>,
}

const NOTE: &str = "\
Instructions, allocations and allocated bytes are those of one call over a connection in memory. Calls per second of \
processor time are measured in turns over 32 connections on loopback, the memory of an idle stream over 1,000 streams; \
mcp-wire uses its own accept loop there. Ratios are to lean hyper in the same revision. Lean hyper finds the id and \
the argument with one scan that validates nothing; hyper with a `Value` parses the whole body with serde_json. \
mcp-wire has all its limits and checks enabled. rmcp has its default features and the transport, over hyper. In \
sessions of 2025-11-25 its settings are the defaults, where it answers with streams; without sessions and in \
2026-07-28 it answers with JSON. 0.10 is its last release with HTTP+SSE. Each server has one thread. The other loads \
are long calls over 4 connections, and 16 clients that open a session, call once and end it, or that connect for each \
call; where the others open and end a session, lean hyper answers four calls.";

/// The numbers of calls in the two runs under valgrind.
const CALLS: (u64, u64) = (100, 600);

/// Measures everything, and prints progress to standard error.
pub(crate) async fn measure() -> Result<Report, BoxError> {
    valgrind::is_there()?;
    let cores = Cores::split();
    let mut costs = Vec::new();
    for revision in Revision::ALL {
        let cases: Vec<_> = CASES
            .iter()
            .filter(|case| case.revision == revision)
            .collect();
        progress(&format!("{}: calls over sockets", revision.name()));
        let rates = load::measure(&cases, load::short(load::CONNECTIONS), cores.as_ref()).await?;
        for (case, calls) in cases.into_iter().zip(rates) {
            progress(case.name);
            costs.push(cost(case, calls, cores.as_ref()).await?);
        }
    }
    let works = works(cores.as_ref()).await?;
    progress("");
    Ok(Report { costs, works })
}

async fn works(cores: Option<&Cores>) -> Result<Vec<Work>, BoxError> {
    let mut works = Vec::new();
    for workload in &WORKLOADS {
        progress(workload.name);
        let cases = of_workload(workload);
        let rates = load::measure(&cases, workload.plan(&workload.text()), cores).await?;
        let servers = cases.into_iter().map(|case| case.server_name);
        works.push(Work {
            name: workload.name,
            rates: servers.zip(rates).collect(),
        });
    }
    Ok(works)
}

async fn cost(case: &'static Case, calls: f64, cores: Option<&Cores>) -> Result<Cost, BoxError> {
    let (few, many) = CALLS;
    let instructions = valgrind::instructions(case.name, few, many)?;
    let (allocations, allocated) = valgrind::allocations(case.name, few, many)?;
    let stream = match case.has_streams {
        true => Some(idle::measure(case, cores).await?),
        false => None,
    };
    Ok(Cost {
        case,
        instructions,
        allocations,
        allocated,
        calls,
        stream,
    })
}

fn progress(what: &str) {
    eprint!("\r\x1b[K{what}");
}

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "| revision | server | instructions | × lean | allocations | bytes | calls per CPU second | × lean | \
             idle stream, bytes RSS | × lean |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for cost in &self.costs {
            let (instructions, calls, stream) = self.ratios(cost);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {instructions:.2} | {:.0} | {} | {} | {calls:.2} | {} | {} |",
                cost.case.revision.name(),
                cost.case.server_name,
                whole(cost.instructions),
                cost.allocations,
                whole(cost.allocated),
                whole(cost.calls),
                cost.stream.map_or_else(|| "-".to_owned(), whole),
                stream.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            );
        }
        text += "\n| load | server | calls per CPU second | × lean |\n|---|---|--:|--:|\n";
        for work in &self.works {
            for (server, rate) in &work.rates {
                let (name, ratio) = (work.name, rate / work.lean());
                let rate = whole(*rate);
                let _ = writeln!(text, "| {name} | {server} | {rate} | {ratio:.2} |");
            }
        }
        text + "\n" + NOTE
    }

    pub(crate) fn json(&self) -> Value {
        let cost = |cost: &Cost| {
            let (instructions, calls, stream) = self.ratios(cost);
            json!({
                "revision": cost.case.revision.name(),
                "server": cost.case.server_name,
                "instructions": cost.instructions.round(),
                "allocations": cost.allocations,
                "allocated_bytes": cost.allocated.round(),
                "calls_per_cpu_second": cost.calls.round(),
                "idle_stream_bytes": cost.stream.map(f64::round),
                "of_lean": {"instructions": instructions, "calls_per_cpu_second": calls, "idle_stream_bytes": stream},
            })
        };
        let work = |work: &Work| {
            let rates = work.rates.iter().map(|(server, rate)| {
                json!({
                    "server": server,
                    "calls_per_cpu_second": rate.round(),
                    "of_lean": rate / work.lean(),
                })
            });
            json!({"load": work.name, "rates": rates.collect::<Vec<_>>()})
        };
        json!({
            "note": NOTE,
            "costs": self.costs.iter().map(cost).collect::<Vec<_>>(),
            "works": self.works.iter().map(work).collect::<Vec<_>>(),
        })
    }

    /// Instructions, calls and stream as multiples of those of lean hyper, the first case of its revision.
    fn ratios(&self, cost: &Cost) -> (f64, f64, Option<f64>) {
        let revision = cost.case.revision;
        let lean = self
            .costs
            .iter()
            .find(|lean| lean.case.revision == revision);
        let lean = lean.unwrap_or(cost);
        let stream = cost.stream.zip(lean.stream).map(|(ours, lean)| ours / lean);
        (
            cost.instructions / lean.instructions,
            cost.calls / lean.calls,
            stream,
        )
    }
}

impl Work {
    fn lean(&self) -> f64 {
        self.rates.first().map_or(f64::NAN, |(_, rate)| *rate)
    }
}

/// A rounded number, with a comma before each three digits.
fn whole(number: f64) -> String {
    grouped(number.round() as i64)
}
