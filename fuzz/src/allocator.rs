//! How many bytes of heap the server has.
//!
//! Clients and server share one thread and one allocator. Each block stores which of the two allocated it: the
//! clients while their future is polled, the server at any other time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};
use std::task::{Context, Poll};

/// Bytes that the server has allocated and not freed.
static LIVE: AtomicIsize = AtomicIsize::new(0);
/// Whether the future of the clients is being polled.
static IS_CLIENTS: AtomicBool = AtomicBool::new(false);

/// The allocator of the system, with the owner of each block stored before the block. For `#[global_allocator]`.
pub struct Counting;

/// The size of the prefix of a block: at least the default alignment of the system.
fn room(layout: Layout) -> usize {
    layout.align().max(16)
}

fn with_room(layout: Layout, size: usize) -> Layout {
    let room = room(layout);
    // SAFETY: the alignment is a power of two, and the allocations of a fuzz target are far below the maximum.
    unsafe { Layout::from_size_align_unchecked(size + room, room) }
}

fn count(is_servers: bool, bytes: isize) {
    if is_servers {
        LIVE.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: each block comes from the system, offset by `room`, which keeps the alignment. The byte before the block
// belongs to this allocator and holds the owner.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let is_servers = !IS_CLIENTS.load(Relaxed);
        unsafe {
            let start = System.alloc(with_room(layout, layout.size()));
            if start.is_null() {
                return start;
            }
            count(is_servers, layout.size() as isize);
            let block = start.add(room(layout));
            block.sub(1).write(u8::from(is_servers));
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe {
            count(block.sub(1).read() == 1, -(layout.size() as isize));
            System.dealloc(block.sub(room(layout)), with_room(layout, layout.size()));
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe {
            let is_servers = block.sub(1).read() == 1;
            let room = room(layout);
            let start = block.sub(room);
            let start = System.realloc(start, with_room(layout, layout.size()), size + room);
            if start.is_null() {
                return start;
            }
            count(is_servers, size as isize - layout.size() as isize);
            start.add(room)
        }
    }
}

/// The future of all clients.
pub struct Clients<F>(pub F);

impl<F: Future + Unpin> Future for Clients<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        IS_CLIENTS.store(true, Relaxed);
        let polled = Pin::new(&mut self.0).poll(cx);
        IS_CLIENTS.store(false, Relaxed);
        polled
    }
}

/// Counts the allocations of `act` as those of the server, while the clients are polled.
pub fn as_server<T>(act: impl FnOnce() -> T) -> T {
    IS_CLIENTS.store(false, Relaxed);
    let done = act();
    IS_CLIENTS.store(true, Relaxed);
    done
}

/// The bytes of heap that the server has now.
pub fn live() -> isize {
    LIVE.load(Relaxed)
}
