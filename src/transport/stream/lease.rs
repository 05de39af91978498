//! [`Lease`]: how long an exchange may go on: until the identity that began it ends, or its principal is
//! revoked (SPEC F-52, D-131).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use super::queue::Sender;
use crate::protocol::party::{Caps, Each, Owner, Party};
use crate::protocol::table::{Row, Table};
use crate::transport::access::identity::Identity;

/// The exchanges that a revocation has to reach by themselves, because they belong to no session.
pub(crate) type LeaseTable = Table<Revocation>;

/// How a revocation reaches an exchange.
pub(crate) struct Revocation {
    /// Dropped to wake the exchange, which then ends.
    running: Option<oneshot::Sender<()>>,
    /// Takes nothing more from then on, although the exchange may not be polled for a while.
    stream: Sender,
}

impl Revocation {
    pub(crate) fn revoke(&mut self) {
        self.stream.expire();
        self.running = None;
    }
}

/// What may be listed is limited by connections.
pub(crate) fn lease_table() -> LeaseTable {
    Table::new(Caps {
        all: usize::MAX,
        each: Each::Set(usize::MAX),
    })
}

/// Ends with the identity, or when it is revoked.
pub(crate) struct Lease {
    end: Option<End>,
    revoked: Option<(oneshot::Receiver<()>, Listed)>,
}

struct End {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl End {
    /// Who comes back before the end needs no timer for it.
    fn poll(&mut self, cx: &mut Context<'_>, comes_back: Option<Instant>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        if comes_back.is_some_and(|again| again < self.at) {
            return Poll::Pending;
        }
        let timer = || Box::pin(tokio::time::sleep_until(self.at));
        self.timer.get_or_insert_with(timer).as_mut().poll(cx)
    }
}

/// When an identity ends, in the time of the runtime; `None` for one without an end.
pub(crate) fn end_of(identity: Option<&Identity>) -> Option<Instant> {
    let left = identity.and_then(Identity::time_left)?;
    // An end beyond what the clock can tell is none.
    Instant::now().checked_add(left)
}

impl Lease {
    /// Up to a time; for exchanges that a revocation reaches over their session.
    pub(crate) fn until(end: Option<Instant>) -> Self {
        Self {
            end: end.map(|at| End { at, timer: None }),
            revoked: None,
        }
    }

    /// The same, ended by a revocation too, as is the stream of the exchange.
    pub(crate) fn listed(
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
        // A table without caps takes everything.
        self.revoked = row.ok().map(|row| {
            let table = Arc::clone(table);
            (revoked, Listed { table, row })
        });
        self
    }

    /// Whether it never ends.
    pub(crate) fn is_endless(&self) -> bool {
        self.end.is_none() && self.revoked.is_none()
    }

    /// Ready when it is over; not to be polled after that. Whoever is woken at a time in any case says
    /// so, and no timer is set that would go off later.
    pub(crate) fn poll_over(
        &mut self,
        cx: &mut Context<'_>,
        comes_back: Option<Instant>,
    ) -> Poll<()> {
        if let Some(end) = &mut self.end
            && end.poll(cx, comes_back).is_ready()
        {
            return Poll::Ready(());
        }
        match &mut self.revoked {
            Some((revoked, _)) => Pin::new(revoked).poll(cx).map(drop),
            None => Poll::Pending,
        }
    }
}

/// Takes a lease out of the table, however it ends.
struct Listed {
    table: Arc<LeaseTable>,
    row: Arc<Row<Revocation>>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.table.close(&self.row);
    }
}

/// Runs work to its end, or to the end of its lease, and is `None` then. What is ready at once needs no
/// lease, and most is: so the lease is given when the work waits.
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
        ready!(this.lease.poll_over(cx, None));
        // A listening request is ready as soon as it is over, with its result (SPEC D-127).
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
    use crate::transport::stream::queue::{QueueLimits, queue};

    const LIMITS: QueueLimits = QueueLimits {
        bytes: 1000,
        frames: 10,
    };

    async fn leased<T>(work: impl Future<Output = T>, lease: Lease) -> Option<T> {
        let mut leased = Leased::new(Box::pin(work));
        leased.limit(lease);
        leased.await
    }

    /// SPEC D-127: work that ends because its lease does, between the two looks at them, is done.
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
            Lease::until(end).listed(&table, &ada, &sender)
        };
        let start = Instant::now();
        assert_eq!(leased(pending::<()>(), lease(Some(5))).await, None);
        assert_eq!(start.elapsed().as_secs(), 5);
        let slow = tokio::time::sleep(Duration::from_secs(3));
        assert_eq!(leased(slow, lease(Some(5))).await, Some(()));
        assert!(!sender.is_closed());
        let revoke = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for row in table.of("ada") {
                row.with(Revocation::revoke);
            }
            pending::<()>().await;
        };
        assert_eq!(leased(revoke, lease(None)).await, None);
        assert!(sender.is_closed(), "nothing follows");
        assert_eq!(table.len(), 0);
    }
}
