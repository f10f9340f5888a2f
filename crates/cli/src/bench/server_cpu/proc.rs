//! Reads the CPU time of a process from `/proc`.

#![cfg(target_os = "linux")]

use super::Sample;
use std::collections::BTreeMap;
use std::fs;

/// Nanoseconds a clock tick of `/proc/PID/stat`: USER_HZ is 100 on every Linux that this runs on.
const TICK_NS: u64 = 10_000_000;

/// The CPU time so far.
pub(super) fn sample(pid: u32) -> Result<Sample, String> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("--server-pid {pid}: {path}: {error}"))?;
    let (user_ns, system_ns) =
        user_and_system(&stat).ok_or_else(|| format!("{path}: not understood: {stat}"))?;
    Ok(Sample { user_ns, system_ns, threads_ns: threads(pid) })
}

fn threads(pid: u32) -> Option<BTreeMap<u32, u64>> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let entry = entry.ok()?;
        // A thread that ends between the two reads is noticed by its absence from the sample.
        let Ok(account) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        let running: u64 = account.split(' ').next()?.parse().ok()?;
        threads.insert(entry.file_name().to_str()?.parse().ok()?, running);
    }
    (!threads.is_empty()).then_some(threads)
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
    use super::super::Meter;
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194560 1 0 0 0 12 34 0 0 20 0 5 0";
        assert_eq!(user_and_system(stat), Some((12 * TICK_NS, 34 * TICK_NS)));
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
