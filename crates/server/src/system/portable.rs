//! For systems without files of the kernel: what the allocator counts stands for what is resident, and processor time is not
//! divided. What the machine has and what a container allows is not known.

#![cfg(any(test, not(target_os = "linux")))]

use super::Cpu;
use ramekin::memory;
use rustix::time::{ClockId, clock_gettime};

pub(super) const MULTIPLEXING: &str = "kqueue";

/// Held by the allocator now, and the most that was in use, in bytes.
pub(crate) fn resident_bytes() -> (u64, u64) {
    let used = memory::used_bytes().unwrap_or_default();
    let held = memory::allocator().map_or(used, |allocator| (allocator.held_bytes)()).max(used);
    (held, memory::peak_bytes().max(held))
}

/// The machine's memory, which is not known.
pub(crate) fn system_bytes() -> u64 {
    0
}

/// There are no containers that set a limit.
pub(crate) fn limit_bytes() -> Option<u64> {
    None
}

/// What the process has used, all of it as if outside of the kernel.
pub(crate) fn cpu() -> Cpu {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "processor time in seconds is far below 2^52")]
    let user = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    Cpu { user, ..Cpu::default() }
}

/// What the first thread has used, which no other can ask for.
pub(crate) fn cpu_of_main_thread() -> Cpu {
    Cpu::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_used_time_and_what_is_not_known_is_nothing() {
        let cpu = cpu();
        assert!(cpu.user > 0.0 && cpu.user < 1e6);
        let (now, highest) = resident_bytes();
        assert!(highest >= now);
        assert_eq!((system_bytes(), limit_bytes(), MULTIPLEXING), (0, None, "kqueue"));
        assert_eq!([cpu.system, cpu_of_main_thread().user], [0.0; 2]);
    }
}
