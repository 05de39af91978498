//! A client that calls the echo tool again and again, and holds each answer to its call.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Failed;
use super::failures::Failures;
use super::latency::Latencies;
use super::messages::{self, Expected, FIRST, Numbered, Revision};
use super::place::Place;
use super::session::Session;

pub(crate) struct Caller {
    session: Session,
    request: Numbered,
    expected: Expected,
    answer: Vec<u8>,
    number: u32,
    /// Nothing more comes of a connection that broke.
    is_broken: bool,
    pub(crate) latencies: Latencies,
    pub(crate) failures: Failures,
}

impl Caller {
    /// Calls with a text that begins with `before`, and ends with the number of the call.
    pub(crate) async fn open(
        place: &Place,
        revision: Revision,
        before: &str,
    ) -> Result<Self, Failed> {
        let session = Session::open(place, revision).await?;
        let expected = Expected::new(before.to_owned());
        let call = messages::call(revision, &place.tool, &expected.text(FIRST));
        let lines = match revision {
            Revision::Modern => messages::modern_lines("tools/call", Some(&place.tool)),
            Revision::Session | Revision::Sse => session.lines.clone(),
        };
        let request = place.post(&session.path, &lines, &call);
        let mut caller = Self {
            session,
            request: Numbered::new(request, FIRST),
            expected,
            answer: Vec::new(),
            number: FIRST,
            is_broken: false,
            latencies: Latencies::default(),
            failures: Failures::default(),
        };
        // The first call is slower than the others, and shows whether the server can be called at all.
        caller.call().await;
        caller.latencies = Latencies::default();
        match caller.failures.first.take() {
            Some(why) => Err(why.into()),
            None => Ok(caller),
        }
    }

    /// Calls once.
    pub(crate) async fn call(&mut self) {
        self.number += 1;
        let request = self.request.with(self.number);
        let begun = Instant::now();
        match self.session.exchange(request, &mut self.answer).await {
            Ok(()) => self.latencies.add(begun.elapsed()),
            Err(why) => {
                self.failures.add(why);
                self.is_broken = true;
                return;
            }
        }
        if let Err(why) = self.expected.check(&self.answer, self.number) {
            self.failures.add(why);
        }
    }

    pub(crate) async fn call_until(mut self, end: Instant) -> Self {
        while !self.is_broken && Instant::now() < end {
            self.call().await;
        }
        self
    }
}

/// Callers that call at the same time.
pub(crate) struct Callers(Vec<Caller>);

impl Callers {
    pub(crate) async fn open(
        place: &Place,
        revision: Revision,
        (count, before): (usize, &str),
    ) -> Result<Self, Failed> {
        let mut callers = Vec::with_capacity(count);
        for _ in 0..count {
            callers.push(Caller::open(place, revision, before).await?);
        }
        Ok(Self(callers))
    }

    /// How many calls they made in so long a time.
    pub(crate) async fn call_for(&mut self, time: Duration) -> usize {
        let before = self.calls();
        let end = Instant::now() + time;
        let calling: JoinSet<Caller> = self
            .0
            .drain(..)
            .map(|caller| caller.call_until(end))
            .collect();
        self.0 = calling.join_all().await;
        self.calls() - before
    }

    fn calls(&self) -> usize {
        self.0.iter().map(|caller| caller.latencies.len()).sum()
    }

    /// Takes what they measured until now.
    pub(crate) fn so_far(&mut self) -> Latencies {
        let mut latencies = Latencies::default();
        for caller in &mut self.0 {
            latencies.append(&mut caller.latencies);
        }
        latencies
    }

    /// All that they measured, and what went wrong.
    pub(crate) fn done(mut self) -> (Latencies, Failures) {
        let mut failures = Failures::default();
        let latencies = self.so_far();
        for caller in self.0 {
            failures.append(caller.failures);
        }
        (latencies, failures)
    }
}
