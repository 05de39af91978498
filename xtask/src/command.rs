//! Runs other programs, and says which.

use std::process::{Command, Stdio};

/// What a step ends with: nothing, or what a person has to read.
pub(crate) type Outcome = Result<(), String>;

/// A command line, its words separated by spaces as in a shell. There is no quoting: arguments with
/// spaces are added with [`Line::arg`].
pub(crate) struct Line {
    command: Command,
    shown: String,
}

/// `cargo` and the words of `line`.
pub(crate) fn cargo(line: &str) -> Line {
    Line::new(&format!("cargo {line}"))
}

impl Line {
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).stdin(Stdio::null());
        Self {
            command,
            shown: line.to_owned(),
        }
    }

    pub(crate) fn arg(mut self, arg: &str) -> Self {
        self.command.arg(arg);
        self.shown = format!("{} {arg}", self.shown);
        self
    }

    pub(crate) fn args<'a>(self, args: impl IntoIterator<Item = &'a str>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown = format!("{name}='{value}' {}", self.shown);
        self
    }

    /// Runs the command; its output goes where ours goes.
    pub(crate) fn run(mut self) -> Outcome {
        println!("$ {}", self.shown);
        let status = self.command.status();
        let status = status.map_err(|error| format!("`{}` did not start: {error}", self.shown))?;
        if !status.success() {
            return Err(format!("`{}` failed: {status}", self.shown));
        }
        Ok(())
    }

    /// Runs the command and returns what it prints; its errors go where ours go.
    pub(crate) fn output(mut self) -> Result<String, String> {
        let output = self.command.stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("`{}` did not start: {error}", self.shown))?;
        if !output.status.success() {
            return Err(format!("`{}` failed: {}", self.shown, output.status));
        }
        String::from_utf8(output.stdout).map_err(|error| format!("`{}`: {error}", self.shown))
    }

    /// Whether the command exists and succeeds; nothing is printed.
    pub(crate) fn succeeds(mut self) -> bool {
        let quiet = self.command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }

    /// Starts the command without waiting for it; its output can be read.
    pub(crate) fn command(self) -> Command {
        self.command
    }
}

/// The user and system time of the commands that have ended, in seconds.
pub(crate) fn children_seconds() -> Option<f64> {
    /// Of Linux, everywhere.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces. After it, children's user and system time are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(13)
        .take(2)
        .flat_map(str::parse)
        .collect();
    match ticks[..] {
        [user, system] => Some((user + system) / TICKS_PER_SECOND),
        _ => None,
    }
}
