//! The table of sessions, when it holds many, and ids that it does not hold.

use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Instant;

use criterion::Criterion;

use crate::protocol::party::{Caps, Each, Party};
use crate::protocol::table::{GivesWay, Table};
use crate::protocol::turnover::Rest;
use crate::wire::id::SessionId;

pub(crate) fn table(c: &mut Criterion) {
    for (name, sessions) in [
        ("1 session", 1),
        ("10,000 sessions", 10_000),
        ("1,000,000 sessions", 1_000_000),
    ] {
        of(c, name, sessions);
    }
    floods(c);
    names(c);
}

fn of(c: &mut Criterion, name: &str, sessions: usize) {
    let mut group = c.benchmark_group(format!("table/{name}"));
    // Filled lazily, because criterion may skip this bench.
    let filled = LazyCell::new(|| Filled::new(sessions));
    let mut turn = (0..sessions).step_by(97).chain(0..sessions).cycle();
    let mut one = move || turn.next().unwrap_or_default();
    group.bench_function("find", |b| {
        b.iter(|| {
            let (id, owner) = filled.session(one());
            filled
                .table
                .find(black_box(id), Some(owner))
                .expect("a session")
        });
    });
    group.bench_function("find as another owner", |b| {
        b.iter(|| {
            let (id, _) = filled.session(one());
            assert!(
                filled.table.find(black_box(id), Some("mallory")).is_none(),
                "not hers"
            );
        });
    });
    let mut strangers = (0..10_000)
        .map(|_| SessionId::random())
        .collect::<Vec<_>>()
        .into_iter()
        .cycle();
    group.bench_function("find an unknown id", |b| {
        b.iter(|| {
            let id = strangers.next().expect("a name");
            assert!(
                filled.table.find(black_box(id), None).is_none(),
                "an unknown id"
            );
        });
    });
    group.bench_function("open and close", |b| {
        b.iter(|| {
            let row = filled
                .table
                .open((), Some(&filled.owners[0]))
                .expect("room");
            assert!(filled.table.close(&row), "it was in");
        });
    });
    group.bench_function("open, and there is no room", |b| {
        let last = filled.table.open((), None).expect("room");
        b.iter(|| assert!(filled.table.open((), None).is_err(), "it is full"));
        filled.table.close(&last);
    });
    group.bench_function("reap nothing", |b| {
        b.iter(|| filled.table.reap(|()| black_box(false)).len());
    });
    group.finish();
}

/// Opens sessions while the table is full: the idlest session gives way. The number of busy sessions makes little
/// difference.
fn floods(c: &mut Criterion) {
    let mut group = c.benchmark_group("table/full with 10,000");
    for (name, busy) in [
        ("all idle", 0),
        ("half of them busy", 5_000),
        ("all but ten busy", 9_990),
        ("all busy", 10_000),
    ] {
        let full = LazyCell::new(|| {
            let table = Table::new(Caps {
                all: 10_000,
                each: Each::Set(10_000),
            });
            let start = Instant::now();
            for number in 0..10_000 {
                let is_settled = number % 2 == 0;
                let rest = (number >= busy).then_some(Rest {
                    is_settled,
                    since: start,
                });
                table.open(Sleeper(rest), None).expect("room");
            }
            table
        });
        group.bench_function(format!("open, {name}"), |b| {
            b.iter(|| {
                let now = Instant::now();
                let rest = Rest {
                    is_settled: false,
                    since: now,
                };
                let opened = full.open_in_turn(Sleeper(Some(rest)), None, now);
                assert_eq!(opened.is_ok(), busy < 10_000);
            });
        });
    }
    group.finish();
}

/// A session that is idle since then, or busy.
struct Sleeper(Option<Rest>);

impl GivesWay for Sleeper {
    fn rest(&self, _: Instant) -> Option<Rest> {
        self.0
    }

    fn give_way(&mut self) {}
}

/// A table that has room for one more.
struct Filled {
    table: Table<()>,
    owners: Vec<Party>,
    names: Vec<SessionId>,
}

impl Filled {
    fn new(sessions: usize) -> Self {
        let owner = |number| Party::Principal(format!("owner {number}").into());
        let mut filled = Self {
            table: Table::new(Caps {
                all: sessions + 1,
                each: Each::Set(sessions + 1),
            }),
            owners: (0..1_000).map(owner).collect(),
            names: Vec::with_capacity(sessions),
        };
        for number in 0..sessions {
            let owner = &filled.owners[number % filled.owners.len()];
            let row = filled.table.open((), Some(owner)).expect("room");
            filled.names.push(row.id());
        }
        filled
    }

    fn session(&self, number: usize) -> (SessionId, &str) {
        let owner = self.owners[number % self.owners.len()].owner();
        (self.names[number], owner.expect("a principal"))
    }
}

/// Parses session ids that clients send.
fn names(c: &mut Criterion) {
    let mut group = c.benchmark_group("table/name");
    let simple = "0123456789abcdef0123456789abcdef".to_owned();
    for (name, text) in [
        ("simple", simple.clone()),
        ("dashed", "01234567-89ab-cdef-0123-456789abcdef".to_owned()),
        ("bad at the end", simple.replace("f0", "g0")),
        ("dashes alone", "-".repeat(36)),
        ("no ASCII", "é".repeat(16)),
        ("64 KiB", simple.repeat(2 << 10)),
    ] {
        group.bench_function(name, |b| b.iter(|| SessionId::parse(black_box(&text))));
    }
    group.finish();
}
