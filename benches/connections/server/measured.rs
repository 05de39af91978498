//! A server that is measured, in a process of its own.

use std::time::Duration;

use crate::client::target::Target;
use crate::error::BoxError;
use crate::measure::child::ChildServer;
use crate::measure::cores::Cores;
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
    child: Option<ChildServer>,
}

impl MeasuredServer {
    /// Starts this program again, as a server. `options` are further arguments of `--serve`.
    pub(crate) fn start(
        kind: ServerKind,
        options: &[String],
        cores: Option<&Cores>,
    ) -> Result<Self, BoxError> {
        let child = ChildServer::start(&kind.name(), options, cores)?;
        Ok(Self {
            name: kind.title().to_owned(),
            target: Target::own(child.address, kind == ServerKind::Ours),
            pid: Some(child.pid()),
            child: Some(child),
        })
    }

    pub(crate) fn of(against: &ExternalServer) -> Self {
        let ExternalServer { name, target, pid } = against.clone();
        Self {
            name,
            target,
            pid,
            child: None,
        }
    }

    /// Whether the server is external. It is not restarted, so earlier load may show in its memory.
    pub(crate) const fn is_external(&self) -> bool {
        self.child.is_none()
    }

    /// Tells the server to announce a change to all clients.
    pub(crate) fn announce_change(&mut self) -> Result<(), BoxError> {
        let child = self.child.as_mut();
        let child = child.ok_or("an external server cannot be told to announce a change")?;
        child.tell("change")
    }

    /// The processor time of the server.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        match &self.child {
            Some(child) => child.cpu(),
            None => process::cpu(self.pid?),
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
