//! [`StreamConnection`]: a client that is connected to a stream of its session.

use hyper::Response;
use tokio::time::Instant;

use super::handle::SessionHandle;
use crate::protocol::stream::{Attachment, Connection};
use crate::transport::answer::response::stream_response;
use crate::transport::clock::now;
use crate::transport::observe::events::SessionEnd;
use crate::transport::stream::body::ResponseBody;
use crate::transport::stream::lease::Lease;
use crate::transport::stream::queue::{Receiver, Sender, resumable_queue};
use crate::wire::id::StreamId;

/// A client that is connected to a stream of its session. When it is dropped, the client is gone: the
/// session is told, and what waited to be written is dropped.
pub(super) struct StreamConnection {
    guard: AttachmentGuard,
    sender: Sender,
    pub(super) receiver: Receiver,
    /// When the identity of the client ends.
    end: Option<Instant>,
}

impl StreamConnection {
    /// Connects the client of a POST to its stream. The queue has extra room for what its request has
    /// already sent. `None` if the stream has ended.
    pub(super) fn attach(
        session: &SessionHandle,
        stream: StreamId,
        end: Option<Instant>,
    ) -> Option<Self> {
        let early = session.row.with(|session| session.early(stream));
        let limits = session.shared.config.limits.queue.with_room_for(early);
        let (sender, receiver) = resumable_queue(limits, &session.shared.observer, end);
        let connection = sender.clone();
        let attached = session
            .row
            .with(|session| session.attach(stream, connection, now()));
        attached.map(|attachment| Self::new(session, attachment, (sender, receiver), end))
    }

    /// A client that the session has attached.
    pub(super) fn new(
        session: &SessionHandle,
        attachment: Attachment,
        (sender, receiver): (Sender, Receiver),
        end: Option<Instant>,
    ) -> Self {
        Self {
            guard: AttachmentGuard {
                session: session.clone(),
                attachment,
            },
            sender,
            receiver,
            end,
        }
    }

    /// The response with the stream. It ends with the identity of the client, which may then come back
    /// with another (SPEC F-51, F-52).
    pub(super) fn into_response(self) -> Response<ResponseBody> {
        let Self {
            guard,
            mut sender,
            receiver,
            end,
        } = self;
        let session = &guard.session;
        let mut lease = Lease::until(end);
        if let Some(owner) = session.row.owner()
            && !session.shared.table.has(session.row.id())
        {
            // The session is in no table, so a revocation does not find the stream by its session.
            lease = lease.revocable(&session.shared.leases, owner, &sender);
        }
        let keep_alive = session.shared.config.timeouts.keep_alive;
        let body = ResponseBody::events(receiver, keep_alive, guard);
        stream_response(body.leased(lease, move || sender.finish()))
    }
}

/// Tells the session when a connection is gone. If the session was about to be opened for it, the session
/// ends too, unless the client can come back (PITFALLS R-4, SPEC C-28).
struct AttachmentGuard {
    session: SessionHandle,
    attachment: Attachment,
}

impl Drop for AttachmentGuard {
    fn drop(&mut self) {
        let is_given_up = self.session.row.with(|session| {
            session.detach(self.attachment, now());
            session.is_given_up()
        });
        if is_given_up {
            self.session.end(SessionEnd::NotInitialized);
        }
    }
}
