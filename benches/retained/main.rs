//! The heap that a request uses while it is answered, and the heap that remains afterwards.
//!
//! Run `cargo bench --bench retained`, or `cargo test --bench retained -- --test` for a short run. By default it
//! prints the two most expensive rows of each way and place; `-- --all` prints every row. `-- NAME` measures only
//! the ways whose name contains that text.
//!
//! Two rules hold. The heap that remains after a request is bounded in bytes, whatever the text of the request
//! is. The heap that it uses while it is answered is a small multiple of its body. The bench tries each way in
//! which a request can leave something behind (see `way`) with texts that are expensive to keep or to read (see
//! `shape`), at each place of a message that can hold them. A row fails if it keeps more than twice the limit of
//! its way, if its peak exceeds three times the request plus the limit of a JSON tree, or if the status is 500 or
//! more. If a row fails, the exit code is 1.
//!
//! The clients are in memory and keep nothing, so the heap is that of the server. The clock is paused.

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

/// The length of a generous handshake, many kilobytes, and nearly the limit of a body.
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
/// A short request, which occupies little of a large buffer.
const BRIEF: [Size; 1] = [Size {
    bytes: 7_000,
    copies: 1,
}];
/// Within the limit of capabilities, so that the server keeps them.
const HANDSHAKE: [Size; 2] = [FULL[0], SHORT[0]];
/// Just within the limit of a head, which is 64 KiB.
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
                    // A request without a shape has only one length.
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
