//! A client that calls the echo tool again and again, and holds each answer to its call.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::client::messages::{self, Expected, FIRST, Numbered, Revision};
use crate::client::session::Session;
use crate::client::target::Place;
use crate::error::Failed;
use crate::measure::failures::Failures;
use crate::measure::latency::Latencies;

/// What is new for each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fresh {
    Nothing,
    Connection,
    /// `initialize` and what follows it before the call, and its DELETE behind it.
    Session,
}

/// Who calls with what.
#[derive(Clone, Copy)]
pub(crate) struct Calling<'t> {
    pub(crate) clients: usize,
    /// What the texts begin with; the number of the call follows.
    pub(crate) before: &'t str,
    pub(crate) fresh: Fresh,
}

impl<'t> Calling<'t> {
    /// So many clients, each over one connection.
    pub(crate) const fn of(clients: usize, before: &'t str) -> Self {
        Self {
            clients,
            before,
            fresh: Fresh::Nothing,
        }
    }
}

pub(crate) struct Caller {
    place: Place,
    revision: Revision,
    fresh: Fresh,
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
    pub(crate) async fn open(
        place: &Place,
        revision: Revision,
        calling: Calling<'_>,
    ) -> Result<Self, Failed> {
        let mut session = Session::open(place, revision).await?;
        if calling.fresh == Fresh::Session && place.has_protocol {
            session.delete(place).await?;
        }
        let expected = Expected::new(calling.before.to_owned());
        let mut caller = Self {
            request: request(place, revision, &session, &expected),
            place: place.clone(),
            revision,
            fresh: calling.fresh,
            session,
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

    async fn exchange(&mut self) -> Result<(), Failed> {
        let Self {
            place,
            session,
            answer,
            ..
        } = self;
        match self.fresh {
            Fresh::Nothing => {}
            Fresh::Connection => session.reconnect(place).await?,
            Fresh::Session if place.has_protocol => {
                session.initialize(place, self.revision).await?;
                self.request = request(place, self.revision, session, &self.expected);
            }
            // The floor has no sessions: it answers as many requests.
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
            Fresh::Session if place.has_protocol => session.delete(place).await,
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

/// The call of a session, with a number to be replaced.
fn request(place: &Place, revision: Revision, session: &Session, expected: &Expected) -> Numbered {
    let call = messages::call(revision, &place.tool, &expected.text(FIRST));
    let lines = match revision {
        Revision::Modern => messages::modern_lines("tools/call", Some(&place.tool)),
        Revision::Session | Revision::Sse => session.lines.clone(),
    };
    Numbered::new(place.post(&session.path, &lines, &call), FIRST)
}

/// Callers that call at the same time.
pub(crate) struct Callers(Vec<Caller>);

impl Callers {
    pub(crate) async fn open(
        place: &Place,
        revision: Revision,
        calling: Calling<'_>,
    ) -> Result<Self, Failed> {
        let mut callers = Vec::with_capacity(calling.clients);
        for _ in 0..calling.clients {
            callers.push(Caller::open(place, revision, calling).await?);
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
