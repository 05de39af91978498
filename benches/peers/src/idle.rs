//! What an idle stream adds to the resident memory of its server.

use std::time::Duration;

use crate::cases::Case;
use crate::client::connection::{Connection, Stream};
use crate::client::messages::Revision;
use crate::client::session::{Session, open_stream};
use crate::client::target::Target;
use crate::error::BoxError;
use crate::measure::cores::Cores;
use crate::side::Side;

const STREAMS: usize = 1_000;
/// Opened before anything is measured, so that what is set up once is there.
const FIRST: usize = 100;
/// How long a server has to come to rest.
const REST: Duration = Duration::from_millis(500);

/// Bytes of a stream.
pub(crate) async fn measure(case: &Case, cores: Option<&Cores>) -> Result<f64, BoxError> {
    let side = Side::start(case, cores)?;
    let first = open(case, &side, FIRST).await?;
    let before = side.resident()?;
    let others = open(case, &side, STREAMS).await?;
    let grown = side.resident()?.saturating_sub(before);
    drop((first, others));
    Ok(grown as f64 / STREAMS as f64)
}

pub(crate) async fn test(case: &Case) -> Result<(), BoxError> {
    open(case, &Side::start(case, None)?, 3).await.map(drop)
}

async fn open(case: &Case, side: &Side, streams: usize) -> Result<Vec<Stream>, BoxError> {
    let mut open = Vec::with_capacity(streams);
    for _ in 0..streams {
        open.push(stream(&side.target, case.revision).await?);
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
