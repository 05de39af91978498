//! One row: sends the same request a few times, and reads the heap before, during and after.

use std::time::Duration;

use mcp_wire::McpService;
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::heap::HEAP;
use crate::place::{Payload, Place};
use crate::server::service;
use crate::shape::Shape;
use crate::way::{Left, Way};

/// The length of a shape, and how many requests have it.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) bytes: usize,
    pub(crate) copies: usize,
}

/// What was measured.
pub(crate) struct Row {
    pub(crate) way: Way,
    pub(crate) place: Place,
    pub(crate) shape: Shape,
    pub(crate) status: u16,
    /// The limit on what one request may leave on the heap.
    pub(crate) limit: usize,
    /// The length of one request.
    pub(crate) sent: usize,
    /// What one request leaves on the heap.
    pub(crate) kept: usize,
    /// The peak while one request is answered, without the copy that the client holds.
    pub(crate) peak: usize,
}

/// Uses a new service and runtime, and a clock that jumps to the next timer.
pub(crate) fn measure(way: Way, place: Place, shape: Shape, size: Size) -> Row {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime");
    let mcp = service().expect("a service");
    let payload = Payload {
        place,
        shape,
        bytes: size.bytes,
    };
    runtime.block_on(count(way, payload, size.copies, &mcp))
}

async fn count(way: Way, payload: Payload, copies: usize, mcp: &McpService) -> Row {
    // The first request makes the allocations that happen once.
    drop(
        way.leave(
            mcp,
            Payload {
                shape: Shape::Nothing,
                ..payload
            },
        )
        .await,
    );
    // The runtime needs a turn to drop a closed connection.
    sleep(Duration::from_millis(1)).await;
    let mut left: Vec<Left> = Vec::with_capacity(copies);
    let before = HEAP.current_usage();
    for _ in 0..copies {
        left.push(way.leave(mcp, payload).await);
    }
    let held: usize = left.iter().map(Left::held_by_clients).sum();
    let kept = HEAP.current_usage().saturating_sub(before + held) / copies;
    let first = &left[0];
    if payload.shape == Shape::Nothing {
        assert_eq!(
            first.status,
            way.status(),
            "{} has another status without a shape",
            way.name()
        );
    }
    Row {
        way,
        place: payload.place,
        shape: payload.shape,
        status: first.status,
        limit: match first.rests {
            true => way
                .limit(payload.place, first.sent)
                .max(way.limit_at_rest(first.sent)),
            false => way.limit(payload.place, first.sent),
        },
        sent: first.sent,
        kept,
        peak: left.iter().map(|left| left.peak).max().unwrap_or(0),
    }
}
