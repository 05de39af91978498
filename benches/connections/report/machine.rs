//! The machine and the time of the run.

use std::fs::read_to_string;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::measure::cores::Cores;

pub(crate) fn describe(cores: Option<&Cores>) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    json!({
        "mcp-wire": env!("CARGO_PKG_VERSION"),
        "command": std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        "unix time": now.map_or(0, |now| now.as_secs()),
        "system": std::env::consts::OS,
        "kernel": file_line("/proc/sys/kernel/osrelease", ""),
        "processor": file_line("/proc/cpuinfo", "model name\t: "),
        "cores of the server": cores.map_or("any", |cores| &cores.server),
        "cores of the load": cores.map_or("any", |cores| &cores.load),
    })
}

/// The rest of the first line that begins with `start`.
fn file_line(path: &str, start: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(start))?;
    Some(line.to_owned())
}
