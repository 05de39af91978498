//! The counts of all cases: printed as a table, saved to a file, and compared with that file.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::cases::CASES;

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/benches/instructions/counts.txt"
);

/// The factor by which a count may rise.
const TOLERANCE: f64 = 1.03;

/// What one call costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) instructions: f64,
    pub(crate) blocks: f64,
    pub(crate) bytes: f64,
}

#[derive(Default)]
pub(crate) struct Counts(BTreeMap<String, Count>);

impl Counts {
    pub(crate) fn add(&mut self, name: &str, count: Count) {
        self.0.insert(name.to_owned(), count);
    }

    /// Prints the table, with the ratio to each floor.
    pub(crate) fn print(&self) {
        println!("| case | instructions | allocations | bytes | / lean | / tree |");
        println!("|---|---|---|---|---|---|");
        for case in CASES {
            let Some(count) = self.0.get(case.name) else {
                continue;
            };
            let of = |floor: Option<&str>| {
                let floor = floor.and_then(|floor| self.0.get(floor));
                floor.map_or_else(String::new, |floor| {
                    format!("{:.2}", count.instructions / floor.instructions)
                })
            };
            let Count {
                instructions,
                blocks,
                bytes,
            } = count;
            let (lean, tree) = (of(case.lean), of(case.tree));
            println!(
                "| {} | {instructions:.0} | {blocks:.1} | {bytes:.0} | {lean} | {tree} |",
                case.name
            );
        }
    }

    pub(crate) fn save(&self) -> Result<(), String> {
        let mut text = String::from("# case, instructions, allocations, bytes\n");
        for (name, count) in &self.0 {
            let Count {
                instructions,
                blocks,
                bytes,
            } = count;
            let _ = writeln!(text, "{name} {instructions:.0} {blocks:.1} {bytes:.0}");
        }
        std::fs::write(FILE, text).map_err(|error| error.to_string())
    }

    /// Fails if a count is higher than in the file. Another compiler or C library changes the floor as well, so
    /// instructions are compared as multiples of the floor.
    pub(crate) fn check(&self) -> Result<(), String> {
        let text = std::fs::read_to_string(FILE).map_err(|error| error.to_string())?;
        let saved = Self::read(&text).ok_or("counts.txt is malformed")?;
        let mut risen = String::new();
        for case in CASES {
            let (Some(now), Some(then)) = (self.0.get(case.name), saved.0.get(case.name)) else {
                return Err(format!(
                    "{} is missing in counts.txt: run with --save",
                    case.name
                ));
            };
            let floor = |counts: &Self| {
                let floor = case.lean.and_then(|floor| counts.0.get(floor));
                floor.map_or(1.0, |floor| floor.instructions)
            };
            let rise = (now.instructions / floor(self)) / (then.instructions / floor(&saved));
            let is_ours = case.lean.is_some();
            if is_ours && (rise > TOLERANCE || now.blocks > then.blocks * TOLERANCE) {
                let _ = writeln!(
                    risen,
                    "{}: {rise:.3} times the instructions of counts.txt, and {:.1} allocations instead of {:.1}",
                    case.name, now.blocks, then.blocks
                );
            }
        }
        if risen.is_empty() { Ok(()) } else { Err(risen) }
    }

    fn read(text: &str) -> Option<Self> {
        let mut counts = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut parts = line.split(' ');
            let name = parts.next()?;
            let mut number = || parts.next()?.parse().ok();
            let count = Count {
                instructions: number()?,
                blocks: number()?,
                bytes: number()?,
            };
            counts.add(name, count);
        }
        Some(counts)
    }
}
