//! Arbitrary exchanges over connections in memory. Whatever clients send, in whatever order, and however they
//! disconnect: nothing panics, every response belongs to a request, every accepted request has exactly one answer,
//! its own (PITFALLS ), and after all clients have left nothing remains (PITFALLS ).
//! Meanwhile the heap of the server stays within what its limits allow for everything that is open.
//!
//! An input is a list of lines. Each is an operation: a letter and its arguments. So seeds can be written by hand.
//! See [`World::apply`]. If the first line selects a token, the service has an authorizer.

#![no_main]

mod connection;
mod exchange;
mod heap;
mod invariants;
mod receiving;
mod sending;
mod world;

use libfuzzer_sys::fuzz_target;
use mcp_wire_fuzz::allocator::{Clients, Counting};
use mcp_wire_fuzz::runtime;
use tokio::runtime::Handle;

use world::World;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The maximum number of operations of an input.
const OPERATIONS: usize = 60;

fuzz_target!(|input: &[u8]| {
    let clients = Box::pin(async {
        let mut world = World::new(input.starts_with(b"t"));
        for line in input.split(|byte| *byte == b'\n').take(OPERATIONS) {
            if let Some((op, rest)) = line.split_first() {
                world.apply(*op, rest).await;
            }
        }
        world.conclude(input.len()).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    });
    runtime::paused().block_on(Clients(clients));
});
