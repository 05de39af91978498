//! A server in a process of its own.

use std::io::Read;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::cases::Case;
use crate::client::target::Target;
use crate::error::BoxError;
use crate::measure::child::ChildServer;
use crate::measure::cores::Cores;
use crate::process;
use crate::runtime::runtime;

pub(crate) struct ServerProcess {
    child: ChildServer,
    pub(crate) target: Target,
}

impl ServerProcess {
    /// Starts this program again, on the core of the servers.
    pub(crate) fn start(case: &Case, cores: Option<&Cores>) -> Result<Self, BoxError> {
        let child = ChildServer::start(case.name, &[], cores)?;
        let target = Target::own(child.address, case.has_protocol);
        Ok(Self { child, target })
    }

    /// The processor time of the server.
    pub(crate) fn cpu(&self) -> Result<Duration, BoxError> {
        let cpu = self.child.cpu();
        Ok(cpu.ok_or("the system does not report the processor time of a process")?)
    }

    /// The resident memory of the server, in bytes.
    pub(crate) fn resident(&self) -> Result<u64, BoxError> {
        let resident = process::resident(self.child.pid());
        Ok(resident.ok_or("the system does not report the memory of a process")?)
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
