//! `slow`: clients that do not read their streams, and their effect on other clients.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::client::caller::CallPlan;
use crate::client::messages::{self, Revision};
use crate::client::session::Session;
use crate::client::target::Target;
use crate::error::BoxError;
use crate::modes::load::LoadedServer;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::measured::MeasuredServer;
use crate::sizes::Size;

/// The length of one answer to a client that does not read.
const PIECE: usize = 64 * 1024;
/// The length of all answers to such a client, unless the server cuts it off before.
const FLOOD: usize = 16 * 1024 * 1024;
/// The number of clients that read.
const OTHERS: usize = 4;
const OTHERS_REVISION: Revision = Revision::Modern;

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let readers = bench.options.count(Size::Readers);
    Ok(Section {
        mode: "slow",
        about: format!(
            "{OTHERS} clients call for {:?}, and again for as long while {readers} others request {} MiB each \
             on a stream that they do not read; memory is the peak in addition to what the server used before. \
             Bare hyper keeps everything unread, mcp-wire cuts such a client off",
            time(bench),
            FLOOD >> 20,
        ),
        rows: runtime()?.block_on(measure(bench, readers))?,
    })
}

fn time(bench: &Bench) -> Duration {
    bench.options.time(Size::Seconds) / 2
}

async fn measure(bench: &Bench, readers: usize) -> Result<Vec<Row>, BoxError> {
    let mut rows = Vec::new();
    for contender in bench.contenders(OTHERS_REVISION) {
        let server = bench.start(contender, 2 * readers + OTHERS, &[])?;
        progress::tell(format_args!("slow: {}", server.name));
        rows.extend(contender.or_skip(beside(bench, server, readers).await)?);
    }
    Ok(rows)
}

/// Calls without slow readers, and then beside them.
async fn beside(bench: &Bench, server: MeasuredServer, readers: usize) -> Result<Row, BoxError> {
    let mut others =
        LoadedServer::start(server, OTHERS_REVISION, CallPlan::new(OTHERS, "hello, ")).await?;
    others.turn(time(bench)).await;
    let alone = others.so_far();
    others.server.forget_peak();
    let began = others.server.resident();

    let mut flooding = JoinSet::new();
    for _ in 0..readers {
        flooding.spawn(Flood::open(&others.server.target).await?.run());
    }
    others.turn(time(bench)).await;
    let peak = others.server.peak().zip(began);
    let mut floods = Vec::new();
    while let Some(flood) = flooding.try_join_next() {
        floods.push(flood?);
    }
    let cut = floods.iter().filter(|flood| flood.is_cut).count();
    let (server, _, beside, failures) = others.done();
    let each = |(peak, began): (u64, u64)| peak.saturating_sub(began) as f64 / readers as f64;
    Ok(Row::new(format!("{readers} readers"), server.name)
        .cost("bytes / slow reader", peak.map(each))
        .figure("cut off", Some(cut as f64))
        .figure("p50 µs alone", alone.at(50.0))
        .figure("p99 µs alone", alone.at(99.0))
        .latencies(beside)
        .failures(failures))
}

/// A session whose client does not read its stream.
struct Flood {
    /// Keeps the stream open.
    session: Session,
    request: Vec<u8>,
    is_cut: bool,
}

impl Flood {
    async fn open(target: &Target) -> Result<Self, BoxError> {
        let session = Session::open(target, Revision::Sse).await?;
        let call = messages::call(Revision::Sse, &target.tool, &"x".repeat(PIECE));
        Ok(Self {
            request: target.post(&session.path, "", &call),
            session,
            is_cut: false,
        })
    }

    /// Calls until all answers were sent, or until the server refuses a call.
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
