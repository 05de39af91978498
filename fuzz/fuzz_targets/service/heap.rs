//! How many bytes of heap the server may have, by its limits alone.

use crate::allocator::live;
use crate::connection::Connection;
use crate::world::{BODY, EVENTS, QUEUE, REPLAY, World};

const KIB: usize = 1024;
/// The runtime, the tables when they are empty, the names of sessions that have ended.
const BASE: usize = 24 * KIB;
/// The task of a connection, and hyper's two buffers with what of a head they had to grow for.
const CONNECTION: usize = 24 * KIB;
/// A session's row, its name, and its client's capabilities.
const SESSION: usize = 2 * KIB + 8 * KIB;
/// What the URIs of one filter or of one session's subscriptions take (`Filter`, `Session`).
const ENTRIES: usize = 64 * KIB;
/// A running call: its row, its task, its handler.
const CALL: usize = 8 * KIB;
/// The longest thing that the server says: the list of its tools.
const MESSAGE: usize = 8 * KIB;
/// Buffers of long bodies that are kept for the next.
const KEPT: usize = BODY / 2;
/// What an event costs beside its bytes.
const EVENT: usize = 256;

impl World {
    /// Whatever clients sent, what is there of it is bounded by what is open.
    pub fn check_heap(&self) {
        let numbers = self.service.snapshot();
        let connections: usize = self.connections.iter().map(may_hold).sum();
        let bound = BASE
            + KEPT
            + connections
            + numbers.sessions * (SESSION + ENTRIES + REPLAY + EVENTS * EVENT)
            + numbers.listens * ENTRIES
            + numbers.streams * (QUEUE + MESSAGE)
            + numbers.running * CALL;
        let live = live() - self.heap_before;
        assert!(
            live <= bound as isize,
            "{live} bytes of heap, and {bound} at most: {numbers:?}"
        );
    }
}

/// A connection, with what it was sent of a request that is not whole.
fn may_hold(connection: &Connection) -> usize {
    if connection.is_over() {
        return 0;
    }
    let body = match connection.is_within_request() {
        true => 2 * BODY,
        false => 0,
    };
    connection.pipe + CONNECTION + body
}
