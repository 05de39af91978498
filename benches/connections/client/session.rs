//! A client that is ready to call: its session is open, if the revision has sessions.

use std::io;

use mcp_wire::sse::Received;

use crate::client::connection::{Connection, Head, Stream, last_event};
use crate::client::messages::{self, Revision};
use crate::client::target::Target;
use crate::error::BoxError;

/// The connection, path and headers of the POSTs of a client.
pub(crate) struct Session {
    posts: Connection,
    /// The stream of the answers, in 2024-11-05.
    pub(crate) stream: Option<Stream>,
    pub(crate) path: String,
    /// The header lines of a session.
    pub(crate) lines: String,
}

impl Session {
    pub(crate) async fn open(target: &Target, revision: Revision) -> Result<Self, BoxError> {
        let mut session = Self {
            posts: Connection::open(target.address).await?,
            stream: None,
            path: target.mcp.clone(),
            lines: String::new(),
        };
        if revision == Revision::Sse {
            let (stream, path) = open_stream(target).await?;
            session.stream = Some(stream);
            session.path = path;
        }
        if revision != Revision::Modern && target.has_protocol {
            session.initialize(target, revision).await?;
        } else if revision == Revision::Session {
            // Bare hyper has no sessions, but reads a head of the same length.
            session.lines = messages::session_lines(&"0".repeat(32));
        }
        Ok(session)
    }

    /// Sends a request and reads the response to the POST. In 2024-11-05 that is not the message.
    pub(crate) async fn post(&mut self, request: &[u8], answer: &mut Vec<u8>) -> io::Result<Head> {
        self.posts.send(request).await?;
        let head = self.posts.head().await?;
        self.posts.body(answer).await?;
        Ok(head)
    }

    /// Continues over a new connection.
    pub(crate) async fn reconnect(&mut self, target: &Target) -> io::Result<()> {
        self.posts = Connection::open(target.address).await?;
        Ok(())
    }

    /// Ends the session.
    pub(crate) async fn delete(&mut self, target: &Target) -> Result<(), BoxError> {
        let request = target.delete(&self.path, &self.lines);
        match self.post(&request, &mut Vec::new()).await?.status {
            200..=299 => Ok(()),
            status => Err(format!("the answer to DELETE has status {status}").into()),
        }
    }

    pub(crate) async fn initialize(
        &mut self,
        target: &Target,
        revision: Revision,
    ) -> Result<(), BoxError> {
        let mut answer = Vec::new();
        let initialize = target.post(&self.path, "", &messages::initialize(revision));
        let head = self.post(&initialize, &mut answer).await?;
        if !matches!(head.status, 200 | 202) {
            return Err(format!("the answer to initialize has status {}", head.status).into());
        }
        if let Some(stream) = &mut self.stream {
            stream.answer().await?;
        } else if let Some(id) = head.header("mcp-session-id") {
            self.lines = messages::session_lines(id);
        }
        let initialized = target.post(&self.path, &self.lines, &messages::initialized());
        match self.post(&initialized, &mut answer).await?.status {
            202 => Ok(()),
            status => {
                Err(format!("the answer to notifications/initialized has status {status}").into())
            }
        }
    }

    /// Sends a request and reads its message into `answer`.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<(), BoxError> {
        let head = self.post(request, answer).await?;
        let expected = if self.stream.is_some() { 202 } else { 200 };
        if head.status != expected {
            let answer = String::from_utf8_lossy(answer);
            return Err(format!("the status is {}: {answer:.200}", head.status).into());
        }
        let event = match &mut self.stream {
            Some(stream) => stream.answer().await?.data,
            None if head.is_stream() => last_event(answer).ok_or("the stream has no event")?,
            None => return Ok(()),
        };
        *answer = event.into();
        Ok(())
    }
}

/// Opens the stream of a session of 2024-11-05. Returns it with the path of the `endpoint` event.
pub(crate) async fn open_stream(target: &Target) -> Result<(Stream, String), BoxError> {
    let connection = Connection::open(target.address).await?;
    let mut stream = Stream::open(connection, &target.get(&target.sse, "")).await?;
    let path = endpoint(stream.answer().await?)?;
    Ok((stream, path))
}

fn endpoint(event: Received) -> io::Result<String> {
    match event.name == "endpoint" && event.data.starts_with('/') {
        true => Ok(event.data),
        false => Err(io::Error::other(format!(
            "the first event is {event:?} instead of `endpoint`"
        ))),
    }
}
