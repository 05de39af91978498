//! A server in a process of its own, which ends when the value is dropped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::error::BoxError;
use crate::process;

pub(crate) struct ServerProcess {
    child: Child,
    /// Stays open, because the server continues to print.
    _output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl ServerProcess {
    pub(crate) fn start(path: &Path, arguments: &[&str]) -> Result<Self, BoxError> {
        let mut child = Command::new(path)
            // glibc keeps some megabytes of freed bodies for each thread, however many bodies there were.
            // With this setting it returns them to the system, so that only memory in use counts.
            .env("MALLOC_MMAP_THRESHOLD_", "131072")
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} did not start: {error}", path.display()))?;
        let output = child
            .stdout
            .take()
            .ok_or("the process has no standard output")?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        output.read_line(&mut line)?;
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok());
        Ok(Self {
            child,
            _output: output,
            address: address.ok_or_else(|| format!("the first line has no address: {line:?}"))?,
        })
    }

    /// The resident memory, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        process::resident(self.child.id()).unwrap_or(u64::MAX)
    }

    /// The peak since `forget_peak`, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        process::peak(self.child.id()).unwrap_or(u64::MAX)
    }

    pub(crate) fn forget_peak(&self) {
        process::forget_peak(self.child.id());
    }

    /// The processor time of all threads.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = format!("/proc/{}/task", self.child.id());
        let threads = std::fs::read_dir(tasks).into_iter().flatten().flatten();
        let nanos = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
