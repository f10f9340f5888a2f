//! The CPU time of another process, from `/proc`.
//!
//! The total is the scheduler's own account, in nanoseconds, of all the process's threads; a thread that runs at the
//! moment is behind by up to one tick. The split into user and system is what the kernel samples at each tick (250 a
//! second is usual), so over a window of S seconds of CPU it is good to about 1 in the square root of 250·S, and both
//! are rounded to clock ticks of 10 ms. Work that the kernel does for the process in threads of its own, such as
//! writing back dirty pages, is in nobody's account.

use std::collections::BTreeMap;
use std::fs;

/// Nanoseconds a clock tick of `/proc/PID/stat`: USER_HZ is 100 on every Linux that this runs on.
const TICK_NS: u64 = 10_000_000;

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
    pub(super) fn read(&self) -> Result<Sample, String> {
        let path = format!("/proc/{}/stat", self.pid);
        let stat = fs::read_to_string(&path)
            .map_err(|error| format!("--server-pid {}: {path}: {error}", self.pid))?;
        let (user_ns, system_ns) =
            user_and_system(&stat).ok_or_else(|| format!("{path}: not understood: {stat}"))?;
        Ok(Sample { user_ns, system_ns, threads_ns: self.threads() })
    }

    fn threads(&self) -> Option<BTreeMap<u32, u64>> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{}/task", self.pid)).ok()? {
            let entry = entry.ok()?;
            // A thread that ends between the two reads is noticed by its absence from the sample.
            let Ok(account) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
            let running: u64 = account.split(' ').next()?.parse().ok()?;
            threads.insert(entry.file_name().to_str()?.parse().ok()?, running);
        }
        (!threads.is_empty()).then_some(threads)
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

/// The 14th and 15th field of `/proc/PID/stat`. The name, the 2nd, may hold spaces and brackets: count from its end.
fn user_and_system(stat: &str) -> Option<(u64, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some((next()? * TICK_NS, next()? * TICK_NS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(user_ns: u64, system_ns: u64, threads: &[(u32, u64)]) -> Sample {
        let threads_ns = (!threads.is_empty()).then(|| threads.iter().copied().collect());
        Sample { user_ns, system_ns, threads_ns }
    }

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194560 1 0 0 0 12 34 0 0 20 0 5 0";
        assert_eq!(user_and_system(stat), Some((12 * TICK_NS, 34 * TICK_NS)));
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

    #[test]
    fn this_process_spends_time_that_the_meter_sees() {
        let meter = Meter::new(std::process::id());
        let before = meter.read().unwrap();
        let mut spent = 0;
        for _ in 0..2000 {
            spent = meter.read().unwrap().since(&before).total_ns;
            if spent > 10_000_000 {
                break;
            }
        }
        assert!(spent > 10_000_000, "{spent}");
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        assert!(Meter::new(u32::MAX).read().unwrap_err().starts_with("--server-pid 4294967295: /proc/"));
    }
}
