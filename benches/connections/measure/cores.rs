//! Keeps the server and the load apart: the server has a core of its own where there are two.

use std::fs::read_to_string;
use std::io;
use std::process::{Command, Stdio};

/// Which cores have which work, as `taskset` names them.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    pub(crate) server: String,
    pub(crate) load: String,
}

impl Cores {
    /// Moves this process, which is the load, to its cores. `None` where that cannot be had: std knows no
    /// affinity, so it takes `taskset` of util-linux, and two cores.
    pub(crate) fn part() -> Option<Self> {
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

/// This program once more, on the core of the server.
pub(crate) fn this_program(cores: Option<&Cores>) -> io::Result<Command> {
    let this = std::env::current_exe()?;
    let Some(cores) = cores else {
        return Ok(Command::new(this));
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &cores.server]).arg(this);
    Ok(command)
}

/// The cores that this process may use, of which there are two at least.
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
