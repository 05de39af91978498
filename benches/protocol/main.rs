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
#[path = "../support/criterion.rs"]
mod settings;
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

use criterion::{criterion_group, criterion_main};

use settings::short_runs;

criterion_group! {
    name = benches;
    config = short_runs();
    targets = classify::head, classify::body, sentinel::sentinel, session::session, table::table
}
criterion_main!(benches);
