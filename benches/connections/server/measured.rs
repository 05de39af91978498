//! One of the servers that are measured side by side, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use crate::client::target::Place;
use crate::error::Failed;
use crate::measure::cores::{Cores, this_program};
use crate::process;
use crate::progress;
use crate::server::kind::What;

/// Which of those that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Own(What),
    /// The one of `--against`.
    Other,
}

impl Contender {
    /// Another server may not speak a revision: it is left out, which is no fault of the run.
    pub(crate) fn unless_left_out<T>(
        self,
        started: Result<T, Failed>,
    ) -> Result<Option<T>, Failed> {
        match (self, started) {
            (Self::Other, Err(why)) => {
                progress::clear();
                eprintln!("the other server is left out: {why}");
                Ok(None)
            }
            (_, started) => started.map(Some),
        }
    }
}

/// A server that somebody else has started.
#[derive(Clone, Debug)]
pub(crate) struct Against {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) pid: Option<u32>,
}

pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// `None` if it is not known whose time and memory the server's are.
    pid: Option<u32>,
    /// Of one that this program is.
    process: Option<Process>,
}

impl Side {
    /// Starts this program once more, as a server. `options` are further arguments of `--serve`.
    pub(crate) fn start(
        what: What,
        options: &[String],
        cores: Option<&Cores>,
    ) -> Result<Self, Failed> {
        let mut process = Process::start(what, options, cores)?;
        let address = process.line()?.parse()?;
        Ok(Self {
            name: what.title().to_owned(),
            place: Place::own(address, what == What::Ours),
            pid: Some(process.child.id()),
            process: Some(process),
        })
    }

    pub(crate) fn of(against: &Against) -> Self {
        let Against { name, place, pid } = against.clone();
        Self {
            name,
            place,
            pid,
            process: None,
        }
    }

    /// Whether it runs on, and what went before may show in its memory.
    pub(crate) const fn is_other(&self) -> bool {
        self.process.is_none()
    }

    /// Orders the server to tell all clients of a change.
    pub(crate) fn tell_of_change(&mut self) -> Result<(), Failed> {
        let orders = self
            .process
            .as_mut()
            .and_then(|process| process.orders.as_mut());
        let orders = orders.ok_or("a server that takes no orders")?;
        Ok(orders.write_all(b"change\n")?)
    }

    /// The time that the server has computed. Ours computes in one thread, whose time is known to the
    /// nanosecond.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let pid = self.pid?;
        match self.is_other() {
            true => process::cpu(pid),
            false => process::cpu_of_one_thread(pid).or_else(|| process::cpu(pid)),
        }
    }

    /// The bytes of memory that the server has.
    pub(crate) fn resident(&self) -> Option<u64> {
        process::resident(self.pid?)
    }

    /// The most that it had since the peak was forgotten.
    pub(crate) fn peak(&self) -> Option<u64> {
        process::peak(self.pid?)
    }

    pub(crate) fn forget_peak(&self) {
        if let Some(pid) = self.pid {
            process::forget_peak(pid);
        }
    }
}

/// The process of a server, which ends with its input.
struct Process {
    child: Child,
    orders: Option<ChildStdin>,
}

impl Process {
    fn start(what: What, options: &[String], cores: Option<&Cores>) -> Result<Self, Failed> {
        let mut child = this_program(cores)?
            .args(["--serve", &what.name()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take();
        Ok(Self { child, orders })
    }

    fn line(&mut self) -> Result<String, Failed> {
        let output = self.child.stdout.take().ok_or("a server without output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.orders = None;
        // It has ended already, or it ends now.
        let _ = self.child.wait();
    }
}
