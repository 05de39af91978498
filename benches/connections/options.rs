//! The command line: the modes to run, and the size of each.

use std::fmt::Write;
use std::time::Duration;

use crate::client::target::Target;
use crate::mode::Mode;
use crate::server::kind::ServerKind;
use crate::server::measured::ExternalServer;
use crate::server::ours::Settings;
use crate::sizes::{SIZES, Size, SizeOption};

/// What this process does.
pub(crate) enum Command {
    Help,
    Measure(Options),
    /// Runs one server, for another process to measure.
    Serve(ServerKind, Settings),
    /// Opens sessions in this process, and measures them.
    Hold(ServerKind, Settings),
}

pub(crate) struct Options {
    pub(crate) modes: Vec<Mode>,
    /// A server outside of this program to compare with.
    pub(crate) against: Option<ExternalServer>,
    sizes: Vec<f64>,
    is_test: bool,
}

impl Options {
    pub(crate) fn count(&self, size: Size) -> usize {
        self.sizes[size as usize] as usize
    }

    pub(crate) fn time(&self, size: Size) -> Duration {
        Duration::from_secs_f64(self.sizes[size as usize])
    }

    /// The folder of the report. A test run has a folder of its own, because its figures mean nothing.
    pub(crate) const fn folder(&self) -> &'static str {
        match self.is_test {
            true => "connections-test",
            false => "connections",
        }
    }

    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut modes = Vec::new();
        let mut given = [None; SIZES.len()];
        let mut other = Other::default();
        // `cargo bench` passes `--bench`. Any other run is a test of this program.
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
                *part = Some(args.next().ok_or_else(|| format!("{arg} needs a value"))?);
            }
        }
        let is_test = is_test || !is_bench;
        if modes.is_empty() {
            modes.extend(Mode::ALL);
        }
        let default = |size: &SizeOption| if is_test { size.test } else { size.default };
        let sizes = SIZES.iter().zip(given);
        Ok(Self {
            modes,
            against: other.read()?,
            sizes: sizes
                .map(|(size, given)| given.unwrap_or_else(|| default(size)))
                .collect(),
            is_test,
        })
    }
}

/// The arguments that describe the server of `--against`.
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
            _ => Err(format!("there is no mode or option {name}")),
        }
    }

    fn read(self) -> Result<Option<ExternalServer>, String> {
        let Some(url) = self.url else {
            return Ok(None);
        };
        let tool = self.tool.unwrap_or_else(|| "echo".to_owned());
        let pid = self.pid.map(|pid| pid.parse());
        Ok(Some(ExternalServer {
            target: Target::of(&url, tool)?,
            name: url,
            pid: pid
                .transpose()
                .map_err(|_| "--against-pid needs a number")?,
        }))
    }
}

impl Command {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let args: Vec<String> = args.collect();
        match args.first().map(String::as_str) {
            Some("--serve" | "--hold") => Self::server(args.into_iter()),
            _ if args.iter().any(|arg| arg == "--help") => Ok(Self::Help),
            _ => Options::read(args.into_iter()).map(Self::Measure),
        }
    }

    /// The arguments that this program passes to itself: `--serve` or `--hold`, a server, its settings.
    fn server(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let role = args.next();
        let kind = args.next().and_then(|name| ServerKind::named(&name));
        let kind = kind.ok_or("the name of the server is unknown")?;
        let mut settings = Settings::default();
        while let Some(arg) = args.next() {
            let number = number(&arg, args.next())?;
            match &*arg {
                "--keep-alive" => settings.keep_alive = Some(Duration::from_secs_f64(number)),
                "--max" => settings.max = Some(number as usize),
                _ => return Err(format!("a server has no option {arg}")),
            }
        }
        Ok(match role.as_deref() {
            Some("--hold") => Self::Hold(kind, settings),
            _ => Self::Serve(kind, settings),
        })
    }
}

fn number(name: &str, text: Option<String>) -> Result<f64, String> {
    let number = text.and_then(|text| text.parse().ok());
    let number = number.filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("{name} needs a number above 0"))
}

pub(crate) fn help() -> String {
    let mut help = String::from(
        "usage: cargo bench --bench connections -- [MODE...] [OPTION...]\n\n\
         Compares mcp-wire with bare hyper. Runs all modes unless you name some.\n\nmodes:\n",
    );
    for mode in Mode::ALL {
        let _ = writeln!(help, "  {:22}{}", mode.name(), mode.about());
    }
    help += "\noptions:\n";
    for size in &SIZES {
        let SizeOption {
            name,
            about,
            default,
            ..
        } = size;
        let _ = writeln!(help, "  {:22}{about} ({default})", format!("{name} N"));
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
        "also measure this server, for example http://127.0.0.1:8000/mcp",
    ),
    (
        "--against-pid PID",
        "the process of that server, to measure its time and memory",
    ),
    (
        "--against-tool NAME",
        "the tool of that server that echoes its argument `message` (echo)",
    ),
    ("--test", "small sizes: the whole run takes a few seconds"),
];

const NOTES: &str = "
The modes call, open, big, work, left, slow and idle also measure the server of --against, in the revisions that it
speaks; 2024-11-05 at /sse. For its memory, run one mode alone, on a server that has just started.

The report is saved as connections/report.json and connections/report.html in cargo's target folder, or in
connections-test/ with --test. The exit code is 1 if an answer was wrong, a connection broke, or a mode failed.
";
