//! What an idle stream adds to the resident memory of its server.

use std::time::Duration;

use crate::cases::Case;
use crate::client::connection::{Connection, Stream};
use crate::client::messages::Revision;
use crate::client::session::{Session, open_stream};
use crate::client::target::Place;
use crate::error::Failed;
use crate::measure::cores::Cores;
use crate::side::Side;

const STREAMS: usize = 1_000;
/// Opened before anything is measured, so that what is set up once is there.
const FIRST: usize = 100;
/// How long a server has to come to rest.
const REST: Duration = Duration::from_millis(500);

/// Bytes of a stream.
pub(crate) async fn measure(case: &Case, cores: Option<&Cores>) -> Result<f64, Failed> {
    let side = Side::start(case, cores)?;
    let first = open(case, &side, FIRST).await?;
    let before = side.resident()?;
    let others = open(case, &side, STREAMS).await?;
    let grown = side.resident()?.saturating_sub(before);
    drop((first, others));
    Ok(grown as f64 / STREAMS as f64)
}

pub(crate) async fn test(case: &Case) -> Result<(), Failed> {
    open(case, &Side::start(case, None)?, 3).await.map(drop)
}

async fn open(case: &Case, side: &Side, streams: usize) -> Result<Vec<Stream>, Failed> {
    let mut open = Vec::with_capacity(streams);
    for _ in 0..streams {
        open.push(stream(&side.place, case.revision).await?);
    }
    tokio::time::sleep(REST).await;
    Ok(open)
}

/// A stream with the session that it belongs to.
async fn stream(place: &Place, revision: Revision) -> Result<Stream, Failed> {
    if revision == Revision::Sse {
        return Ok(open_stream(place).await?.0);
    }
    let lines = Session::open(place, revision).await?.lines;
    let connection = Connection::open(place.address).await?;
    Ok(Stream::open(connection, &place.get(&place.mcp, &lines)).await?)
}
