//! A client that is told when the tools of a server change.

use serde_json::Value;

use crate::client::connection::{Connection, Stream};
use crate::client::messages::{self, Revision};
use crate::client::session::{Session, open_stream};
use crate::client::target::Place;
use crate::error::Failed;

const CHANGED: &str = "notifications/tools/list_changed";

pub(crate) struct Listener(Stream);

impl Listener {
    pub(crate) async fn open(place: &Place, revision: Revision) -> Result<Self, Failed> {
        if !place.has_protocol {
            let (stream, _) = open_stream(place).await?;
            return Ok(Self(stream));
        }
        let stream = match revision {
            Revision::Sse => {
                let stream = Session::open(place, revision).await?.stream;
                stream.ok_or("a session without a stream")?
            }
            Revision::Session => {
                let lines = Session::open(place, revision).await?.lines;
                let connection = Connection::open(place.address).await?;
                Stream::open(connection, &place.get(&place.mcp, &lines)).await?
            }
            Revision::Modern => {
                let lines = messages::modern_lines("subscriptions/listen", None);
                let listen = place.post(&place.mcp, &lines, &messages::listen());
                let connection = Connection::open(place.address).await?;
                let mut stream = Stream::open(connection, &listen).await?;
                // The acknowledgement.
                stream.answer().await?;
                stream
            }
        };
        Ok(Self(stream))
    }

    /// Waits until the server tells of a change.
    pub(crate) async fn change(&mut self) -> Result<(), Failed> {
        loop {
            let event = self.0.event().await?;
            // The event that a stream begins with, for clients that come back, says nothing.
            if event.data.is_empty() {
                continue;
            }
            let message: Value = serde_json::from_str(&event.data)?;
            return match message["method"] == CHANGED {
                true => Ok(()),
                false => Err(format!("no change but {event:?}").into()),
            };
        }
    }
}
