//! What the kernel tells of a process: the time that it computed, the memory that it has.

use std::fs::{read_to_string, write};
use std::time::Duration;

/// `/proc` counts in hundredths of a second, whatever the kernel's own clock does.
const TICK: Duration = Duration::from_millis(10);

/// The time that all threads of a process computed; `None` where there is no `/proc`.
pub(crate) fn cpu(pid: u32) -> Option<Duration> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything; what follows it are numbers.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

/// The time that the first thread of a process computed, if the kernel keeps it.
pub(crate) fn cpu_of_one_thread(pid: u32) -> Option<Duration> {
    let stat = read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    let nanos = stat.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// The bytes of memory that a process has now.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Rss:")
}

/// The most bytes that a process had since `forget_peak`.
pub(crate) fn peak(pid: u32) -> Option<u64> {
    kilobytes(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// Begins the peak anew.
pub(crate) fn forget_peak(pid: u32) {
    // Where it cannot be had, the peak is that of the whole life, which is no less.
    let _ = write(format!("/proc/{pid}/clear_refs"), "5");
}

/// How many files this process may have open.
pub(crate) fn open_files() -> Option<usize> {
    let limits = read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kilobytes(path: &str, name: &str) -> Option<u64> {
    let text = read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}
