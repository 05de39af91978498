//! A client that calls the echo tool repeatedly, and compares each answer with its call.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::client::messages::{self, Expected, FIRST, Numbered, Revision};
use crate::client::session::Session;
use crate::client::target::Target;
use crate::error::BoxError;
use crate::measure::failures::Failures;
use crate::measure::latency::Latencies;

/// What each call opens anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fresh {
    Nothing,
    Connection,
    /// A session: `initialize` and `notifications/initialized` before the call, a DELETE after it.
    Session,
}

/// The clients, and what they call with.
#[derive(Clone, Copy)]
pub(crate) struct CallPlan<'t> {
    pub(crate) clients: usize,
    /// The beginning of each text; the number of the call follows.
    pub(crate) text: &'t str,
    pub(crate) fresh: Fresh,
}

impl<'t> CallPlan<'t> {
    /// This many clients, each over one connection.
    pub(crate) const fn new(clients: usize, text: &'t str) -> Self {
        Self {
            clients,
            text,
            fresh: Fresh::Nothing,
        }
    }
}

pub(crate) struct Caller {
    target: Target,
    revision: Revision,
    fresh: Fresh,
    session: Session,
    request: Numbered,
    expected: Expected,
    answer: Vec<u8>,
    number: u32,
    /// The connection broke, so that no further call can succeed.
    is_broken: bool,
    pub(crate) latencies: Latencies,
    pub(crate) failures: Failures,
}

impl Caller {
    pub(crate) async fn open(
        target: &Target,
        revision: Revision,
        plan: CallPlan<'_>,
    ) -> Result<Self, BoxError> {
        let mut session = Session::open(target, revision).await?;
        if plan.fresh == Fresh::Session && target.has_protocol {
            session.delete(target).await?;
        }
        let expected = Expected::new(plan.text.to_owned());
        let mut caller = Self {
            request: request(target, revision, &session, &expected),
            target: target.clone(),
            revision,
            fresh: plan.fresh,
            session,
            expected,
            answer: Vec::new(),
            number: FIRST,
            is_broken: false,
            latencies: Latencies::default(),
            failures: Failures::default(),
        };
        // The first call is slower than the others, so it does not count. It shows whether the server works at all.
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
        let begun = Instant::now();
        match self.exchange().await {
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

    async fn exchange(&mut self) -> Result<(), BoxError> {
        let Self {
            target,
            session,
            answer,
            ..
        } = self;
        match self.fresh {
            Fresh::Nothing => {}
            Fresh::Connection => session.reconnect(target).await?,
            Fresh::Session if target.has_protocol => {
                session.initialize(target, self.revision).await?;
                self.request = request(target, self.revision, session, &self.expected);
            }
            // Bare hyper has no sessions, so it answers the same number of requests instead.
            Fresh::Session => {
                for _ in 0..3 {
                    let request = self.request.with(self.number);
                    session.exchange(request, answer).await?;
                }
            }
        }
        let request = self.request.with(self.number);
        session.exchange(request, answer).await?;
        match self.fresh {
            Fresh::Session if target.has_protocol => session.delete(target).await,
            _ => Ok(()),
        }
    }

    pub(crate) async fn call_until(mut self, end: Instant) -> Self {
        while !self.is_broken && Instant::now() < end {
            self.call().await;
        }
        self
    }
}

/// The call, with a number that each call replaces.
fn request(
    target: &Target,
    revision: Revision,
    session: &Session,
    expected: &Expected,
) -> Numbered {
    let call = messages::call(revision, &target.tool, &expected.text(FIRST));
    let lines = match revision {
        Revision::Modern => messages::modern_lines("tools/call", Some(&target.tool)),
        Revision::Session | Revision::Sse => session.lines.clone(),
    };
    Numbered::new(target.post(&session.path, &lines, &call), FIRST)
}

/// Callers that call concurrently.
pub(crate) struct Callers(Vec<Caller>);

impl Callers {
    pub(crate) async fn open(
        target: &Target,
        revision: Revision,
        plan: CallPlan<'_>,
    ) -> Result<Self, BoxError> {
        let mut callers = Vec::with_capacity(plan.clients);
        for _ in 0..plan.clients {
            callers.push(Caller::open(target, revision, plan).await?);
        }
        Ok(Self(callers))
    }

    /// Calls for this long. Returns the number of calls.
    pub(crate) async fn call_for(&mut self, time: Duration) -> usize {
        let before = self.calls();
        let end = Instant::now() + time;
        let callers: JoinSet<Caller> = self
            .0
            .drain(..)
            .map(|caller| caller.call_until(end))
            .collect();
        self.0 = callers.join_all().await;
        self.calls() - before
    }

    fn calls(&self) -> usize {
        self.0.iter().map(|caller| caller.latencies.len()).sum()
    }

    /// Takes the latencies that they measured so far.
    pub(crate) fn so_far(&mut self) -> Latencies {
        let mut latencies = Latencies::default();
        for caller in &mut self.0 {
            latencies.append(&mut caller.latencies);
        }
        latencies
    }

    /// The latencies since the last `so_far`, and all failures.
    pub(crate) fn done(mut self) -> (Latencies, Failures) {
        let mut failures = Failures::default();
        let latencies = self.so_far();
        for caller in self.0 {
            failures.append(caller.failures);
        }
        (latencies, failures)
    }
}
