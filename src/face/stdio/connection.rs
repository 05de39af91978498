//! [`Connection`]: reads lines, has them carried out, and writes the answers.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::input::{Input, Line};
use super::output::Output;
use crate::protocol::rejection::{Reason, Rejection};
use crate::transport::future::{BoxFuture, at_once};
use crate::transport::shape::line_client::{Exchange, LineClient, Step};
use crate::transport::shape::message_lines::lines;
use crate::transport::stream::queue::Receiver;
use crate::wire::jsonrpc::Id;
use crate::wire::sse::Decoder;

/// How many lines of requests of 2026-07-28 may wait to be written. Their requests wait when there are more.
const WAITING: usize = 4;

/// One client, and everything that runs for it. Dropping it ends all of that.
pub(super) struct Connection<R, W> {
    client: LineClient,
    input: Input<R>,
    output: Output<W>,
    /// Written first. While there are any, no line is read, so that a client that does not read cannot
    /// cause more.
    ready: VecDeque<Bytes>,
    /// The stream of the session.
    stream: Option<(Receiver, Decoder)>,
    /// Whether the session has ended.
    is_over: bool,
    /// The requests of 2026-07-28 by id.
    exchanges: HashMap<Id, RunningExchange>,
    /// These requests, with their ids, and handlers of notifications.
    tasks: JoinSet<Option<Id>>,
    lines: (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>),
}

struct RunningExchange {
    task: AbortHandle,
    listens: bool,
}

impl RunningExchange {
    fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    pub(super) fn new(client: LineClient, input: R, output: W) -> Self {
        Self {
            input: Input::new(input, client.limit()),
            output: Output::new(output),
            client,
            ready: VecDeque::new(),
            stream: None,
            is_over: false,
            exchanges: HashMap::new(),
            tasks: JoinSet::new(),
            lines: mpsc::channel(WAITING),
        }
    }

    /// The next line to be carried out; `None` when the input or the session has ended. Meanwhile it writes
    /// the answers.
    ///
    /// # Errors
    ///
    /// Reading or writing failed.
    pub(super) fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Line>>> {
        self.remove_ended(cx);
        if let Poll::Ready(written) = self.poll_write(cx) {
            written?;
            if self.is_over {
                return Poll::Ready(Ok(None));
            }
        }
        match self.is_full() {
            true => Poll::Pending,
            false => self.input.poll_line(cx),
        }
    }

    /// Whether the client has to read before it may ask for more.
    fn is_full(&self) -> bool {
        // A request whose line waits, or is about to be sent, has a place in the channel or queues for one.
        let waits = self.lines.0.capacity() < WAITING;
        !self.ready.is_empty() || (waits && self.exchanges.len() >= self.client.requests())
    }

    /// Carries a line out.
    pub(super) async fn carry_out(&mut self, line: Line) {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => {
                let limit = self.client.limit();
                return self.refuse(Reason::BodyTooLarge { limit: Some(limit) }.into());
            }
        };
        let mut steps = Vec::new();
        self.client.take(&line, &mut steps).await;
        for step in steps {
            match step {
                Step::Stream(stream) => self.stream = Some((stream, Decoder::new())),
                Step::Exchange(exchange) => self.begin(exchange).await,
                Step::Cancel(id) => self.cancel(&id),
                Step::Handler(handler) => {
                    self.tasks.spawn(async {
                        handler.await;
                        None
                    });
                }
                Step::Refusal(why) => self.refuse(why),
            }
        }
    }

    /// An error with the id of a running request would answer that request (PITFALLS R-13).
    fn refuse(&mut self, why: Rejection) {
        let why = match &why.id {
            Some(id) if self.runs(id) => Reason::IdInUse.into(),
            _ => why,
        };
        self.ready.push_back(self.client.refuse(why));
    }

    fn runs(&self, id: &Id) -> bool {
        let running = self.exchanges.get(id);
        running.is_some_and(RunningExchange::is_running)
    }

    /// Begins a request and polls it once. Most answers are ready by then and need no task.
    async fn begin(&mut self, exchange: Exchange) {
        let (id, listens) = (exchange.id(), exchange.listens());
        if self.runs(&id) {
            return self.refuse(Reason::IdInUse.into());
        }
        let limit = self.client.requests();
        let running = self.exchanges.values().filter(|other| other.is_running());
        if running.count() >= limit {
            return self.refuse(Reason::TooManyRequests { limit }.to(&id));
        }
        let mut run: BoxFuture<()> = Box::pin(exchange.run(self.lines.0.clone()));
        if at_once(run.as_mut()).await.is_some() {
            return;
        }
        let its_id = id.clone();
        let task = self.tasks.spawn(async {
            run.await;
            Some(its_id)
        });
        self.exchanges.insert(id, RunningExchange { task, listens });
    }

    /// Dropping the request cancels it.
    fn cancel(&mut self, id: &Id) {
        if let Some(running) = self.exchanges.remove(id) {
            running.task.abort();
        }
    }

    /// Lets what runs finish, except streams of changes, which would not.
    pub(super) fn drain(&self) {
        self.client.drain();
        for running in self.exchanges.values() {
            if running.listens {
                running.task.abort();
            }
        }
    }

    /// Ready when nothing runs any more and everything is written.
    ///
    /// # Errors
    ///
    /// Writing failed.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.remove_ended(cx);
        match self.poll_write(cx) {
            Poll::Ready(Ok(())) if !self.tasks.is_empty() || self.stream.is_some() => Poll::Pending,
            written => written,
        }
    }

    fn remove_ended(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next(cx) {
            match ended {
                Ok(None) => {}
                // The client may use the id of a finished request again.
                Ok(Some(id)) if self.runs(&id) => {}
                Ok(Some(id)) => drop(self.exchanges.remove(&id)),
                Err(_) => self.exchanges.retain(|_, running| running.is_running()),
            }
        }
    }

    /// Writes all lines that there are. Pending while the client does not read.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            std::task::ready!(self.output.poll_ready(cx))?;
            match self.next_line(cx) {
                Some(line) => self.output.put(line),
                None => return self.output.poll_flush(cx),
            }
        }
    }

    fn next_line(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        while self.ready.is_empty()
            && let Some((stream, decoder)) = &mut self.stream
            && let Poll::Ready(frame) = stream.poll(cx)
        {
            match frame {
                Some(frame) => self.ready.extend(lines(decoder, &frame)),
                None => {
                    self.stream = None;
                    self.is_over = true;
                }
            }
        }
        match self.ready.pop_front() {
            None => match self.lines.1.poll_recv(cx) {
                Poll::Ready(line) => line,
                Poll::Pending => None,
            },
            line => line,
        }
    }
}
