//! A client that listens for changes of the tools.

use serde_json::Value;

use crate::client::connection::{Connection, Stream};
use crate::client::messages::{self, Revision};
use crate::client::session::{Session, open_stream};
use crate::client::target::Target;
use crate::error::BoxError;

const CHANGED: &str = "notifications/tools/list_changed";

pub(crate) struct Listener(Stream);

impl Listener {
    pub(crate) async fn open(target: &Target, revision: Revision) -> Result<Self, BoxError> {
        if !target.has_protocol {
            let (stream, _) = open_stream(target).await?;
            return Ok(Self(stream));
        }
        let stream = match revision {
            Revision::Sse => {
                let stream = Session::open(target, revision).await?.stream;
                stream.ok_or("the session has no stream")?
            }
            Revision::Session => {
                let lines = Session::open(target, revision).await?.lines;
                let connection = Connection::open(target.address).await?;
                Stream::open(connection, &target.get(&target.mcp, &lines)).await?
            }
            Revision::Modern => {
                let lines = messages::modern_lines("subscriptions/listen", None);
                let listen = target.post(&target.mcp, &lines, &messages::listen());
                let connection = Connection::open(target.address).await?;
                let mut stream = Stream::open(connection, &listen).await?;
                // The first event is the acknowledgement.
                stream.answer().await?;
                stream
            }
        };
        Ok(Self(stream))
    }

    /// Waits for the next change.
    pub(crate) async fn change(&mut self) -> Result<(), BoxError> {
        loop {
            let event = self.0.event().await?;
            // The priming event of a resumable stream is empty.
            if event.data.is_empty() {
                continue;
            }
            let message: Value = serde_json::from_str(&event.data)?;
            return match message["method"] == CHANGED {
                true => Ok(()),
                false => Err(format!("the event {event:?} is not a change of the tools").into()),
            };
        }
    }
}
