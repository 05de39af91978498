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

pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) target: Target,
}

impl ServerProcess {
    /// Starts this program again, on the core of the servers.
    pub(crate) fn start(case: &Case, cores: Option<&Cores>) -> Result<Self, BoxError> {
        let mut child = this_program(cores)?
            .args(["--serve", case.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let told = child
            .stdout
            .take()
            .ok_or("the server has no standard output")?;
        BufReader::new(told).read_line(&mut line)?;
        let target = Target::own(line.trim_end().parse()?, case.has_protocol);
        Ok(Self { child, target })
    }

    /// The processor time of the server.
    pub(crate) fn cpu(&self) -> Result<Duration, BoxError> {
        let pid = self.child.id();
        let cpu = process::cpu_of_one_thread(pid).or_else(|| process::cpu(pid));
        Ok(cpu.ok_or("the system does not report the processor time of a process")?)
    }

    /// The resident memory of the server, in bytes.
    pub(crate) fn resident(&self) -> Result<u64, BoxError> {
        let resident = process::resident(self.child.id());
        Ok(resident.ok_or("the system does not report the memory of a process")?)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // The process ends when its standard input does.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The process of a server: prints its address, then serves until standard input ends.
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
