//! `million`: idle sessions in one process, more than there can be sockets.

use std::process::{Output, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use mcp_wire::serve_connection;
use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, raised};
use crate::client::messages::Revision;
use crate::error::BoxError;
use crate::measure::cores::this_program;
use crate::modes::in_memory::{Seen, Socket};
use crate::process;
use crate::progress;
use crate::report::section::{Row, Section};
use crate::runtime::runtime;
use crate::server::kind::ServerKind;
use crate::server::lean::Floor;
use crate::server::ours::{Settings, service};
use crate::sizes::Size;

/// How many connections are opened at a time.
const BATCH: usize = 1_000;
/// The longest time that opening a batch may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run(bench: &Bench) -> Result<Section, BoxError> {
    let sessions = bench.options.count(Size::Sessions);
    let keep_alive = bench.options.time(Size::KeepAlive);
    let mut rows = Vec::new();
    for kind in Bench::own(Revision::Sse) {
        progress::tell(format_args!(
            "million: {} holds {sessions} sessions",
            kind.name()
        ));
        rows.push(row(&held(bench, kind)?, kind, sessions));
    }
    Ok(Section {
        mode: "million",
        about: format!(
            "{sessions} sessions of 2024-11-05 are open in one process of one thread, over connections in memory \
             whose clients read everything at once; when all are open, processor time is measured for slightly \
             longer than {keep_alive:?}, so that each session receives a keep-alive{}",
            raised(sessions).unwrap_or_default(),
        ),
        rows,
    })
}

/// Starts a process that holds the sessions. Returns its measurements.
fn held(bench: &Bench, kind: ServerKind) -> Result<Value, BoxError> {
    let keep_alive = bench.options.time(Size::KeepAlive).as_secs_f64();
    let Output { status, stdout, .. } = this_program(bench.cores.as_ref())?
        .args(["--hold", &kind.name()])
        .args(["--max", &bench.options.count(Size::Sessions).to_string()])
        .args(["--keep-alive", &keep_alive.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    match status.success() {
        true => Ok(serde_json::from_slice(&stdout)?),
        false => Err(format!("{} ended with {status}", kind.name()).into()),
    }
}

fn row(held: &Value, kind: ServerKind, sessions: usize) -> Row {
    let figure = |name: &str| held[name].as_f64();
    let each = |name| Some(figure(name)? / sessions as f64);
    Row::new(format!("{sessions} sessions"), kind.title())
        .cost("bytes / session", each("bytes"))
        .figure("peak, MiB", figure("peak").map(|bytes| bytes / 1048576.0))
        .cost("s to open", figure("seconds"))
        .cost("core", figure("core"))
        .cost("CPU µs / keep-alive", figure("micros"))
}

/// Opens the sessions, holds them, and prints their cost.
pub(crate) fn hold(kind: ServerKind, settings: Settings) -> Result<(), BoxError> {
    let sessions = settings.max.ok_or("--hold needs --max")?;
    let keep_alive = settings.keep_alive.ok_or("--hold needs --keep-alive")?;
    let holding = async {
        match kind {
            ServerKind::Ours => {
                let (mcp, _) = service(settings)?;
                let serve = |socket| serve_connection(socket, mcp.clone());
                let cost = measure(sessions, keep_alive, serve).await?;
                match mcp.sessions() {
                    open if open == sessions => Ok(cost),
                    open => Err(format!("only {open} sessions are open").into()),
                }
            }
            ServerKind::Lean(revision) => {
                let floor = Rc::new(Floor::new(revision, settings.keep_alive));
                let serve = |socket| Rc::clone(&floor).connection(TokioIo::new(socket));
                measure(sessions, keep_alive, serve).await
            }
        }
    };
    let cost: Result<Value, BoxError> = runtime()?.block_on(LocalSet::new().run_until(holding));
    println!("{}", cost?);
    Ok(())
}

async fn measure<F>(
    sessions: usize,
    keep_alive: Duration,
    serve: impl Fn(Socket) -> F,
) -> Result<Value, BoxError>
where
    F: Future<Output = ()> + 'static,
{
    let this = std::process::id();
    let seen = Arc::new(Seen::default());
    let (before, begun) = (process::resident(this), Instant::now());
    for session in 1..=sessions {
        spawn_local(serve(Socket::new(Arc::clone(&seen))));
        if session % BATCH == 0 || session == sessions {
            let opened = async {
                while seen.opened.load(Relaxed) < session {
                    yield_now().await;
                }
            };
            timeout(PATIENCE, opened).await?;
            progress::tell(format_args!("million: {session} sessions are open"));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (cpu, pings, begun) = (
        process::cpu_of_one_thread(this),
        seen.pings.load(Relaxed),
        Instant::now(),
    );
    sleep(keep_alive.mul_f64(1.1)).await;
    let span = begun.elapsed();
    let cpu = process::cpu_of_one_thread(this).zip(cpu);
    let cpu = cpu.map(|(after, before)| (after - before).as_secs_f64());
    let pings = seen.pings.load(Relaxed) - pings;
    if seen.pinged.load(Relaxed) < sessions || seen.wrong.load(Relaxed) > 0 {
        let (pinged, wrong) = (seen.pinged.load(Relaxed), seen.wrong.load(Relaxed));
        return Err(
            format!("{pinged} of {sessions} sessions received a keep-alive, and {wrong} writes were unexpected").into(),
        );
    }
    Ok(json!({
        "seconds": seconds,
        "bytes": process::resident(this).zip(before).map(|(after, before)| after - before),
        "peak": process::peak(this),
        "core": cpu.map(|cpu| cpu / span.as_secs_f64()),
        "micros": cpu.map(|cpu| cpu * 1e6 / pings as f64),
    }))
}
