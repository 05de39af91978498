//! [`Requests`]: the requests of a client that wait for their answers.

use crate::wire::id::StreamId;
use crate::wire::jsonrpc::Id;

/// The running requests of one session, each with the handle of its work.
#[derive(Debug)]
pub(super) struct Requests<W> {
    running: Vec<Running<W>>,
    begun: u64,
}

/// A request that has no answer yet.
#[derive(Debug)]
pub(super) struct Running<W> {
    pub(super) ticket: Ticket,
    pub(super) id: Id,
    pub(super) route: Route,
    /// `None` until the work is known to outlast its first step.
    pub(super) work: Option<W>,
    pub(super) kind: Kind,
}

/// Distinguishes a request from a later one with the same id, which a client may send as soon as it has
/// cancelled the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// What a request does to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It opens the session.
    Initialize,
    Other,
}

/// Where the messages about a request are sent, including its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// The stream of the POST that brought it, or the one stream of an HTTP+SSE session.
    Stream(StreamId),
    /// Only the answer is sent: the client accepts no stream (SPEC C-14). The stream only shows when the
    /// request has ended.
    Answer(StreamId),
}

impl<W> Requests<W> {
    pub(super) const fn new() -> Self {
        Self {
            running: Vec::new(),
            begun: 0,
        }
    }

    pub(super) fn add(&mut self, id: &Id, kind: Kind, route: Route) -> Ticket {
        self.begun += 1;
        let ticket = Ticket(self.begun);
        self.running.push(Running {
            ticket,
            id: id.clone(),
            route,
            work: None,
            kind,
        });
        ticket
    }

    /// Removes a request that has ended.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Running<W>> {
        self.remove_where(|running| running.ticket == ticket)
    }

    /// Removes a request that the client cancels. `initialize` cannot be cancelled (SPEC E-8).
    pub(super) fn remove_cancelled(&mut self, id: &Id) -> Option<Running<W>> {
        self.remove_where(|running| running.id == *id && running.kind != Kind::Initialize)
    }

    fn remove_where(&mut self, is_it: impl Fn(&Running<W>) -> bool) -> Option<Running<W>> {
        let at = self.running.iter().position(is_it)?;
        let running = self.running.swap_remove(at);
        if self.running.is_empty() {
            // An idle session keeps no buffer.
            self.running = Vec::new();
        }
        Some(running)
    }

    pub(super) fn remove_all(&mut self) -> Vec<Running<W>> {
        std::mem::take(&mut self.running)
    }

    /// Stores the work of a request; returns it if the request has ended.
    pub(super) fn store_work(&mut self, ticket: Ticket, work: W) -> Result<(), W> {
        let mut running = self.running.iter_mut();
        match running.find(|running| running.ticket == ticket) {
            Some(running) => {
                running.work = Some(work);
                Ok(())
            }
            None => Err(work),
        }
    }

    pub(super) fn route(&self, ticket: Ticket) -> Option<Route> {
        let running = self.running.iter().find(|running| running.ticket == ticket);
        running.map(|running| running.route)
    }

    pub(super) fn has(&self, id: &Id) -> bool {
        self.running.iter().any(|running| running.id == *id)
    }

    /// Whether a running request still uses this route.
    pub(super) fn use_route(&self, route: Route) -> bool {
        self.running.iter().any(|running| running.route == route)
    }

    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}
