//! Arbitrary exchanges over connections in memory: whatever clients send, in whatever order, and
//! however they leave, nothing panics, every response has its request, every request that was taken
//! its one answer and nobody else's (PITFALLS ), and when all have left nothing is left
//! (PITFALLS ). Between the two, the server's heap is within what its limits allow for what is open.
//!
//! An input is a list of lines, each an operation: a letter and what belongs to it. So seeds are
//! written by hand. See [`World::apply`]. If the first of them tells who sends, the service has an
//! authorizer.

#![no_main]

mod allocator;
mod asking;
mod books;
mod connection;
mod exchange;
mod heap;
mod hearing;
mod request;
mod tools;
mod world;

use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Handle};

use allocator::Clients;
use world::World;

/// The most operations of an input.
const OPERATIONS: usize = 60;

fuzz_target!(|input: &[u8]| {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
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
    runtime.block_on(Clients(clients));
});
