//! [`Progress`]: what the socket, the service and the timers of one connection know of each other.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use super::timers::{Timer, Wait};
use crate::protocol::framing::Fault;
use crate::protocol::rejection::Rejection;

/// The state of one connection. All of it runs in one task, so nothing has to be ordered.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How many requests have come to the service, around the numbers that there are.
    begun: AtomicU32,
    /// Whether one of them is being answered: then its handler has its own time.
    is_answering: AtomicBool,
    /// Whether the head of a request has begun to arrive, and has not ended.
    is_in_head: AtomicBool,
    /// Whether the beginning of a next request has arrived, and whether as much of it as is read.
    is_ahead: AtomicBool,
    is_full: AtomicBool,
    /// Whether hyper reads into a large buffer, which a part of a request that is kept would keep.
    is_wide: AtomicBool,
    /// Whether something that was written waits for the client.
    is_stuck: AtomicBool,
    /// How many times it has waited and gone on.
    flushes: AtomicU32,
    /// The request that could be read in two ways.
    fault: OnceLock<(u32, Fault)>,
    /// Set when the connection has become one of another protocol. It ends when the sender is gone.
    upgrade: OnceLock<watch::Receiver<()>>,
}

impl Progress {
    /// A request has come; it is being answered until what this gives is dropped.
    ///
    /// # Errors
    ///
    /// The request could be read in two ways.
    pub(crate) fn begin(self: &Arc<Self>) -> (Answering, Result<(), Rejection>) {
        let nth = self.begun.fetch_add(1, Relaxed);
        self.is_answering.store(true, Relaxed);
        let verdict = match self.fault.get() {
            Some((faulty, fault)) if *faulty == nth => refused(*fault),
            _ => Ok(()),
        };
        (Answering(Arc::clone(self)), verdict)
    }

    /// What has arrived ends here.
    pub(crate) fn arrived(&self, is_in_head: bool, fault: Option<(u32, Fault)>) {
        self.is_in_head.store(is_in_head, Relaxed);
        if let Some(fault) = fault {
            let _ = self.fault.set(fault);
        }
    }

    /// This much is there of what was sent behind the request that is answered.
    pub(crate) fn sent_ahead(&self, is_some: bool, is_full: bool) {
        self.is_ahead.store(is_some, Relaxed);
        self.is_full.store(is_full, Relaxed);
    }

    /// Whether a next request is there, or its beginning, and no other is being answered.
    pub(crate) fn is_next(&self) -> bool {
        self.is_ahead.load(Relaxed) && !self.is_answering()
    }

    /// How many requests have come to the service, around the numbers that there are.
    pub(crate) fn begun(&self) -> u32 {
        self.begun.load(Relaxed)
    }

    /// Whether a request is being answered.
    pub(crate) fn is_answering(&self) -> bool {
        self.is_answering.load(Relaxed)
    }

    /// What arrives next is read into a buffer that is large, or is not.
    pub(crate) fn reads(&self, is_wide: bool) {
        self.is_wide.store(is_wide, Relaxed);
    }

    /// Whether what arrived last is in a large buffer.
    pub(crate) fn is_wide(&self) -> bool {
        self.is_wide.load(Relaxed)
    }

    /// What was written waits for the client.
    pub(crate) fn stick(&self) {
        self.is_stuck.store(true, Relaxed);
    }

    /// All that was written has been handed on.
    pub(crate) fn flush(&self) {
        if self.is_stuck.swap(false, Relaxed) {
            self.flushes.fetch_add(1, Relaxed);
        }
    }

    /// Whether all that was to be written is with the system: hyper leaves nothing unwritten unless a
    /// write waits.
    pub(crate) fn is_written(&self) -> bool {
        !self.is_stuck.load(Relaxed)
    }

    /// Whether the head of a request has begun, and nothing else is going on: nobody would notice if it
    /// ended here.
    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.wait(), Some(wait) if wait.timer == Timer::Head)
    }

    /// What the connection waits for; nothing while a request is answered whose client reads.
    pub(crate) fn wait(&self) -> Option<Wait> {
        if self.is_stuck.load(Relaxed) {
            let nth = self.flushes.load(Relaxed);
            return Some(Wait {
                timer: Timer::Write,
                nth,
            });
        }
        if self.is_answering() {
            // Of a client that sends on and on nobody would see that it has left.
            let nth = self.begun.load(Relaxed);
            let timer = Timer::Rest;
            return self.is_full.load(Relaxed).then_some(Wait { timer, nth });
        }
        let timer = match self.is_in_head.load(Relaxed) {
            true => Timer::Head,
            false => Timer::Rest,
        };
        let nth = self.begun.load(Relaxed);
        Some(Wait { timer, nth })
    }

    /// The connection is one of another protocol now, until the sender of this is gone.
    pub(crate) fn upgrade(&self, ends: watch::Receiver<()>) {
        let _ = self.upgrade.set(ends);
    }

    /// What the connection of another protocol ends with.
    pub(crate) fn upgraded(&self) -> Option<&watch::Receiver<()>> {
        self.upgrade.get()
    }
}

fn refused(fault: Fault) -> Result<(), Rejection> {
    match fault {
        Fault::Length => Err(Rejection::AmbiguousLength),
        Fault::Coding => Err(Rejection::UnknownCoding),
        Fault::LineFeed => Err(Rejection::BareLineFeed),
        // Whoever reads the body learns of it, which may be nobody.
        Fault::Chunks => Ok(()),
    }
}

/// A request that is being answered.
pub(crate) struct Answering(Arc<Progress>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.is_answering.store(false, Relaxed);
    }
}
