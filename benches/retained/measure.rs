//! One row: the same request a few times, and what the heap says before, meanwhile and afterwards.

use std::time::Duration;

use mcp_wire::McpService;
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::heap::HEAP;
use crate::place::{Dear, Place};
use crate::server::service;
use crate::shape::Shape;
use crate::way::{Left, Way};

/// How long a shape is, and how often it is sent.
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
    /// What each may leave.
    pub(crate) limit: usize,
    /// The bytes of one request.
    pub(crate) sent: usize,
    /// What each leaves on the heap.
    pub(crate) kept: usize,
    /// The most that one takes while it is answered, beside the client's own copy of it.
    pub(crate) peak: usize,
}

/// On a service and a runtime of its own, and a clock that jumps to the next timer.
pub(crate) fn measure(way: Way, place: Place, shape: Shape, size: Size) -> Row {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.expect("a runtime");
    let mcp = service().expect("a service");
    let dear = Dear {
        place,
        shape,
        bytes: size.bytes,
    };
    runtime.block_on(count(way, dear, size.copies, &mcp))
}

async fn count(way: Way, dear: Dear, copies: usize, mcp: &McpService) -> Row {
    // What is made once is no request's.
    drop(
        way.leave(
            mcp,
            Dear {
                shape: Shape::Nothing,
                ..dear
            },
        )
        .await,
    );
    // A connection that is cut is gone when the runtime has had a turn.
    sleep(Duration::from_millis(1)).await;
    let mut left: Vec<Left> = Vec::with_capacity(copies);
    let before = HEAP.current_usage();
    for _ in 0..copies {
        left.push(way.leave(mcp, dear).await);
    }
    let held: usize = left.iter().map(Left::held_by_clients).sum();
    let kept = HEAP.current_usage().saturating_sub(before + held) / copies;
    let first = &left[0];
    if dear.shape == Shape::Nothing {
        assert_eq!(first.status, way.status(), "{} is no such way", way.name());
    }
    Row {
        way,
        place: dear.place,
        shape: dear.shape,
        status: first.status,
        limit: match first.rests {
            true => way
                .limit(dear.place, first.sent)
                .max(way.limit_at_rest(first.sent)),
            false => way.limit(dear.place, first.sent),
        },
        sent: first.sent,
        kept,
        peak: left.iter().map(|left| left.peak).max().unwrap_or(0),
    }
}
