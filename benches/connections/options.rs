//! The command line: which modes, and how much of everything.

use std::fmt::Write;
use std::time::Duration;

use super::server::Settings;
use super::side::What;
use super::{MODES, Mode};

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
    pub(crate) modes: Vec<&'static Mode>,
    sizes: Vec<f64>,
    is_tiny: bool,
}

/// How much of something, in the order of `SIZES`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Seconds,
    Connections,
    Bytes,
    Readers,
    Listeners,
    Changes,
    Streams,
    Sessions,
    KeepAlive,
}

struct Setting {
    name: &'static str,
    about: &'static str,
    usual: f64,
    /// With `--test`.
    tiny: f64,
}

const fn setting(name: &'static str, about: &'static str, (usual, tiny): (f64, f64)) -> Setting {
    Setting {
        name,
        about,
        usual,
        tiny,
    }
}

const SIZES: [Setting; 9] = [
    setting(
        "--seconds",
        "how long each server has the load, in all its turns",
        (5.0, 0.2),
    ),
    setting(
        "--connections",
        "call, open: clients at the same time",
        (32.0, 4.0),
    ),
    setting(
        "--bytes",
        "big: the length of the argument",
        (1_048_576.0, 65_536.0),
    ),
    setting("--readers", "slow: clients that do not read", (8.0, 2.0)),
    setting(
        "--listeners",
        "fan-out: clients that listen",
        (1000.0, 20.0),
    ),
    setting(
        "--changes",
        "fan-out: how often they are told of one",
        (40.0, 4.0),
    ),
    setting("--streams", "idle: streams that are open", (2000.0, 50.0)),
    setting(
        "--sessions",
        "million: sessions, such as 1000000",
        (20_000.0, 500.0),
    ),
    setting(
        "--keep-alive",
        "million: seconds between two, as by default",
        (15.0, 0.2),
    ),
];

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
        let mut is_tiny = false;
        while let Some(arg) = args.next() {
            if arg == "--test" {
                is_tiny = true;
            } else if let Some(size) = SIZES.iter().position(|size| size.name == arg) {
                given[size] = Some(number(&arg, args.next())?);
            } else if let Some(mode) = MODES.iter().find(|mode| mode.name == arg) {
                modes.push(mode);
            } else {
                return Err(format!("nothing is called {arg}"));
            }
        }
        if modes.is_empty() {
            modes.extend(MODES);
        }
        let usual = |size: &Setting| if is_tiny { size.tiny } else { size.usual };
        let sizes = SIZES.iter().zip(given);
        Ok(Self {
            modes,
            sizes: sizes
                .map(|(size, given)| given.unwrap_or_else(|| usual(size)))
                .collect(),
            is_tiny,
        })
    }
}

impl Wanted {
    pub(crate) fn read(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = args.peekable();
        match args.peek().map(String::as_str) {
            Some("--help" | "-h") => Ok(Self::Help),
            Some("--serve" | "--hold") => Self::server(args),
            _ => Options::read(args).map(Self::Measures),
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
    for mode in MODES {
        let _ = writeln!(help, "  {:22}{}", mode.name, mode.about);
    }
    help += "\noptions:\n";
    for size in &SIZES {
        let Setting {
            name, about, usual, ..
        } = size;
        let _ = writeln!(help, "  {:22}{about} ({usual})", format!("{name} N"));
    }
    let _ = writeln!(help, "  {:22}every mode once, in a few seconds", "--test");
    help += "\nThe exit code is 1 when an answer was wrong or a connection broke.\n";
    help
}
