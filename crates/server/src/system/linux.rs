//! What Linux says, in `/proc` and in control groups.

#![cfg(target_os = "linux")]

use super::Cpu;
pub(crate) use super::container::limit_bytes;

pub(super) const MULTIPLEXING: &str = "epoll";

/// Resident memory now and at its highest, in bytes.
pub(crate) fn resident_bytes() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Memory of the machine, or of the container if that has less, in bytes.
pub(crate) fn system_bytes() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let machine =
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024;
    limit_bytes().map_or(machine, |limit| limit.min(machine))
}

/// What the process has used.
pub(crate) fn cpu() -> Cpu {
    read_cpu("/proc/self/stat")
}

/// What its first thread has used.
pub(crate) fn cpu_of_main_thread() -> Cpu {
    read_cpu(&format!("/proc/self/task/{}/stat", std::process::id()))
}

fn read_cpu(path: &str) -> Cpu {
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    // The name of the program may hold anything; the fields behind it begin with the third, the state.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
    let field = |number: usize| {
        let value = behind.split_whitespace().nth(number - 3).and_then(|value| value.parse::<f64>().ok());
        value.unwrap_or_default() / ticks
    };
    Cpu { user: field(14), system: field(15), user_children: field(16), system_children: field(17) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_memory_and_a_machine_around_it() {
        let (now, highest) = resident_bytes();
        assert!(now > 100 << 10 && highest >= now / 2 && system_bytes() > now);
        let (cpu, main) = (cpu(), cpu_of_main_thread());
        assert!(cpu.user >= main.user && cpu.system >= main.system && cpu.user + cpu.system < 1e6);
    }
}
