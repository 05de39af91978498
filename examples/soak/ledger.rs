//! The account of all calls: each is settled once, and what should not have happened is kept.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mcp_wire::ProtocolVersion;
use serde_json::Value;

/// What became of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// Exactly one answer, on the exchange that asked.
    Answered,
    /// Exactly one answer, after the client had left and come back.
    Resumed,
    /// The client left, and cannot or did not come back.
    Left,
    /// The client cancelled it; no answer, or the one that crossed the cancel.
    Cancelled,
}

impl Outcome {
    pub(crate) const ALL: [Self; 4] = [Self::Answered, Self::Resumed, Self::Left, Self::Cancelled];
}

/// How many failures are kept in words.
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

    pub(crate) fn connects(&self, revision: ProtocolVersion) {
        add(&self.account(revision).sessions);
    }

    pub(crate) fn calls(&self, revision: ProtocolVersion) {
        add(&self.account(revision).calls);
    }

    pub(crate) fn settles(&self, revision: ProtocolVersion, outcome: Outcome) {
        add(&self.account(revision).settled[outcome as usize]);
    }

    /// Something that a correct server does not do.
    pub(crate) fn fails(&self, what: String) {
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

    /// Connects, calls, and calls by outcome, of one revision.
    pub(crate) fn totals(&self, revision: ProtocolVersion) -> (u64, u64, [u64; 4]) {
        let account = self.account(revision);
        let settled = Outcome::ALL.map(|outcome| {
            let count = &account.settled[outcome as usize];
            count.load(Ordering::Relaxed)
        });
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&account.sessions), load(&account.calls), settled)
    }

    /// As `totals`, of all revisions.
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

/// What a call has to see: its own progress in order, then one answer with its own token.
pub(crate) struct Expected {
    pub(crate) id: u64,
    token: String,
    progress: u64,
    /// Whether progress that finds no room may be left out, as in 2026-07-28.
    may_miss: bool,
    pub(crate) is_answered: bool,
}

impl Expected {
    pub(crate) fn new(id: u64, token: String, may_miss: bool) -> Self {
        Self {
            id,
            token,
            progress: 0,
            may_miss,
            is_answered: false,
        }
    }

    /// Whether a message is about this call: by id, or by the progress token, which is the token.
    pub(crate) fn is_of(&self, message: &Value) -> bool {
        match message.get("method") {
            Some(_) => message["params"]["progressToken"] == *self.token,
            None => message["id"] == self.id,
        }
    }

    /// Takes the next message of the exchange.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn takes(&mut self, message: &Value) -> Result<(), String> {
        let says = |what: &str| {
            Err(format!(
                "{what} for {} ({}): {message}",
                self.token, self.id
            ))
        };
        if !self.is_of(message) {
            return says("a message of somebody else");
        }
        if self.is_answered {
            return says("a message behind the answer");
        }
        if message.get("method").is_some() {
            let progress = message["params"]["progress"].as_u64().unwrap_or(0);
            let is_next = progress == self.progress + 1;
            if !(is_next || self.may_miss && progress > self.progress) {
                return says("progress that does not follow the last");
            }
            self.progress = progress;
            return Ok(());
        }
        if message["result"]["content"][0]["text"] != *self.token {
            return says("a foreign answer");
        }
        self.is_answered = true;
        Ok(())
    }
}
