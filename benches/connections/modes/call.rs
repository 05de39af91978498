//! `call`: calls of the echo tool in each revision, each as soon as the last one was answered.

use crate::bench::Bench;
use crate::client::caller::CallPlan;
use crate::client::messages::Revision;
use crate::error::BoxError;
use crate::modes::load;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::sizes::Size;

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let mut rows = Vec::new();
    for revision in Revision::ALL {
        rows.extend(runtime()?.block_on(measure(bench, revision))?);
    }
    Ok(Section {
        mode: "call",
        about: format!(
            "{} connections call the echo tool for {:?}; each sends the next call as soon as it has \
             checked the answer to the last one",
            bench.options.count(Size::Connections),
            bench.options.time(Size::Seconds),
        ),
        rows,
    })
}

async fn measure(bench: &Bench, revision: Revision) -> Result<Vec<Row>, BoxError> {
    let plan = CallPlan::new(bench.options.count(Size::Connections), "hello, ");
    let doing = format!("call, {}", revision.name());
    let servers = load::measure(bench, revision, plan, &doing).await?;
    let rows = servers.into_iter();
    Ok(rows.map(|server| server.rates(revision.name())).collect())
}
