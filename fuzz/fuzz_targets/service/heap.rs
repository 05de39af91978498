//! How many bytes of heap the server may have, by its limits alone.

use crate::connection::Connection;
use crate::world::{BODY, EVENTS, QUEUE, REPLAY, World};
use mcp_wire_fuzz::allocator::live;

const KIB: usize = 1024;
/// The runtime, the empty tables, and the ids of sessions that have ended.
const BASE: usize = 24 * KIB;
/// The task of a connection, and both buffers of hyper, grown for a long head.
const CONNECTION: usize = 24 * KIB;
/// The row of a session, its id, and the capabilities of its client.
const SESSION: usize = 2 * KIB + 8 * KIB;
/// The limit on the URIs of one filter, or of the subscriptions of one session (`Filter`, `Session`).
const ENTRIES: usize = 64 * KIB;
/// A running call: its row, its task, its handler.
const CALL: usize = 8 * KIB;
/// The longest message of the server, which is the list of its tools.
const MESSAGE: usize = 8 * KIB;
/// Buffers of long bodies, which the service keeps for reuse.
const KEPT: usize = BODY / 2;
/// The overhead of an event.
const EVENT: usize = 256;

impl World {
    /// The heap is bounded by what is open, whatever the clients sent.
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

/// The heap that a connection may have, including an incomplete request.
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
