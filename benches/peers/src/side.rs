//! A server in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::cases::Case;
use crate::client::target::Target;
use crate::error::BoxError;
use crate::measure::cores::{Cores, this_program};
use crate::process;
use crate::runtime::runtime;

pub(crate) struct Side {
    child: Child,
    pub(crate) target: Target,
}

impl Side {
    /// Starts this program once more, on the core of the servers.
    pub(crate) fn start(case: &Case, cores: Option<&Cores>) -> Result<Self, BoxError> {
        let mut child = this_program(cores)?
            .args(["--serve", case.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let told = child.stdout.take().ok_or("a server without output")?;
        BufReader::new(told).read_line(&mut line)?;
        let target = Target::own(line.trim_end().parse()?, case.has_protocol);
        Ok(Self { child, target })
    }

    /// The processor time that it has used.
    pub(crate) fn cpu(&self) -> Result<Duration, BoxError> {
        let pid = self.child.id();
        let cpu = process::cpu_of_one_thread(pid).or_else(|| process::cpu(pid));
        Ok(cpu.ok_or("the system does not tell what a process computed")?)
    }

    /// The bytes of memory that it has.
    pub(crate) fn resident(&self) -> Result<u64, BoxError> {
        let resident = process::resident(self.child.id());
        Ok(resident.ok_or("the system does not tell what memory a process has")?)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // It ends with its input, if it has not ended already.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What such a process does: it says where it listens, and serves until its input ends.
pub(crate) fn serve(case: &Case) -> Result<(), BoxError> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    tokio::task::LocalSet::new().block_on(&runtime()?, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        (case.server)().listen(listener).await
    })
}
