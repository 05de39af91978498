//! What a request leaves on the heap, and what it takes there while it is answered.
//!
//! `cargo bench --bench retained`; with `-- --test` a short run, as CI does. `-- --all` prints every row
//! instead of the dearest of each way and place, `-- NAME` measures only the ways whose name has that text.
//!
//! The law: what a request leaves behind is bounded in bytes of heap, whatever its text looks like;
//! what it costs while it is answered is at most a small multiple of its body. Each way in which a request
//! can leave something behind (see `way`) is tried with texts that are made to be dear (see `shape`), at
//! each place of a message that can hold them. A row fails when it keeps more than twice the limit of its
//! way, when its peak is above three times what was sent plus the limit of a tree, or when it is
//! answered with a status of 500 or more. One row that fails is an exit code of 1.
//!
//! Clients are in memory and keep nothing themselves, so the heap is the server's. The clock is paused.

mod client;
mod limits;
mod measure;
mod place;
mod server;
mod shape;
mod table;
mod way;

#[path = "../support/heap.rs"]
mod heap;

use std::process::ExitCode;

use crate::measure::{Size, measure};
use crate::place::Place;
use crate::shape::Shape;
use crate::table::Table;
use crate::way::Way;

/// As long as a generous handshake; many kilobytes; and nearly the longest body there may be.
const FULL: [Size; 3] = [
    Size {
        bytes: 7_000,
        copies: 8,
    },
    Size {
        bytes: 64_000,
        copies: 4,
    },
    Size {
        bytes: 4_000_000,
        copies: 1,
    },
];
const SHORT: [Size; 1] = [Size {
    bytes: 40_000,
    copies: 1,
}];
/// Little of a large buffer.
const BRIEF: [Size; 1] = [Size {
    bytes: 7_000,
    copies: 1,
}];
/// As long as capabilities may be, so that they are kept.
const HANDSHAKE: [Size; 2] = [FULL[0], SHORT[0]];
/// A head may have 64 KiB, so this is the one length that is tried there.
const HEAD: Size = Size {
    bytes: 60_000,
    copies: 4,
};

fn main() -> ExitCode {
    let (options, names): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|arg| arg.starts_with("--"));
    let is_short = options.iter().any(|option| option == "--test");
    let mut table = Table::new(options.iter().any(|option| option == "--all"));
    for way in Way::ALL {
        let name = way.name();
        if !names.is_empty() && !names.iter().any(|wanted| name.contains(wanted.as_str())) {
            continue;
        }
        for &place in way.places() {
            let sizes: &[Size] = match (place, way, is_short) {
                (Place::Head, ..) => &[HEAD],
                (Place::Capabilities, _, true) => &HANDSHAKE,
                (_, Way::Second(_), true) => &BRIEF,
                (.., true) => &SHORT,
                (.., false) => &FULL,
            };
            for (number, size) in sizes.iter().enumerate() {
                for &shape in place.shapes() {
                    // Without a shape there is nothing that could be longer.
                    if number == 0 || shape != Shape::Nothing {
                        table.add(measure(way, place, shape, *size));
                    }
                }
            }
            table.close_group();
        }
    }
    table.conclude()
}
