//! The resident memory that an idle stream adds to its server.

use std::time::Duration;

use crate::cases::Case;
use crate::client::connection::{Connection, Stream};
use crate::client::messages::Revision;
use crate::client::session::{Session, open_stream};
use crate::client::target::Target;
use crate::error::BoxError;
use crate::measure::cores::Cores;
use crate::server_process::ServerProcess;

const STREAMS: usize = 1_000;
/// Streams that are opened before the measurement, for allocations that happen once.
const FIRST: usize = 100;
/// How long to wait for a server to become idle.
const REST: Duration = Duration::from_millis(500);

/// The bytes of one stream.
pub(crate) async fn measure(case: &Case, cores: Option<&Cores>) -> Result<f64, BoxError> {
    let server_process = ServerProcess::start(case, cores)?;
    let first = open(case, &server_process, FIRST).await?;
    let before = server_process.resident()?;
    let others = open(case, &server_process, STREAMS).await?;
    let grown = server_process.resident()?.saturating_sub(before);
    drop((first, others));
    Ok(grown as f64 / STREAMS as f64)
}

pub(crate) async fn test(case: &Case) -> Result<(), BoxError> {
    open(case, &ServerProcess::start(case, None)?, 3)
        .await
        .map(drop)
}

async fn open(
    case: &Case,
    server_process: &ServerProcess,
    streams: usize,
) -> Result<Vec<Stream>, BoxError> {
    let mut open = Vec::with_capacity(streams);
    for _ in 0..streams {
        open.push(stream(&server_process.target, case.revision).await?);
    }
    tokio::time::sleep(REST).await;
    Ok(open)
}

/// A stream with the session that it belongs to.
async fn stream(target: &Target, revision: Revision) -> Result<Stream, BoxError> {
    if revision == Revision::Sse {
        return Ok(open_stream(target).await?.0);
    }
    let lines = Session::open(target, revision).await?.lines;
    let connection = Connection::open(target.address).await?;
    Ok(Stream::open(connection, &target.get(&target.mcp, &lines)).await?)
}
