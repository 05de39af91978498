//! The command line: which modes, and how much of everything.

use std::fmt::Write;
use std::time::Duration;

use crate::client::target::Place;
use crate::mode::Mode;
use crate::server::kind::What;
use crate::server::measured::Against;
use crate::server::ours::Settings;
use crate::sizes::{SIZES, Setting, Size};

/// What is to be done.
pub(crate) enum Wanted {
    Help,
    Measures(Options),
    /// To be a server that is measured.
    Server(What, Settings),
    /// To hold sessions in memory.
    InMemory(What, Settings),
}

pub(crate) struct Options {
    pub(crate) modes: Vec<Mode>,
    /// What else is measured.
    pub(crate) against: Option<Against>,
    sizes: Vec<f64>,
    is_tiny: bool,
}

impl Options {
    pub(crate) fn count(&self, size: Size) -> usize {
        self.sizes[size as usize] as usize
    }

    pub(crate) fn time(&self, size: Size) -> Duration {
        Duration::from_secs_f64(self.sizes[size as usize])
    }

    /// Where the report goes. One of tiny sizes says nothing, and leaves another alone.
    pub(crate) const fn folder(&self) -> &'static str {
        match self.is_tiny {
            true => "connections-test",
            false => "connections",
        }
    }

    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut modes = Vec::new();
        let mut given = [None; SIZES.len()];
        let mut other = Other::default();
        // Cargo says which it is; `cargo test` wants to see that it runs.
        let (mut is_bench, mut is_test) = (false, false);
        while let Some(arg) = args.next() {
            if arg == "--bench" {
                is_bench = true;
            } else if arg == "--test" {
                is_test = true;
            } else if let Some(size) = SIZES.iter().position(|size| size.name == arg) {
                given[size] = Some(number(&arg, args.next())?);
            } else if let Some(mode) = Mode::ALL.into_iter().find(|mode| mode.name() == arg) {
                modes.push(mode);
            } else {
                let part = other.part(&arg)?;
                *part = Some(args.next().ok_or_else(|| format!("{arg} wants a value"))?);
            }
        }
        let is_tiny = is_test || !is_bench;
        if modes.is_empty() {
            modes.extend(Mode::ALL);
        }
        let usual = |size: &Setting| if is_tiny { size.tiny } else { size.usual };
        let sizes = SIZES.iter().zip(given);
        Ok(Self {
            modes,
            against: other.read()?,
            sizes: sizes
                .map(|(size, given)| given.unwrap_or_else(|| usual(size)))
                .collect(),
            is_tiny,
        })
    }
}

/// What is said of the server of `--against`.
#[derive(Default)]
struct Other {
    url: Option<String>,
    pid: Option<String>,
    tool: Option<String>,
}

impl Other {
    fn part(&mut self, name: &str) -> Result<&mut Option<String>, String> {
        match name {
            "--against" => Ok(&mut self.url),
            "--against-pid" => Ok(&mut self.pid),
            "--against-tool" => Ok(&mut self.tool),
            _ => Err(format!("nothing is called {name}")),
        }
    }

    fn read(self) -> Result<Option<Against>, String> {
        let Some(url) = self.url else {
            return Ok(None);
        };
        let tool = self.tool.unwrap_or_else(|| "echo".to_owned());
        let pid = self.pid.map(|pid| pid.parse());
        Ok(Some(Against {
            place: Place::of(&url, tool)?,
            name: url,
            pid: pid
                .transpose()
                .map_err(|_| "--against-pid wants a number")?,
        }))
    }
}

impl Wanted {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let args: Vec<String> = args.collect();
        match args.first().map(String::as_str) {
            Some("--serve" | "--hold") => Self::server(args.into_iter()),
            _ if args.iter().any(|arg| arg == "--help") => Ok(Self::Help),
            _ => Options::read(args.into_iter()).map(Self::Measures),
        }
    }

    /// What this program starts itself as: `--serve` or `--hold`, a server, its settings.
    fn server(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let role = args.next();
        let what = args.next().and_then(|name| What::named(&name));
        let what = what.ok_or("there is no such server")?;
        let mut settings = Settings::default();
        while let Some(arg) = args.next() {
            let number = number(&arg, args.next())?;
            match &*arg {
                "--keep-alive" => settings.keep_alive = Some(Duration::from_secs_f64(number)),
                "--max" => settings.max = Some(number as usize),
                _ => return Err(format!("a server has no {arg}")),
            }
        }
        Ok(match role.as_deref() {
            Some("--hold") => Self::InMemory(what, settings),
            _ => Self::Server(what, settings),
        })
    }
}

fn number(name: &str, text: Option<String>) -> Result<f64, String> {
    let number = text.and_then(|text| text.parse().ok());
    let number = number.filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("{name} wants a number above 0"))
}

pub(crate) fn help() -> String {
    let mut help = String::from(
        "usage: cargo bench --bench connections -- [MODE...] [OPTION...]\n\n\
         Measures this crate beside bare hyper; all modes unless some are named.\n\nmodes:\n",
    );
    for mode in Mode::ALL {
        let _ = writeln!(help, "  {:22}{}", mode.name(), mode.about());
    }
    help += "\noptions:\n";
    for size in &SIZES {
        let Setting {
            name, about, usual, ..
        } = size;
        let _ = writeln!(help, "  {:22}{about} ({usual})", format!("{name} N"));
    }
    for (name, about) in OTHERS {
        let _ = writeln!(help, "  {name:22}{about}");
    }
    help += NOTES;
    help
}

const OTHERS: [(&str, &str); 4] = [
    (
        "--against URL",
        "measure this server too, in turns, such as http://127.0.0.1:8000/mcp",
    ),
    (
        "--against-pid PID",
        "its process, to tell of its time and memory",
    ),
    (
        "--against-tool NAME",
        "its tool that echoes the argument `message` (echo)",
    ),
    ("--test", "tiny sizes, a few seconds in all"),
];

const NOTES: &str = "
Another server is measured in call, open, big, work, left, slow and idle, in the revisions that it speaks; 2024-11-05 at
/sse. Its memory is told best by one mode alone, on a server that was just started.

The report goes to connections/report.json and .html in cargo's target folder; with --test to connections-test/.
The exit code is 1 when an answer was wrong, a connection broke, or a mode came to no end.
";
