//! A server that is measured, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use crate::client::target::Target;
use crate::error::BoxError;
use crate::measure::cores::{Cores, this_program};
use crate::process;
use crate::progress;
use crate::server::kind::ServerKind;

/// One of the servers to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    BuiltIn(ServerKind),
    /// The server of `--against`.
    External,
}

impl Contender {
    /// An external server may not support a revision. Then it is skipped, which does not fail the run.
    pub(crate) fn or_skip<T>(self, started: Result<T, BoxError>) -> Result<Option<T>, BoxError> {
        match (self, started) {
            (Self::External, Err(why)) => {
                progress::clear();
                eprintln!("skipping the server of --against: {why}");
                Ok(None)
            }
            (_, started) => started.map(Some),
        }
    }
}

/// A server that was started outside of this program.
#[derive(Clone, Debug)]
pub(crate) struct ExternalServer {
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) pid: Option<u32>,
}

pub(crate) struct MeasuredServer {
    pub(crate) name: String,
    pub(crate) target: Target,
    /// `None` if the process of an external server is unknown.
    pid: Option<u32>,
    /// The process, if this program started it.
    process: Option<Process>,
}

impl MeasuredServer {
    /// Starts this program again, as a server. `options` are further arguments of `--serve`.
    pub(crate) fn start(
        kind: ServerKind,
        options: &[String],
        cores: Option<&Cores>,
    ) -> Result<Self, BoxError> {
        let mut process = Process::start(kind, options, cores)?;
        let address = process.line()?.parse()?;
        Ok(Self {
            name: kind.title().to_owned(),
            target: Target::own(address, kind == ServerKind::Ours),
            pid: Some(process.child.id()),
            process: Some(process),
        })
    }

    pub(crate) fn of(against: &ExternalServer) -> Self {
        let ExternalServer { name, target, pid } = against.clone();
        Self {
            name,
            target,
            pid,
            process: None,
        }
    }

    /// Whether the server is external. It is not restarted, so earlier load may show in its memory.
    pub(crate) const fn is_external(&self) -> bool {
        self.process.is_none()
    }

    /// Tells the server to announce a change to all clients.
    pub(crate) fn announce_change(&mut self) -> Result<(), BoxError> {
        let orders = self
            .process
            .as_mut()
            .and_then(|process| process.input.as_mut());
        let orders = orders.ok_or("an external server cannot be told to announce a change")?;
        Ok(orders.write_all(b"change\n")?)
    }

    /// The processor time of the server. A server of this program has one thread, whose time is known to the
    /// nanosecond.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let pid = self.pid?;
        match self.is_external() {
            true => process::cpu(pid),
            false => process::cpu_of_one_thread(pid).or_else(|| process::cpu(pid)),
        }
    }

    /// The resident memory of the server, in bytes.
    pub(crate) fn resident(&self) -> Option<u64> {
        process::resident(self.pid?)
    }

    /// The peak since `forget_peak`, in bytes.
    pub(crate) fn peak(&self) -> Option<u64> {
        process::peak(self.pid?)
    }

    pub(crate) fn forget_peak(&self) {
        if let Some(pid) = self.pid {
            process::forget_peak(pid);
        }
    }
}

/// The process of a server, which ends when its standard input does.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
}

impl Process {
    fn start(
        kind: ServerKind,
        options: &[String],
        cores: Option<&Cores>,
    ) -> Result<Self, BoxError> {
        let mut child = this_program(cores)?
            .args(["--serve", &kind.name()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        Ok(Self { child, input })
    }

    fn line(&mut self) -> Result<String, BoxError> {
        let output = self
            .child
            .stdout
            .take()
            .ok_or("the server has no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        // The process has ended already, or ends now.
        let _ = self.child.wait();
    }
}
