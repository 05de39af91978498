//! [`Questions`]: the requests of the server that wait for a reply from the client.

use super::requests::Ticket;

/// The questions of one session. Their ids count up during the session and are separate from those of the
/// client (SPEC A-14).
#[derive(Debug)]
pub(super) struct Questions<R> {
    open: Vec<Question<R>>,
    sent: u64,
}

/// A question that has no reply yet.
#[derive(Debug)]
pub(super) struct Question<R> {
    pub(super) number: u64,
    /// The request that caused it, if one did.
    pub(super) about: Option<Ticket>,
    /// What gets the reply.
    pub(super) reply: R,
}

impl<R> Questions<R> {
    pub(super) const fn new() -> Self {
        Self {
            open: Vec::new(),
            sent: 0,
        }
    }

    /// The id that the next question gets.
    pub(super) fn next_id(&self) -> u64 {
        self.sent + 1
    }

    /// Notes that the next question was sent; `reply` gets its reply.
    pub(super) fn sent(&mut self, about: Option<Ticket>, reply: R) {
        self.sent += 1;
        self.open.push(Question {
            number: self.sent,
            about,
            reply,
        });
    }

    /// Removes and returns a question; `None` if it has its reply, was removed or never sent.
    pub(super) fn remove(&mut self, number: u64) -> Option<Question<R>> {
        let at = self.open.iter().position(|open| open.number == number)?;
        let question = self.open.swap_remove(at);
        if self.open.is_empty() {
            // An idle session keeps no buffer.
            self.open = Vec::new();
        }
        Some(question)
    }

    /// Removes and returns the questions that a request caused.
    pub(super) fn remove_about(&mut self, ticket: Ticket) -> Vec<Question<R>> {
        let numbers = self.open.iter().filter(|open| open.about == Some(ticket));
        let numbers: Vec<_> = numbers.map(|open| open.number).collect();
        let removed = numbers.into_iter().filter_map(|number| self.remove(number));
        removed.collect()
    }

    pub(super) fn remove_all(&mut self) -> Vec<Question<R>> {
        std::mem::take(&mut self.open)
    }
}
