//! What the operating system says of a process.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Processor time of the whole process, in nanoseconds.
pub fn process_time() -> u64 {
    time(ClockId::ProcessCPUTime)
}

/// Processor time of this thread, in nanoseconds.
pub fn thread_time() -> u64 {
    time(ClockId::ThreadCPUTime)
}

fn time(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Memory of this process that is really there, in bytes.
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    kibibytes(&status, "VmRSS:") * 1024
}

/// What the kernel has for its own objects, sockets among them, in bytes: of the whole machine.
pub fn slab() -> u64 {
    kibibytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "Slab:") * 1024
}

fn kibibytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Raises the limit of open files as far as it goes, and says whether so many are possible.
pub fn allow_files(count: usize) -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    match maximum {
        Some(most) if most < count as u64 => Err(io::Error::other(format!(
            "{count} files are needed, {most} are allowed: ulimit -n"
        ))),
        _ => Ok(()),
    }
}
