//! [`Outlet`]: the queue of a request of 2026-07-28, made when it is first wanted.

use std::sync::{Arc, OnceLock};

use tokio::time::Instant;

use super::queue::{QueueLimits, Receiver, Sender, unclaimed_queue};
use crate::protocol::stream::Closed;
use crate::transport::observe::observer::Observer;

/// The queue of a request of 2026-07-28. Most requests are answered at once and need none, so the
/// queue is made when one of its ends is first wanted. The response can take the reading end; if it
/// does not, the reading end is dropped with the outlet.
pub(crate) struct Outlet {
    limits: QueueLimits,
    observer: Arc<Observer>,
    /// When the identity of the request ends.
    until: Option<Instant>,
    /// `None` inside when the outlet was closed before a queue was made.
    sender: OnceLock<Option<Sender>>,
}

impl Outlet {
    pub(crate) fn new(
        limits: QueueLimits,
        observer: &Arc<Observer>,
        until: Option<Instant>,
    ) -> Self {
        Self {
            limits,
            observer: Arc::clone(observer),
            until,
            sender: OnceLock::new(),
        }
    }

    /// The writing end.
    ///
    /// # Errors
    ///
    /// The outlet was closed without a queue.
    pub(crate) fn sender(&self) -> Result<&Sender, Closed> {
        let sender = self
            .sender
            .get_or_init(|| Some(unclaimed_queue(self.limits, &self.observer, self.until)));
        sender.as_ref().ok_or(Closed)
    }

    /// Both ends, for the response. `None` when they were taken or the outlet was closed.
    pub(crate) fn take(&self) -> Option<(Sender, Receiver)> {
        let sender = self.sender().ok()?;
        Some((sender.clone(), sender.claim()?))
    }

    /// Both ends, if something waits to be read.
    pub(crate) fn take_output(&self) -> Option<(Sender, Receiver)> {
        let sender = self.sender.get()?.as_ref()?;
        sender.has_output().then(|| self.take())?
    }

    /// Closes the queue, because no response will take the reading end.
    pub(crate) fn close(&self) {
        if let Some(sender) = self.sender.get_or_init(|| None) {
            drop(sender.claim());
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Some(Some(sender)) = self.sender.get() {
            drop(sender.claim());
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        bytes: 1000,
        events: 9,
    };

    fn frame(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    /// FIELD X-7: the queue of a request of 2026-07-28 is closed when its response will never begin.
    #[test]
    fn an_outlet_closes_with_its_response() {
        let outlet = || Outlet::new(LIMITS, &Arc::default(), None);
        let unused = outlet();
        assert!(unused.take_output().is_none());
        unused.close();
        assert!(unused.sender().is_err() && unused.take().is_none());

        let untaken = outlet();
        untaken.sender().unwrap().offer_if_room(frame("a")).unwrap();
        untaken.close();
        assert!(untaken.sender().unwrap().end().is_some());

        let taken = outlet();
        taken.sender().unwrap().offer_if_room(frame("a")).unwrap();
        let (sender, receiver) = taken.take_output().unwrap();
        assert!(taken.take().is_none(), "the reading end is there once");
        taken.close();
        assert!(sender.end().is_none() && receiver.has_output());
        drop(receiver);
        assert!(sender.end().is_some());
    }
}
