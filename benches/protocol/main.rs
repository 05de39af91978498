//! What the decisions of the protocol floor cost: what a request is, what a mirrored header says, what becomes
//! of the requests and streams of a session, and who is in the table. Each over inputs as clients send them, over
//! large ones, and over those that somebody would send to make it dear.
//!
//! `cargo bench --bench protocol`

mod classify;
#[path = "../../src/protocol/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    unnameable_types,
    unreachable_pub,
    unused_imports,
    reason = "the floor is private to the crate, and so it is here once more, of which a part is measured"
)]
mod protocol;
mod sentinel;
mod session;
mod table;
#[path = "../../src/wire/mod.rs"]
#[allow(
    dead_code,
    missing_docs,
    unnameable_types,
    unreachable_pub,
    unused_imports,
    reason = "as the protocol floor, which stands on it"
)]
mod wire;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = classify::head, classify::body, sentinel::sentinel, session::session, table::table
}
criterion_main!(benches);
