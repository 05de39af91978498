//! `slow`: clients that do not read their streams, and what the others notice of them.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::client::caller::Calling;
use crate::client::messages::{self, Revision};
use crate::client::session::Session;
use crate::client::target::Place;
use crate::error::Failed;
use crate::modes::load::Loaded;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::Side;
use crate::sizes::Size;

/// What is echoed to clients that do not read, at a time.
const PIECE: usize = 64 * 1024;
/// All that is echoed to one of them, unless it is cut off before.
const FLOOD: usize = 16 * 1024 * 1024;
/// Those who read.
const OTHERS: usize = 4;
const OTHERS_REVISION: Revision = Revision::Modern;

pub(crate) fn run(bench: &Bench) -> Result<Section, Failed> {
    let readers = bench.options.count(Size::Readers);
    Ok(Section {
        mode: "slow",
        about: format!(
            "{OTHERS} clients call, alone and then beside {readers} that have {} MiB echoed to a stream that \
             they do not read, for {:?} each; memory is the most that the server had beyond what it had alone. \
             A floor keeps all that is not read, ours cuts such a client off",
            FLOOD >> 20,
            time(bench),
        ),
        rows: runtime()?.block_on(measure(bench, readers))?,
    })
}

fn time(bench: &Bench) -> Duration {
    bench.options.time(Size::Seconds) / 2
}

async fn measure(bench: &Bench, readers: usize) -> Result<Vec<Row>, Failed> {
    let mut rows = Vec::new();
    for contender in bench.contenders(OTHERS_REVISION) {
        let side = bench.start(contender, 2 * readers + OTHERS, &[])?;
        progress::tell(format_args!("slow: {}", side.name));
        rows.extend(contender.unless_left_out(beside(bench, side, readers).await)?);
    }
    Ok(rows)
}

/// The others alone, then the others beside those who do not read.
async fn beside(bench: &Bench, side: Side, readers: usize) -> Result<Row, Failed> {
    let mut others = Loaded::start(side, OTHERS_REVISION, Calling::of(OTHERS, "hello, ")).await?;
    others.turn(time(bench)).await;
    let alone = others.so_far();
    others.side.forget_peak();
    let began = others.side.resident();

    let mut flooding = JoinSet::new();
    for _ in 0..readers {
        flooding.spawn(Flood::open(&others.side.place).await?.run());
    }
    others.turn(time(bench)).await;
    let peak = others.side.peak().zip(began);
    let mut floods = Vec::new();
    while let Some(flood) = flooding.try_join_next() {
        floods.push(flood?);
    }
    let cut = floods.iter().filter(|flood| flood.is_cut).count();
    let (side, _, beside, failures) = others.done();
    let each = |(peak, began): (u64, u64)| peak.saturating_sub(began) as f64 / readers as f64;
    Ok(Row::new(format!("{readers} readers"), side.name)
        .cost("bytes / slow reader", peak.map(each))
        .figure("cut off", Some(cut as f64))
        .figure("p50 µs alone", alone.at(50.0))
        .figure("p99 µs alone", alone.at(99.0))
        .latencies(beside)
        .failures(failures))
}

/// A session whose answers come on a stream that nobody reads.
struct Flood {
    /// Holds the stream open.
    session: Session,
    request: Vec<u8>,
    is_cut: bool,
}

impl Flood {
    async fn open(place: &Place) -> Result<Self, Failed> {
        let session = Session::open(place, Revision::Sse).await?;
        let call = messages::call(Revision::Sse, &place.tool, &"x".repeat(PIECE));
        Ok(Self {
            request: place.post(&session.path, "", &call),
            session,
            is_cut: false,
        })
    }

    /// Calls until all was said, or the server will not have it any more.
    async fn run(mut self) -> Self {
        let mut answer = Vec::new();
        for _ in 0..FLOOD / PIECE {
            let status = self.session.post(&self.request, &mut answer).await;
            self.is_cut = !status.is_ok_and(|head| head.status == 202);
            if self.is_cut {
                break;
            }
        }
        self
    }
}
