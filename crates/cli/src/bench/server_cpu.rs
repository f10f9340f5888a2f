//! The CPU time of another process, from `/proc`.
//!
//! The total is the scheduler's own account, in nanoseconds, of all the process's threads; a thread that runs at the
//! moment is behind by up to one tick. The split into user and system is what the kernel samples at each tick (250 a
//! second is usual), so over a window of S seconds of CPU it is good to about 1 in the square root of 250·S, and both
//! are rounded to clock ticks of 10 ms. Work that the kernel does for the process in threads of its own, such as
//! writing back dirty pages, is in nobody's account.

mod proc;

use std::collections::BTreeMap;

/// Reads the CPU time of one process.
pub(super) struct Meter {
    pid: u32,
}

/// CPU time up to a moment.
#[derive(Debug)]
pub(super) struct Sample {
    user_ns: u64,
    system_ns: u64,
    /// Of each thread, by its id; `None` where the kernel does not tell.
    threads_ns: Option<BTreeMap<u32, u64>>,
}

/// CPU time between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpu {
    pub(super) total_ns: u64,
    pub(super) user_ns: u64,
    pub(super) system_ns: u64,
}

impl Meter {
    pub(super) fn new(pid: u32) -> Meter {
        Meter { pid }
    }

    /// The CPU time so far.
    #[cfg(target_os = "linux")]
    pub(super) fn read(&self) -> Result<Sample, String> {
        proc::sample(self.pid)
    }

    /// The CPU time so far, which only the system that this was written for tells of another process.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn read(&self) -> Result<Sample, String> {
        Err(format!("--server-pid {}: the CPU time of another process is only known on Linux", self.pid))
    }
}

impl Sample {
    /// The time between `earlier` and this.
    pub(super) fn since(&self, earlier: &Sample) -> Cpu {
        let user_ns = self.user_ns.saturating_sub(earlier.user_ns);
        let system_ns = self.system_ns.saturating_sub(earlier.system_ns);
        let sampled_ns = user_ns + system_ns;
        let total_ns = self.running_since(earlier).unwrap_or(sampled_ns);
        if sampled_ns == 0 {
            return Cpu { total_ns, user_ns: 0, system_ns: total_ns };
        }
        let share = u128::from(total_ns) * u128::from(user_ns) / u128::from(sampled_ns);
        let user_ns = u64::try_from(share).unwrap_or(total_ns).min(total_ns);
        Cpu { total_ns, user_ns, system_ns: total_ns - user_ns }
    }

    /// By the scheduler's account, unless a thread ended meanwhile and took its account with it.
    fn running_since(&self, earlier: &Sample) -> Option<u64> {
        let (before, after) = (earlier.threads_ns.as_ref()?, self.threads_ns.as_ref()?);
        if !before.keys().all(|thread| after.contains_key(thread)) {
            return None;
        }
        let (before, after): (u64, u64) = (before.values().sum(), after.values().sum());
        after.checked_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(user_ns: u64, system_ns: u64, threads: &[(u32, u64)]) -> Sample {
        let threads_ns = (!threads.is_empty()).then(|| threads.iter().copied().collect());
        Sample { user_ns, system_ns, threads_ns }
    }

    #[test]
    fn the_total_is_the_schedulers_and_the_split_is_the_samples() {
        let cpu = sample(300, 100, &[(1, 500), (2, 210)]).since(&sample(0, 0, &[(1, 100), (2, 10)]));
        assert_eq!(cpu, Cpu { total_ns: 600, user_ns: 450, system_ns: 150 });
    }

    #[test]
    fn a_thread_that_ended_leaves_the_sampled_total() {
        let cpu = sample(300, 100, &[(1, 500)]).since(&sample(0, 0, &[(1, 100), (2, 10)]));
        assert_eq!(cpu.total_ns, 400);
    }
}
