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
use crate::transport::stream::queue::{Sender, StreamEnd};
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::method::Method;

pub(crate) type ListenTable = Table<ListenStream>;

/// One listening request. It is in the table for as long as its future lives, which is as long as its
/// client is connected (SPEC D-128).
pub(crate) struct ListenStream {
    id: Id,
    filter: SubscriptionFilter,
    /// The stream, once the acknowledgement is on it, which comes first (SPEC D-122).
    sender: Option<Sender>,
    /// Dropped to end the request.
    running: Option<oneshot::Sender<()>>,
}

/// What a listening request begins with.
pub(crate) struct ListenRequest {
    pub(crate) id: Id,
    pub(crate) filter: SubscriptionFilter,
    pub(crate) stream: Sender,
}

impl ListenStream {
    /// Acknowledges the request, then waits until the server or the identity ends.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the subscription.
    pub(crate) async fn run(
        table: Arc<ListenTable>,
        party: Option<Party>,
        request: ListenRequest,
    ) -> Result<(), ErrorObject> {
        let ListenRequest { id, filter, stream } = request;
        let (running, mut ended) = oneshot::channel();
        let acknowledgement = filter.acknowledgement(&id);
        let listener = Self {
            id: id.clone(),
            filter,
            sender: None,
            running: Some(running),
        };
        // SPEC D-130.
        let row = table
            .open(listener, party.as_ref())
            .map_err(|full| Reason::Full(Resource::Listens, full).refusal().error)?;
        let entry = TableEntry { table, row };
        entry.row.with(|listener| {
            let method = Method::SubscriptionsAcknowledged.as_str();
            let message = Outgoing::Notification(method, Some(&acknowledgement));
            let mut sender = stream.clone();
            // If the client is gone, this future is dropped soon.
            let _ = sender.offer(frame_of(message));
            listener.sender = Some(sender);
        });
        // The server ends it by dropping the other half. The lease of this request polls it once more
        // when the identity has ended, which closes the queue.
        let is_expired = || stream.end() == Some(StreamEnd::Expired);
        poll_fn(|cx| match Pin::new(&mut ended).poll(cx) {
            Poll::Pending if !is_expired() => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
        Ok(())
    }

    /// Sends a change if the request asked for it. A reader that is too slow is cut (SPEC D-130).
    pub(crate) fn publish(&mut self, change: &EncodedChange<'_>) {
        if !self.filter.wants(&change.change) {
            return;
        }
        if let Some(sender) = &mut self.sender {
            let _ = sender.offer(change.frame(&self.id));
        }
    }

    /// Ends the request with its result. It gets no more changes.
    pub(crate) fn end(&mut self) {
        self.sender = None;
        self.running = None;
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

/// Takes a listener out of the table when it is dropped.
struct TableEntry {
    table: Arc<ListenTable>,
    row: Arc<Row<ListenStream>>,
}

impl Drop for TableEntry {
    fn drop(&mut self) {
        self.table.close(&self.row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
