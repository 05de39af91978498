//! Arbitrary conversations in HTTP/2 over connections in memory, with many streams on each. The clients are those of
//! the crate h2, which reset streams, hold windows back, stop reading and leave; and clients that are made of raw
//! frames and bytes. Nothing panics, every answer belongs to its request and comes once, and after all clients have
//! left no task, no session, no stream, no running handler and no heap remain. Meanwhile the heap of the server stays
//! within what its limits allow.
//!
//! An input is a list of lines. Each is an operation: a letter and its arguments. So seeds can be written by hand.
//! See [`World::apply`].

#![no_main]

mod client;
mod exchange;
mod fields;
// It has more than this target uses.
#[allow(dead_code)]
#[path = "../../../tests/tls/src/frames.rs"]
mod frames;
mod invariants;
mod raw;
mod receiving;
mod sending;
mod world;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use mcp_wire_fuzz::allocator::{Clients, Counting, live};
use mcp_wire_fuzz::runtime;
use tokio::runtime::Handle;

use world::World;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The maximum number of operations of an input.
const OPERATIONS: usize = 60;

/// What a process may keep for later connections, whatever the number of inputs: buffers of bodies, and tables.
const KEPT: isize = 256 * 1024;

fuzz_target!(|input: &[u8]| {
    run(input);
    // A leak of one input is small, but there are many inputs.
    static FIRST: OnceLock<isize> = OnceLock::new();
    let left = live() - *FIRST.get_or_init(live);
    assert!(left <= KEPT, "{left} bytes of heap are left");
});

fn run(input: &[u8]) {
    let clients = Box::pin(async {
        let mut world = World::new();
        for line in input.split(|byte| *byte == b'\n').take(OPERATIONS) {
            if let Some((op, rest)) = line.split_first() {
                world.apply(*op, rest).await;
            }
        }
        world.conclude(input.len()).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    });
    runtime::paused().block_on(Clients(clients));
}
