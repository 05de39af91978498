//! This program, started again as a server.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use crate::error::BoxError;
use crate::measure::cores::{Cores, this_program};
use crate::process;

/// A server in a process of its own. It prints its address as the first line, and ends when its standard input does.
pub(crate) struct ChildServer {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
}

impl ChildServer {
    /// Starts `--serve NAME` on the core of the servers. `options` are further arguments.
    pub(crate) fn start(
        name: &str,
        options: &[String],
        cores: Option<&Cores>,
    ) -> Result<Self, BoxError> {
        let mut child = this_program(cores)?
            .args(["--serve", name])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let output = output.ok_or("the server has no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self {
            child,
            input,
            address: line.trim_end().parse()?,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line to the server.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), BoxError> {
        let input = self.input.as_mut();
        let input = input.ok_or("the server has no standard input")?;
        Ok(writeln!(input, "{line}")?)
    }

    /// The processor time of the server. It has one thread, whose time the kernel knows to the nanosecond.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        process::cpu_of_one_thread(self.pid()).or_else(|| process::cpu(self.pid()))
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        self.input = None;
        // The process has ended already, or ends now.
        let _ = self.child.wait();
    }
}
