//! `call`: calls of the echo tool in each revision, as fast as they are answered.

use super::caller::Callers;
use super::messages::Revision;
use super::options::Size;
use super::report::{Row, Section};
use super::side::{Side, What};
use super::turns::{Spent, turns};
use super::{Bench, Failed, progress, runtime};

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let (connections, time) = (
        bench.options.count(Size::Connections),
        bench.options.time(Size::Seconds),
    );
    let mut rows = Vec::new();
    for revision in Revision::ALL {
        rows.extend(runtime()?.block_on(measure(bench, revision))?);
    }
    Ok(Section {
        mode: "call",
        about: format!(
            "the echo tool is called over {connections} connections for {time:?}, \
             each as soon as the answer before is there and was checked"
        ),
        rows,
    })
}

/// One server under load.
struct Loaded {
    side: Side,
    callers: Callers,
    spent: Spent,
}

impl Loaded {
    async fn start(bench: &Bench, what: What, revision: Revision) -> Result<Self, Failed> {
        let side = Side::start(what, &[], bench.cores.as_ref())?;
        let connections = bench.options.count(Size::Connections);
        let callers = Callers::open(&side.place, revision, (connections, "hello, ")).await?;
        Ok(Self {
            side,
            callers,
            spent: Spent::default(),
        })
    }

    fn row(self, revision: Revision) -> Row {
        let (latencies, failures) = self.callers.done();
        Row::new(revision.name(), self.side.name)
            .rate("calls / CPU s", self.spent.each_cpu_second())
            .rate("calls / s", self.spent.each_second())
            .latencies(latencies.percentiles())
            .failures(failures)
    }
}

async fn measure(bench: &Bench, revision: Revision) -> Result<Vec<Row>, Failed> {
    let mut servers = Vec::new();
    for what in [What::Ours, What::Lean(revision)] {
        servers.push(Loaded::start(bench, what, revision).await?);
    }
    let (turns, time) = turns(bench.options.time(Size::Seconds));
    for turn in 1..=turns {
        for server in &mut servers {
            let Loaded {
                side,
                callers,
                spent,
            } = server;
            spent.turn(side, callers.call_for(time)).await;
            let rate = spent.each_second().unwrap_or_default();
            progress::tell(format_args!(
                "call, {}, turn {turn} of {turns}: {} {rate:.0} calls/s",
                revision.name(),
                side.name,
            ));
        }
    }
    Ok(servers
        .into_iter()
        .map(|server| server.row(revision))
        .collect())
}
