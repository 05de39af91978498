//! [`Lease`]: how long an exchange may go on: until the identity that began it ends, or until its
//! principal is revoked (SPEC F-52, D-131).
//!
//! A stream ends with its identity in one way. Its queue is made with the end of the identity and closes
//! by itself at that time, even if nothing reads it. The lease wakes whatever has to say the last words:
//! the body of a session's stream, or the task of a request of 2026-07-28. Everything else asks the queue
//! why it is closed ([`Sender::end`]).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::queue::Sender;
use crate::protocol::party::{Caps, Each, Owner, Party};
use crate::protocol::table::{Row, Table};

/// The exchanges that belong to no session, for revocations to find.
pub(crate) type LeaseTable = Table<Revocation>;

/// How a revocation reaches an exchange.
pub(crate) struct Revocation {
    /// Dropped to wake the exchange, which then ends.
    running: Option<oneshot::Sender<()>>,
    /// Closed at once, because the exchange may not be polled for a while.
    stream: Sender,
}

impl Revocation {
    pub(crate) fn revoke(&mut self) {
        self.stream.expire();
        self.running = None;
    }
}

/// A table without a cap of its own: each exchange in it has a connection, and connections are limited.
pub(crate) fn lease_table() -> LeaseTable {
    Table::new(Caps {
        all: usize::MAX,
        each: Each::Set(usize::MAX),
    })
}

/// Ends when the identity ends or is revoked.
pub(crate) struct Lease {
    end: Option<End>,
    revoked: Option<(oneshot::Receiver<()>, TableEntry)>,
}

struct End {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl End {
    /// `polled_again` is when the caller polls again in any case. Before that no timer is needed.
    fn poll(&mut self, cx: &mut Context<'_>, polled_again: Option<Instant>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        if polled_again.is_some_and(|again| again < self.at) {
            return Poll::Pending;
        }
        let timer = || Box::pin(tokio::time::sleep_until(self.at));
        self.timer.get_or_insert_with(timer).as_mut().poll(cx)
    }
}

impl Lease {
    /// Ends at this time. For exchanges of a session, which a revocation ends.
    pub(crate) fn until(end: Option<Instant>) -> Self {
        Self {
            end: end.map(|at| End { at, timer: None }),
            revoked: None,
        }
    }

    /// The same lease, which a revocation also ends, together with the stream of the exchange.
    pub(crate) fn revocable(
        mut self,
        table: &Arc<LeaseTable>,
        owner: &Owner,
        stream: &Sender,
    ) -> Self {
        let (running, revoked) = oneshot::channel();
        let revocation = Revocation {
            running: Some(running),
            stream: stream.clone(),
        };
        let party = Party::Principal(Arc::clone(owner));
        let row = table.open(revocation, Some(&party));
        // The table has no cap, so it takes everything.
        self.revoked = row.ok().map(|row| {
            let table = Arc::clone(table);
            (revoked, TableEntry { table, row })
        });
        self
    }

    /// Whether nothing can end it.
    pub(crate) fn is_endless(&self) -> bool {
        self.end.is_none() && self.revoked.is_none()
    }

    /// Ready when it has ended; must not be polled after that. A caller that polls again at a known time
    /// passes that time, and then no timer is set for a later end.
    pub(super) fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        polled_again: Option<Instant>,
    ) -> Poll<()> {
        if let Some(end) = &mut self.end
            && end.poll(cx, polled_again).is_ready()
        {
            return Poll::Ready(());
        }
        match &mut self.revoked {
            Some((revoked, _)) => Pin::new(revoked).poll(cx).map(drop),
            None => Poll::Pending,
        }
    }
}

/// Takes a lease out of the table when it is dropped.
struct TableEntry {
    table: Arc<LeaseTable>,
    row: Arc<Row<Revocation>>,
}

impl Drop for TableEntry {
    fn drop(&mut self) {
        self.table.close(&self.row);
    }
}

/// Runs work to its end, or until its lease ends, and then gives `None`. Most work is ready at once and
/// needs no lease, so the lease is set once the work waits.
///
/// # Cancel safety
///
/// Dropping the future drops the work.
pub(crate) struct Leased<F> {
    work: F,
    lease: Lease,
}

impl<F> Leased<F> {
    pub(crate) fn new(work: F) -> Self {
        Self {
            work,
            lease: Lease::until(None),
        }
    }

    pub(crate) fn limit(&mut self, lease: Lease) {
        self.lease = lease;
    }
}

impl<F: Future + Unpin> Future for Leased<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(done) = Pin::new(&mut this.work).poll(cx) {
            return Poll::Ready(Some(done));
        }
        ready!(this.lease.poll_end(cx, None));
        // A listening request notices the end and gives its result (SPEC D-127).
        match Pin::new(&mut this.work).poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::time::Duration;

    use super::*;
    use crate::transport::stream::queue::{QueueLimits, StreamEnd, queue};

    const LIMITS: QueueLimits = QueueLimits {
        bytes: 1000,
        events: 10,
    };

    async fn leased<T>(work: impl Future<Output = T>, lease: Lease) -> Option<T> {
        let mut leased = Leased::new(Box::pin(work));
        leased.limit(lease);
        leased.await
    }

    /// SPEC D-127: work that ends because its lease ended is done, and not cancelled.
    #[tokio::test(start_paused = true)]
    async fn work_has_a_last_word_at_the_end_of_its_lease() {
        for (polls, outcome) in [(2, Some(())), (3, None)] {
            let mut polled = 0;
            let work = poll_fn(|_| {
                polled += 1;
                match polled < polls {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                }
            });
            let over = Lease::until(Some(Instant::now()));
            tokio::time::advance(Duration::from_millis(2)).await;
            assert_eq!(leased(work, over).await, outcome);
        }
    }

    /// SPEC F-52: whichever comes first, and nothing stays in the table.
    #[tokio::test(start_paused = true)]
    async fn a_lease_ends_by_its_time_or_by_a_revocation() {
        let table = Arc::new(lease_table());
        let ada = Owner::from("ada");
        let (sender, _receiver) = queue(LIMITS, &Arc::default(), None);
        let lease = |seconds: Option<u64>| {
            let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
            Lease::until(end).revocable(&table, &ada, &sender)
        };
        let start = Instant::now();
        assert_eq!(leased(pending::<()>(), lease(Some(5))).await, None);
        assert_eq!(start.elapsed().as_secs(), 5);
        let slow = tokio::time::sleep(Duration::from_secs(3));
        assert_eq!(leased(slow, lease(Some(5))).await, Some(()));
        assert_eq!(sender.end(), None);
        let revoke = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for row in table.of("ada") {
                row.with(Revocation::revoke);
            }
            pending::<()>().await;
        };
        assert_eq!(leased(revoke, lease(None)).await, None);
        assert_eq!(sender.end(), Some(StreamEnd::Expired));
        assert_eq!(table.len(), 0);
    }
}
