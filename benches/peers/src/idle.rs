//! What an idle stream adds to the resident memory of its server.

use std::time::Duration;

use crate::Failed;
use crate::cases::Case;
use crate::client::{Connection, idle_stream};
use crate::process::Process;

const STREAMS: usize = 1_000;
/// Opened before anything is measured, so that what is set up once is there.
const FIRST: usize = 100;
/// How long a server has to come to rest.
const REST: Duration = Duration::from_millis(500);

/// Bytes of a stream.
pub(crate) async fn measure(case: &Case) -> Result<f64, Failed> {
    let process = Process::start(case)?;
    let first = open(case, &process, FIRST).await?;
    let before = process.resident()?;
    let others = open(case, &process, STREAMS).await?;
    let grown = process.resident()?.saturating_sub(before);
    drop((first, others));
    Ok(grown as f64 / STREAMS as f64)
}

pub(crate) async fn test(case: &Case) -> Result<(), Failed> {
    open(case, &Process::start(case)?, 3).await?;
    Ok(())
}

async fn open(case: &Case, process: &Process, streams: usize) -> Result<Vec<Connection>, Failed> {
    let mut open = Vec::with_capacity(streams);
    for _ in 0..streams {
        open.push(idle_stream(process.address, case).await?);
    }
    tokio::time::sleep(REST).await;
    Ok(open)
}
