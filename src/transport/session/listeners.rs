//! `subscriptions/listen` of 2026-07-28: requests that are told of changes until they end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::protocol::change::Change;
use crate::protocol::filter::{SubscriptionFilter, change_params};
use crate::protocol::party::Party;
use crate::protocol::rejection::{Counted, Rejection};
use crate::protocol::stream::{Connection, frame_of};
use crate::protocol::table::{Full, Row, Table};
use crate::transport::stream::queue::Sender;
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};

pub(crate) type ListenTable = Table<Listener>;

/// One listening request. It is in the table as long as its future lives, which is as long as its
/// client is connected (SPEC D-128).
pub(crate) struct Listener {
    id: Id,
    filter: SubscriptionFilter,
    /// The stream, once the acknowledgement is on it: nothing goes before that (SPEC D-122).
    sender: Option<Sender>,
    /// Dropped to end the request.
    running: Option<oneshot::Sender<()>>,
}

impl Listener {
    /// Acknowledges, then waits for the end of the server or of the identity.
    pub(crate) async fn run(
        table: Arc<ListenTable>,
        party: Option<Party>,
        (mut sender, id): (Sender, Id),
        (filter, end): (SubscriptionFilter, Option<Instant>),
    ) -> Result<(), ErrorObject> {
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
            .map_err(|full| too_many(full).error())?;
        let listed = Listed { table, row };
        listed.row.with(|listener| {
            let method = "notifications/subscriptions/acknowledged";
            let message = Outgoing::Notification(method, Some(&acknowledgement));
            // A client that is gone drops this future.
            let _ = sender.offer(frame_of(message));
            listener.sender = Some(sender);
        });
        // Whoever ends it drops the other half. The lease that this runs under polls it once more when
        // the identity has ended, so it needs no timer of its own.
        let is_over = || end.is_some_and(|end| Instant::now() >= end);
        poll_fn(|cx| match Pin::new(&mut ended).poll(cx) {
            Poll::Pending if !is_over() => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
        Ok(())
    }

    /// Tells of a change, if it was asked for. A reader that is too slow is cut (SPEC D-130).
    pub(crate) fn tell(&mut self, news: &News<'_>) {
        if !self.filter.wants(news.change) {
            return;
        }
        if let Some(sender) = &mut self.sender {
            let _ = sender.offer(news.frame(&self.id));
        }
    }

    /// Ends the request with its result. It is told of nothing more.
    pub(crate) fn end(&mut self) {
        self.sender = None;
        self.running = None;
    }
}

/// SPEC D-130.
pub(crate) fn too_many(full: Full) -> Rejection {
    match full {
        Full::All(limit) => Rejection::TooManyListens { limit },
        Full::Each(limit, whose) => Rejection::TooManyOfOne {
            of: Counted::Listens,
            limit,
            whose,
        },
    }
}

/// A change as listeners are told of it: all but the id of their request is encoded once.
pub(crate) struct News<'a> {
    change: &'a Change,
    before: Bytes,
    after: Bytes,
}

impl<'a> News<'a> {
    pub(crate) fn of(change: &'a Change) -> Self {
        let id = Id::from("?");
        let frame = Self::whole(change, &id);
        let is_id = |text: &[u8]| text == id.as_bytes();
        let at = frame.windows(id.as_bytes().len()).position(is_id);
        let at = at.expect("the id is in the frame, and behind nothing but fixed text");
        Self {
            change,
            before: frame.slice(..at),
            after: frame.slice(at + id.as_bytes().len()..),
        }
    }

    fn whole(change: &Change, id: &Id) -> Bytes {
        let params = change_params(change, id);
        frame_of(Outgoing::Notification(change.method(), Some(&params)))
    }

    fn frame(&self, id: &Id) -> Bytes {
        [&*self.before, id.as_bytes(), &*self.after].concat().into()
    }
}

/// Takes a listener out of the table, however it ends.
struct Listed {
    table: Arc<ListenTable>,
    row: Arc<Row<Listener>>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.table.close(&self.row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_what_each_listener_would_be_told_alone() {
        let uri = r#"test://"?"/a"#.to_owned();
        let changes = [Change::Tools, Change::Resource(uri)];
        for change in &changes {
            let news = News::of(change);
            for id in [Id::from(0), Id::from(u64::MAX), Id::from("?"), Id::from("")] {
                assert_eq!(news.frame(&id), News::whole(change, &id));
            }
        }
    }
}
