//! [`Progress`]: what the socket, hyper's service and the timers of one connection know of each other.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use super::timers::{Timer, Wait};
use crate::protocol::framing::Fault;
use crate::protocol::rejection::Reason;

/// The state of one connection. One task runs all of it, so the atomics need no order and no
/// read-modify-write.
#[derive(Debug, Default)]
pub(super) struct Progress {
    flags: AtomicU8,
    /// How many requests have come to the service, modulo 2^32.
    begun: AtomicU32,
    /// How many times written bytes have waited for the client and gone on.
    flushes: AtomicU32,
    /// The number of the request that could be read in two ways, and how.
    fault: OnceLock<(u32, Fault)>,
    /// Set when the connection has been upgraded. The upgraded connection ends with the sender.
    upgrade: OnceLock<watch::Receiver<()>>,
}

/// A request is being answered. The handler has its own time limit.
const ANSWERING: u8 = 1;
/// The head of a request has begun to arrive and is not complete.
const IN_HEAD: u8 = 1 << 1;
/// The beginning of a next request has arrived.
const AHEAD: u8 = 1 << 2;
/// As much of the next requests has arrived as is read ahead.
const AHEAD_FULL: u8 = 1 << 3;
/// hyper reads into a large buffer. A part of a request that is kept would keep all of it.
const WIDE: u8 = 1 << 4;
/// Something that was written waits for the client.
const STUCK: u8 = 1 << 5;
/// The owner of the connection has told it to end.
const ENDING: u8 = 1 << 6;
/// Everything is said, and the client has to close too.
#[cfg(feature = "http2")]
const CLOSING: u8 = 1 << 7;

impl Progress {
    fn is(&self, flag: u8) -> bool {
        self.flags.load(Relaxed) & flag != 0
    }

    fn set(&self, flag: u8, is_set: bool) {
        let others = self.flags.load(Relaxed) & !flag;
        let flags = if is_set { others | flag } else { others };
        self.flags.store(flags, Relaxed);
    }

    /// Notes that a request has come to the service. It is being answered until the guard is dropped.
    /// The second value is an error if the request could be read in two ways.
    pub(super) fn begin(self: &Arc<Self>) -> (AnswerGuard, Result<(), Reason>) {
        let nth = self.begun.load(Relaxed);
        self.begun.store(nth.wrapping_add(1), Relaxed);
        self.set(ANSWERING, true);
        let verdict = match self.fault.get() {
            Some((faulty, fault)) if *faulty == nth => refused(*fault),
            _ => Ok(()),
        };
        (AnswerGuard(Arc::clone(self)), verdict)
    }

    /// Notes what has arrived: whether it ends in the head of a request, and a fault in it.
    pub(super) fn arrived(&self, is_in_head: bool, fault: Option<(u32, Fault)>) {
        self.set(IN_HEAD, is_in_head);
        if let Some(fault) = fault {
            let _ = self.fault.set(fault);
        }
    }

    /// Notes how much has arrived after the request that is being answered.
    pub(super) fn sent_ahead(&self, is_some: bool, is_full: bool) {
        self.set(AHEAD, is_some);
        self.set(AHEAD_FULL, is_full);
    }

    /// Whether some of a next request is there and no other request is being answered.
    pub(super) fn is_next(&self) -> bool {
        self.is(AHEAD) && !self.is_answering()
    }

    /// How many requests have come to the service, modulo 2^32.
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(Relaxed)
    }

    pub(super) fn is_answering(&self) -> bool {
        self.is(ANSWERING)
    }

    /// Notes whether the buffer that hyper reads into is a large one.
    pub(super) fn reads(&self, is_wide: bool) {
        self.set(WIDE, is_wide);
    }

    /// Whether what arrived last is in a large buffer.
    pub(super) fn is_wide(&self) -> bool {
        self.is(WIDE)
    }

    /// Notes that something that was written waits for the client.
    pub(super) fn stick(&self) {
        self.set(STUCK, true);
    }

    /// Notes that everything that was written has been handed to the system.
    pub(super) fn flush(&self) {
        if self.is(STUCK) {
            self.set(STUCK, false);
            let flushes = self.flushes.load(Relaxed);
            self.flushes.store(flushes.wrapping_add(1), Relaxed);
        }
    }

    /// Whether everything has been handed to the system. hyper leaves nothing unwritten unless a write
    /// waits.
    pub(super) fn is_written(&self) -> bool {
        !self.is(STUCK)
    }

    /// Whether the head of a request has begun and nothing else is going on. If the connection ended
    /// here, its client would not learn why.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.wait(), Some(wait) if wait.timer == Timer::Head)
    }

    /// What the connection waits for; `None` while a request of a client that reads is answered.
    pub(super) fn wait(&self) -> Option<Wait> {
        let timer = if self.is(STUCK) {
            Timer::Write
        } else if self.is_answering() {
            // The server cannot see a client leave if the client fills all that is read ahead.
            if !self.is(AHEAD_FULL) {
                return None;
            }
            Timer::Idle
        } else if self.is(IN_HEAD) {
            Timer::Head
        } else {
            Timer::Idle
        };
        let nth = match timer {
            Timer::Write => self.flushes.load(Relaxed),
            Timer::Handshake | Timer::Head | Timer::Idle | Timer::Close => self.begun(),
        };
        Some(Wait { timer, nth })
    }

    /// What a connection whose client does not take what was written waits for.
    #[cfg(feature = "http2")]
    pub(super) fn write(&self) -> Option<Wait> {
        self.is(STUCK).then(|| Wait {
            timer: Timer::Write,
            nth: self.flushes.load(Relaxed),
        })
    }

    /// Notes that everything is said.
    #[cfg(feature = "http2")]
    pub(super) fn close(&self) {
        self.set(CLOSING, true);
    }

    /// Whether everything is said.
    #[cfg(feature = "http2")]
    pub(super) fn is_closing(&self) -> bool {
        self.is(CLOSING)
    }

    /// Tells the connection to end.
    pub(super) fn end(&self) {
        self.set(ENDING, true);
    }

    /// Whether the owner of the connection has told it to end.
    pub(super) fn is_told_to_end(&self) -> bool {
        self.is(ENDING)
    }

    /// Notes that the connection is one of another protocol now, until the sender of `ends` is dropped.
    pub(super) fn upgrade(&self, ends: watch::Receiver<()>) {
        let _ = self.upgrade.set(ends);
    }

    /// Tells when an upgraded connection ends; `None` for any other connection.
    pub(super) fn upgraded(&self) -> Option<&watch::Receiver<()>> {
        self.upgrade.get()
    }
}

fn refused(fault: Fault) -> Result<(), Reason> {
    match fault {
        Fault::Length => Err(Reason::AmbiguousLength),
        Fault::Coding => Err(Reason::UnknownCoding),
        Fault::LineFeed => Err(Reason::BareLineFeed),
        // The reader of the body gets an error, if the body is read at all.
        Fault::Chunks => Ok(()),
    }
}

/// A request is being answered for as long as this lives.
pub(super) struct AnswerGuard(Arc<Progress>);

impl Drop for AnswerGuard {
    fn drop(&mut self) {
        self.0.set(ANSWERING, false);
    }
}
