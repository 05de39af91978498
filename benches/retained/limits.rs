//! The limits on what may remain on the heap, computed from the default limits of the library. Limits that are not
//! public constants are repeated here, so that the bench checks the documented values and not those in the code.

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The limit on the tree of a message (`MessageLimits::tree`).
pub(crate) const TREE: usize = 32 * MIB;
/// The peak of a request as a multiple of its body: the body, its growing buffer, and a copy.
pub(crate) const BODY_TIMES: usize = 3;
/// A row may exceed its limit by this factor.
pub(crate) const SLACK: usize = 2;

/// The most that a session keeps of the capabilities of its client.
const CAPABILITIES: usize = 8 * KIB;
/// A session without capabilities: its row in the table, its id, and what was negotiated.
const ROW: usize = 2 * KIB;
/// A connection that waits without buffers of hyper, its task, and a stream with an empty queue.
const WAITING: usize = 6 * KIB;
/// The future of a handler, the row of its call, and a request to the client with its timer.
const HANDLER: usize = 4 * KIB;
/// A connection of hyper: a buffer for reading and one for writing.
const BUFFERS: usize = 24 * KIB;
/// The minimum read buffer of hyper.
const READ: usize = 8 * KIB;
/// The maximum read buffer of hyper, which it keeps after a long request.
const READ_MOST: usize = 512 * KIB;
/// The longest head, which also limits what is read ahead (`Serve::header_limit`).
pub(crate) const HEAD: usize = 64 * KIB;
/// The limit on the entries of one filter, and on the subscriptions of one session.
const ENTRIES: usize = 64 * KIB;
/// The limit on the events that a session keeps for resumption.
const REPLAY: usize = MIB;
/// Tolerance for the counter of the allocator and for tables that grow.
const NOTHING: usize = KIB / 2;

pub(crate) const SESSION: usize = ROW + CAPABILITIES;
pub(crate) const BOUND_SESSION: usize = SESSION + WAITING;
pub(crate) const STREAM: usize = ROW + WAITING;
pub(crate) const LISTENER: usize = WAITING + ENTRIES;
pub(crate) const REPLAYED: usize = ROW + REPLAY;
pub(crate) const SUBSCRIBED: usize = ROW + ENTRIES;
pub(crate) const CALL: usize = ROW + WAITING + HANDLER;
/// A short request may keep the buffer that it was read into.
pub(crate) const TASK: usize = ROW + HANDLER + READ;
pub(crate) const AT_REST: usize = BUFFERS + HEAD;
pub(crate) const AT_REST_AFTER_LONG: usize = AT_REST + READ_MOST;
pub(crate) const READ_AHEAD: usize = WAITING + HEAD;
pub(crate) const REFUSED: usize = NOTHING;
