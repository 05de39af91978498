//! [`ListenStream`]: a `subscriptions/listen` of 2026-07-28, which is told of changes until it ends.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::protocol::change::{Change, KeyedChange};
use crate::protocol::filter::{SubscriptionFilter, change_params};
use crate::protocol::party::Party;
use crate::protocol::rejection::{Reason, Resource};
use crate::protocol::stream::{Connection, frame_of};
use crate::protocol::table::{Row, Table};
use crate::transport::future::BoxFuture;
use crate::transport::stream::queue::{Sender, StreamEnd};
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::method::Method;

pub(crate) type ListenTable = Table<ListenStream>;
pub(crate) type ListenRow = Row<ListenStream>;

/// The place of one listening request. The request has it before its handler runs, and keeps it for as long
/// as its client is connected (SPEC D-128, D-130). Dropping it ends the request.
pub(crate) struct ListenPlace {
    table: Arc<ListenTable>,
    row: Arc<ListenRow>,
}

impl ListenPlace {
    /// Takes a place.
    ///
    /// # Errors
    ///
    /// There are too many listening requests, in total or of one party.
    pub(crate) fn take(table: &Arc<ListenTable>, party: Option<&Party>) -> Result<Self, Reason> {
        let row = table.open(ListenStream::default(), party);
        Ok(Self {
            row: row.map_err(|full| Reason::Full(Resource::Listens, full))?,
            table: Arc::clone(table),
        })
    }

    pub(crate) fn row(&self) -> &Arc<ListenRow> {
        &self.row
    }

    /// Whether the request is acknowledged and gets changes. Before that its handler works, as any other.
    pub(crate) fn is_listening(&self) -> bool {
        self.row.with(|listener| listener.subscription.is_some())
    }
}

impl Drop for ListenPlace {
    fn drop(&mut self) {
        self.row.with(ListenStream::end);
        self.table.close(&self.row);
    }
}

/// One listening request.
#[derive(Default)]
pub(crate) struct ListenStream {
    subscription: Option<Subscription>,
    /// Whether the server has ended the request, which may be before its handler listens.
    is_over: bool,
}

/// What a listening request gets, once the acknowledgement is on its stream, which comes first (SPEC D-122).
struct Subscription {
    request: ListenRequest,
    /// Dropped to end the request.
    #[expect(dead_code, reason = "dropped with the subscription")]
    running: oneshot::Sender<()>,
}

/// What a listening request begins with.
pub(crate) struct ListenRequest {
    pub(crate) id: Id,
    pub(crate) filter: SubscriptionFilter,
    pub(crate) stream: Sender,
    /// Tells the client of the tasks that the filter names, until there is no more to tell. Begun after the
    /// acknowledgement.
    pub(crate) follow: Option<BoxFuture<()>>,
}

impl ListenStream {
    /// Acknowledges the request, then waits until the server or the identity ends.
    ///
    /// # Errors
    ///
    /// The request listens already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the subscription.
    pub(crate) async fn run(
        row: Arc<ListenRow>,
        mut request: ListenRequest,
    ) -> Result<(), ErrorObject> {
        let mut follow = request.follow.take();
        let ends_with_tasks = request.filter.is_of_tasks_alone();
        let stream = request.stream.clone();
        let (running, mut ended) = oneshot::channel();
        row.with(|listener| listener.begin(request, running))?;
        let _subscribed = Subscribed(row);
        // The server ends it by dropping the other half. The lease of this request polls it once more
        // when the identity has ended, which closes the queue.
        let is_expired = || stream.end() == Some(StreamEnd::Expired);
        poll_fn(|cx| match Pin::new(&mut ended).poll(cx) {
            Poll::Pending if !is_expired() => {
                let followed = follow.as_mut().map(|follow| follow.as_mut().poll(cx));
                if followed.is_some_and(|followed| followed.is_ready()) {
                    follow = None;
                    // Nothing more will come (TASKS L-5).
                    if ends_with_tasks {
                        return Poll::Ready(());
                    }
                }
                Poll::Pending
            }
            _ => Poll::Ready(()),
        })
        .await;
        Ok(())
    }

    /// Acknowledges the request. It gets changes from now on, unless the server has ended it meanwhile.
    fn begin(
        &mut self,
        mut request: ListenRequest,
        running: oneshot::Sender<()>,
    ) -> Result<(), ErrorObject> {
        if self.subscription.is_some() {
            return Err(ErrorObject::internal());
        }
        let method = Method::SubscriptionsAcknowledged.as_str();
        let acknowledgement = request.filter.acknowledgement(&request.id);
        let message = Outgoing::Notification(method, Some(&acknowledgement));
        // If the client is gone, the request is dropped soon.
        let _ = request.stream.offer(frame_of(message));
        if !self.is_over {
            self.subscription = Some(Subscription { request, running });
        }
        Ok(())
    }

    /// Sends a change if the request asked for it. A reader that is too slow is cut (SPEC D-130).
    pub(crate) fn publish(&mut self, change: &EncodedChange<'_>) {
        let Some(Subscription { request, .. }) = &mut self.subscription else {
            return;
        };
        if request.filter.wants(&change.change) {
            let _ = request.stream.offer(change.frame(&request.id));
        }
    }

    /// Ends the request with its result. It gets no more changes.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
        self.subscription = None;
    }
}

/// Ends a subscription when it is dropped.
struct Subscribed(Arc<ListenRow>);

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.0.with(|listener| listener.subscription = None);
    }
}

/// A change, encoded once for all listeners, without the id of their request.
pub(crate) struct EncodedChange<'a> {
    change: KeyedChange<'a>,
    before: Bytes,
    after: Bytes,
}

impl<'a> EncodedChange<'a> {
    pub(crate) fn of(change: KeyedChange<'a>) -> Self {
        let id = Id::from("?");
        let frame = Self::whole(change.change, &id);
        let is_id = |text: &[u8]| text == id.as_bytes();
        let at = frame.windows(id.as_bytes().len()).position(is_id);
        let at = at.expect("the id is in the frame, after fixed text alone");
        Self {
            change,
            before: frame.slice(..at),
            after: frame.slice(at + id.as_bytes().len()..),
        }
    }

    fn whole(change: &Change, id: &Id) -> Bytes {
        let params = change_params(change, id);
        frame_of(Outgoing::Notification(
            change.method().as_str(),
            Some(&params),
        ))
    }

    fn frame(&self, id: &Id) -> Bytes {
        [&*self.before, id.as_bytes(), &*self.after].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::party::{Caps, Each};
    use crate::transport::stream::queue::{QueueLimits, Receiver, queue};

    fn place() -> ListenPlace {
        let caps = Caps {
            all: 1,
            each: Each::Set(1),
        };
        ListenPlace::take(&Arc::new(Table::new(caps)), None).unwrap()
    }

    /// A request, and the stream that its client reads.
    fn request() -> (ListenRequest, Receiver) {
        let limits = QueueLimits {
            bytes: 1000,
            events: 9,
        };
        let (stream, read) = queue(limits, &Arc::default(), None);
        let request = ListenRequest {
            id: Id::from(1),
            filter: SubscriptionFilter::default(),
            stream,
            follow: None,
        };
        (request, read)
    }

    /// SPEC D-127, D-128: a request listens once at a time, and not beyond its end, which may come first.
    #[tokio::test]
    async fn a_request_listens_until_it_is_ended() {
        let place = place();
        let listen = || {
            let (request, read) = request();
            (ListenStream::run(Arc::clone(place.row()), request), read)
        };
        for _ in 0..2 {
            let (listening, read) = listen();
            let mut listening = Box::pin(listening);
            assert!(!place.is_listening());
            assert!(is_pending(&mut listening).await);
            assert!(place.is_listening() && read.has_output());
            let (second, unused) = listen();
            assert!(second.await.is_err() && !unused.has_output());
            assert!(place.is_listening());
            drop(listening);
        }
        let (listening, _read) = listen();
        let mut listening = Box::pin(listening);
        assert!(is_pending(&mut listening).await);
        place.row().with(ListenStream::end);
        assert_eq!(listening.await, Ok(()));
        let (listening, read) = listen();
        assert_eq!(listening.await, Ok(()));
        assert!(!place.is_listening() && read.has_output());
    }

    /// SPEC D-130: the place is free again when it is dropped, and whoever keeps the row does not listen.
    #[tokio::test]
    async fn a_place_is_given_back() {
        let place = place();
        let (table, row) = (Arc::clone(&place.table), Arc::clone(place.row()));
        assert!(ListenPlace::take(&table, None).is_err());
        drop(place);
        assert!(ListenPlace::take(&table, None).is_ok());
        let (request, _read) = request();
        assert_eq!(ListenStream::run(row, request).await, Ok(()));
    }

    async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
    }

    #[test]
    fn an_encoded_change_is_what_each_listener_would_get_alone() {
        let uri = r#"test://"?"/a"#.to_owned();
        let changes = [Change::Tools, Change::Resource(uri)];
        for change in &changes {
            let encoded = EncodedChange::of(KeyedChange::of(change));
            for id in [Id::from(0), Id::from(u64::MAX), Id::from("?"), Id::from("")] {
                assert_eq!(encoded.frame(&id), EncodedChange::whole(change, &id));
            }
        }
    }
}
