//! A server in a process of its own, and what the kernel says of that.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::Failed;
use crate::cases::Case;

/// What /proc counts time in, on every Linux that people have.
const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    pub(crate) fn start(case: &Case) -> Result<Self, Failed> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", case.name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let told = child.stdout.take().ok_or("no standard output")?;
        BufReader::new(told).read_line(&mut line)?;
        let address = line.trim().parse();
        let address = address.map_err(|_| format!("{} does not listen", case.name))?;
        Ok(Self { child, address })
    }

    /// The processor time that it has used.
    pub(crate) fn time(&self) -> Result<Duration, Failed> {
        let stat = self.proc("stat")?;
        // The name before the last parenthesis may have anything in it; utime and stime are the 14th and 15th.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u32 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u32>().ok())
            .sum();
        Ok(TICK * ticks)
    }

    /// Its memory that is resident, in bytes.
    pub(crate) fn resident(&self) -> Result<u64, Failed> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        let kilobytes: u64 = kilobytes.ok_or("no VmRSS")?.parse()?;
        Ok(kilobytes * 1024)
    }

    fn proc(&self, file: &str) -> Result<String, Failed> {
        Ok(fs::read_to_string(format!(
            "/proc/{}/{file}",
            self.child.id()
        ))?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends with its standard input; there is nothing to be done if it is gone already.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What such a process does: it says where it listens, and serves until its standard input ends.
pub(crate) fn serve(case: &Case) -> Result<(), Failed> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    rlimit::increase_nofile_limit(crate::OPEN_FILES)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        (case.server)().listen(listener).await
    })
}
