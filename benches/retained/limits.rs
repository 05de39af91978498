//! What each thing may keep, computed from the limits of the library's defaults. What is no constant of
//! the library's public face is spelled here, so that this is held to what is documented and not to
//! what is built.

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What a tree may take that is built of a message (`MessageLimits::tree`).
pub(crate) const TREE: usize = 32 * MIB;
/// What a body may have beside itself while it is answered: its buffer that grows, and a copy.
pub(crate) const BODY_TIMES: usize = 3;
/// A row may keep this many times its limit.
pub(crate) const SLACK: usize = 2;

/// What is kept of a client's capabilities, the longest there may be.
const CAPABILITIES: usize = 8 * KIB;
/// A session without them: its row in the table, its name, what it agreed on.
const ROW: usize = 2 * KIB;
/// A connection that waits without a buffer of hyper's, its task, and a stream with nothing queued.
const WAITING: usize = 6 * KIB;
/// The future of a handler, the call's own row, and a question with its timer.
const HANDLER: usize = 4 * KIB;
/// A connection that hyper carries: a buffer to read and one to write.
const BUFFERS: usize = 24 * KIB;
/// The least that hyper reads into.
const READ: usize = 8 * KIB;
/// The most that hyper reads into, behind a long request.
const READ_MOST: usize = 512 * KIB;
/// The longest head, which is also the most that is read ahead (`Serve::header_limit`).
pub(crate) const HEAD: usize = 64 * KIB;
/// What the entries of one filter, and the subscriptions of one session, may take together.
const ENTRIES: usize = 64 * KIB;
/// What a session keeps for clients that come back (`Builder::replay`).
const REPLAY: usize = MIB;
/// Nothing but what an allocator's counter or a table that grows may be off by.
const NOTHING: usize = KIB / 2;

pub(crate) const SESSION: usize = ROW + CAPABILITIES;
pub(crate) const BOUND_SESSION: usize = SESSION + WAITING;
pub(crate) const STREAM: usize = ROW + WAITING;
pub(crate) const LISTENER: usize = WAITING + ENTRIES;
pub(crate) const REPLAYED: usize = ROW + REPLAY;
pub(crate) const SUBSCRIBED: usize = ROW + ENTRIES;
pub(crate) const CALL: usize = ROW + WAITING + HANDLER;
/// A short request may share the buffer that it was read into.
pub(crate) const TASK: usize = ROW + HANDLER + READ;
pub(crate) const AT_REST: usize = BUFFERS + HEAD;
pub(crate) const AT_REST_BEHIND_LONG: usize = AT_REST + READ_MOST;
pub(crate) const READ_AHEAD: usize = WAITING + HEAD;
pub(crate) const REFUSED: usize = NOTHING;
