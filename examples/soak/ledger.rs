//! The account of all calls and their outcomes, and of everything that went wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mcp_wire::ProtocolVersion;
use serde_json::Value;

/// What became of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// Exactly one answer, on the exchange of the call.
    Answered,
    /// Exactly one answer, after the client disconnected and resumed.
    Resumed,
    /// The client disconnected, and could not or did not resume.
    Left,
    /// The client cancelled it. There was no answer, or one that was already on its way.
    Cancelled,
}

impl Outcome {
    pub(crate) const ALL: [Self; 4] = [Self::Answered, Self::Resumed, Self::Left, Self::Cancelled];
}

/// The number of failures that are kept to print.
const KEPT: usize = 20;

#[derive(Default)]
pub(crate) struct Ledger {
    revisions: [Account; ProtocolVersion::ALL.len()],
    failed: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// The calls of one revision.
#[derive(Default)]
struct Account {
    sessions: AtomicU64,
    calls: AtomicU64,
    settled: [AtomicU64; Outcome::ALL.len()],
}

impl Ledger {
    fn account(&self, revision: ProtocolVersion) -> &Account {
        let at = ProtocolVersion::ALL.iter().position(|one| *one == revision);
        &self.revisions[at.expect("all revisions have an account")]
    }

    pub(crate) fn count_visit(&self, revision: ProtocolVersion) {
        add(&self.account(revision).sessions);
    }

    pub(crate) fn count_call(&self, revision: ProtocolVersion) {
        add(&self.account(revision).calls);
    }

    pub(crate) fn settle_call(&self, revision: ProtocolVersion, outcome: Outcome) {
        add(&self.account(revision).settled[outcome as usize]);
    }

    /// Records something that a correct server does not do.
    pub(crate) fn fail(&self, what: String) {
        add(&self.failed);
        let mut failures = self.failures.lock().expect("nothing panics under the lock");
        if failures.len() < KEPT {
            failures.push(what);
        }
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        let failures = self.failures.lock();
        failures.expect("nothing panics under the lock").clone()
    }

    /// The visits, calls, and calls by outcome of one revision.
    pub(crate) fn totals(&self, revision: ProtocolVersion) -> (u64, u64, [u64; 4]) {
        let account = self.account(revision);
        let settled = Outcome::ALL.map(|outcome| {
            let count = &account.settled[outcome as usize];
            count.load(Ordering::Relaxed)
        });
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&account.sessions), load(&account.calls), settled)
    }

    /// Like `totals`, for all revisions together.
    pub(crate) fn sum(&self) -> (u64, u64, [u64; 4]) {
        let mut sum = (0, 0, [0; 4]);
        for revision in ProtocolVersion::ALL {
            let (sessions, calls, settled) = self.totals(revision);
            sum.0 += sessions;
            sum.1 += calls;
            for (all, one) in sum.2.iter_mut().zip(settled) {
                *all += one;
            }
        }
        sum
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

/// What a call expects: its own progress in order, then one answer with its own token.
pub(crate) struct Expected {
    pub(crate) id: u64,
    token: String,
    progress: u64,
    /// Whether the server may drop progress if the stream is full, as in 2026-07-28.
    may_skip_progress: bool,
    pub(crate) is_answered: bool,
}

impl Expected {
    pub(crate) fn new(id: u64, token: String, may_skip_progress: bool) -> Self {
        Self {
            id,
            token,
            progress: 0,
            may_skip_progress,
            is_answered: false,
        }
    }

    /// Whether a message belongs to this call, by its id or its progress token.
    pub(crate) fn matches(&self, message: &Value) -> bool {
        match message.get("method") {
            Some(_) => message["params"]["progressToken"] == *self.token,
            None => message["id"] == self.id,
        }
    }

    /// Checks the next message of the exchange.
    ///
    /// # Errors
    ///
    /// What is wrong with the message.
    pub(crate) fn check(&mut self, message: &Value) -> Result<(), String> {
        let says = |what: &str| {
            Err(format!(
                "{what} for {} ({}): {message}",
                self.token, self.id
            ))
        };
        if !self.matches(message) {
            return says("a message of another call");
        }
        if self.is_answered {
            return says("a message after the answer");
        }
        if message.get("method").is_some() {
            let progress = message["params"]["progress"].as_u64().unwrap_or(0);
            let is_next = progress == self.progress + 1;
            if !(is_next || self.may_skip_progress && progress > self.progress) {
                return says("progress out of order");
            }
            self.progress = progress;
            return Ok(());
        }
        if message["result"]["content"][0]["text"] != *self.token {
            return says("the answer of another call");
        }
        self.is_answered = true;
        Ok(())
    }
}
