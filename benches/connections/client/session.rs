//! A client that is ready to call: its session is open, where the revision has one.

use std::io;

use mcp_wire::sse::Received;

use crate::client::connection::{Connection, Head, Stream, last_event};
use crate::client::messages::{self, Revision};
use crate::client::target::Place;
use crate::error::Failed;

/// Where and how a client posts.
pub(crate) struct Session {
    posts: Connection,
    /// Of 2024-11-05: where the answers come.
    pub(crate) stream: Option<Stream>,
    pub(crate) path: String,
    /// The header lines of a session.
    pub(crate) lines: String,
}

impl Session {
    pub(crate) async fn open(place: &Place, revision: Revision) -> Result<Self, Failed> {
        let mut session = Self {
            posts: Connection::open(place.address).await?,
            stream: None,
            path: place.mcp.clone(),
            lines: String::new(),
        };
        if revision == Revision::Sse {
            let (stream, path) = open_stream(place).await?;
            session.stream = Some(stream);
            session.path = path;
        }
        if revision != Revision::Modern && place.has_protocol {
            session.initialize(place, revision).await?;
        } else if revision == Revision::Session {
            // The floor asks for no session, and reads the same head.
            session.lines = messages::session_lines(&"0".repeat(32));
        }
        Ok(session)
    }

    /// Sends a request and reads what is answered to it, which is no message where there is a stream.
    pub(crate) async fn post(&mut self, request: &[u8], answer: &mut Vec<u8>) -> io::Result<Head> {
        self.posts.send(request).await?;
        let head = self.posts.head().await?;
        self.posts.body(answer).await?;
        Ok(head)
    }

    /// Goes on over a new connection.
    pub(crate) async fn reconnect(&mut self, place: &Place) -> io::Result<()> {
        self.posts = Connection::open(place.address).await?;
        Ok(())
    }

    /// Ends the session.
    pub(crate) async fn delete(&mut self, place: &Place) -> Result<(), Failed> {
        let request = place.delete(&self.path, &self.lines);
        match self.post(&request, &mut Vec::new()).await?.status {
            200..=299 => Ok(()),
            status => Err(format!("DELETE is answered {status}").into()),
        }
    }

    pub(crate) async fn initialize(
        &mut self,
        place: &Place,
        revision: Revision,
    ) -> Result<(), Failed> {
        let mut answer = Vec::new();
        let hello = place.post(&self.path, "", &messages::initialize(revision));
        let head = self.post(&hello, &mut answer).await?;
        if !matches!(head.status, 200 | 202) {
            return Err(format!("initialize is answered {}", head.status).into());
        }
        if let Some(stream) = &mut self.stream {
            stream.answer().await?;
        } else if let Some(id) = head.header("mcp-session-id") {
            self.lines = messages::session_lines(id);
        }
        let told = place.post(&self.path, &self.lines, &messages::initialized());
        match self.post(&told, &mut answer).await?.status {
            202 => Ok(()),
            status => Err(format!("initialized is answered {status}").into()),
        }
    }

    /// Sends a request and reads its message into `answer`.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        let head = self.post(request, answer).await?;
        let expected = if self.stream.is_some() { 202 } else { 200 };
        if head.status != expected {
            let answer = String::from_utf8_lossy(answer);
            return Err(format!("the status is {}: {answer:.200}", head.status).into());
        }
        let event = match &mut self.stream {
            Some(stream) => stream.answer().await?.data,
            None if head.is_stream() => last_event(answer).ok_or("a stream without an event")?,
            None => return Ok(()),
        };
        *answer = event.into();
        Ok(())
    }
}

/// Opens the stream of a session of 2024-11-05; gives the path that it names.
pub(crate) async fn open_stream(place: &Place) -> Result<(Stream, String), Failed> {
    let connection = Connection::open(place.address).await?;
    let mut stream = Stream::open(connection, &place.get(&place.sse, "")).await?;
    let path = endpoint(stream.answer().await?)?;
    Ok((stream, path))
}

fn endpoint(event: Received) -> io::Result<String> {
    match event.name == "endpoint" && event.data.starts_with('/') {
        true => Ok(event.data),
        false => Err(io::Error::other(format!("no endpoint but {event:?}"))),
    }
}
