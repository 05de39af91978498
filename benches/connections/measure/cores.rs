//! Runs the server and the load on different cores, if the machine has two.

use std::fs::read_to_string;
use std::io;
use std::process::{Command, Stdio};

/// Lists of cores, in the form that `taskset` reads.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    pub(crate) server: String,
    pub(crate) load: String,
}

impl Cores {
    /// Moves this process, which is the load, to its cores. Needs two cores and `taskset` of util-linux, because
    /// std cannot set the affinity; `None` if one of them is missing.
    pub(crate) fn split() -> Option<Self> {
        let mut allowed = allowed()?;
        let server = allowed.pop()?;
        let load: Vec<String> = allowed.iter().map(u32::to_string).collect();
        let cores = Self {
            server: server.to_string(),
            load: load.join(","),
        };
        let pid = std::process::id().to_string();
        let moved = Command::new("taskset")
            .args(["-cp", &cores.load, &pid])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        moved.ok()?.success().then_some(cores)
    }
}

/// A command that starts this program again, on the core of the server.
pub(crate) fn this_program(cores: Option<&Cores>) -> io::Result<Command> {
    let this = std::env::current_exe()?;
    let Some(cores) = cores else {
        return Ok(Command::new(this));
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &cores.server]).arg(this);
    Ok(command)
}

/// The cores that this process may use; `None` if there are fewer than two.
fn allowed() -> Option<Vec<u32>> {
    let status = read_to_string("/proc/self/status").ok()?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cores.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    (cores.len() > 1).then_some(cores)
}
