//! The processor time and the memory of a process, as the kernel reports them.

use std::fs::{read_to_string, write};
use std::time::Duration;

/// `/proc` counts in hundredths of a second, whatever the tick rate of the kernel.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of all threads of a process; `None` without `/proc`.
pub(crate) fn cpu(pid: u32) -> Option<Duration> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold any character. Only numbers follow it.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

/// The processor time of the first thread of a process, if the kernel records it.
pub(crate) fn cpu_of_one_thread(pid: u32) -> Option<Duration> {
    let stat = read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    let nanos = stat.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Rss:")
}

/// The peak of the resident memory since `forget_peak`, in bytes.
pub(crate) fn peak(pid: u32) -> Option<u64> {
    kilobytes(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// Resets the peak.
pub(crate) fn forget_peak(pid: u32) {
    // If the kernel does not allow it, the peak is that of the whole run, which is at least as high.
    let _ = write(format!("/proc/{pid}/clear_refs"), "5");
}

/// The limit on the open files of this process.
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
