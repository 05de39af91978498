//! The time of the decisions in `src/protocol`: classifying a request, checking mirrored headers, tracking the
//! requests and streams of a session, and finding a session in the table. Inputs are typical, large, or crafted to
//! be expensive.
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
    reason = "the protocol floor is private to the crate, so the bench compiles it again, and measures a part of it"
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
    reason = "the protocol floor depends on it"
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
