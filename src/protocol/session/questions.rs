//! [`Questions`]: the requests of the server that wait for a reply from the client.

/// The questions of one session. Their ids count up during the session and are separate from those of the
/// client (SPEC A-14).
#[derive(Debug)]
pub(super) struct Questions<R> {
    awaited: Vec<(u64, R)>,
    sent: u64,
}

impl<R> Questions<R> {
    pub(super) const fn new() -> Self {
        Self {
            awaited: Vec::new(),
            sent: 0,
        }
    }

    /// The id that the next question gets.
    pub(super) fn next_id(&self) -> u64 {
        self.sent + 1
    }

    /// Notes that the next question was sent; `reply` gets its reply.
    pub(super) fn sent(&mut self, reply: R) {
        self.sent += 1;
        self.awaited.push((self.sent, reply));
    }

    /// Removes and returns what waits for the reply to a question; `None` if it was answered or never sent.
    pub(super) fn answered(&mut self, number: u64) -> Option<R> {
        let mut awaited = self.awaited.iter();
        let at = awaited.position(|(awaited, _)| *awaited == number)?;
        Some(self.awaited.swap_remove(at).1)
    }

    pub(super) fn remove_all(&mut self) -> Vec<(u64, R)> {
        std::mem::take(&mut self.awaited)
    }
}
