//! The limit of memory that a container sets: the kernel ends a process that goes beyond it.
//!
//! Read from control groups, version 2 and 1. A limit may be set at any level above the process, so the lowest one counts.
//! Inside a container its own group is usually mounted as the root, so that is looked at too.

#![cfg(target_os = "linux")]

use std::path::Path;

/// Version 1 says "no limit" by a number near the largest one.
const UNLIMITED: u64 = 1 << 60;

/// The limit in bytes; none if there is none, or none can be read.
pub(crate) fn limit_bytes() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limit_under(Path::new("/sys/fs/cgroup"), &groups)
}

/// The same, with control groups mounted at `root` and the lines of `/proc/self/cgroup`.
fn limit_under(root: &Path, groups: &str) -> Option<u64> {
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        match controllers {
            "" => lowest(root, path, "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                lowest(&root.join("memory"), path, "memory.limit_in_bytes")
            }
            _ => None,
        }
    };
    groups.lines().filter_map(of_line).min()
}

/// The lowest limit in a group, those above it, and the mounted root.
fn lowest(mount: &Path, group: &str, file: &str) -> Option<u64> {
    let group = mount.join(group.trim_start_matches('/'));
    let levels = group.ancestors().take_while(|level| level.starts_with(mount));
    let read = |level: &Path| std::fs::read_to_string(level.join(file)).ok()?.trim().parse::<u64>().ok();
    levels.filter_map(read).filter(|&bytes| bytes < UNLIMITED).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_lowest_limit_of_all_levels_counts_in_either_version() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str, text: &str| write(&root.path().join(path), text);
        at("a/memory.max", "5000\n");
        at("a/b/memory.max", "max\n");
        assert_eq!(limit_under(root.path(), "0::/a/b\n"), Some(5000));
        at("memory/x/memory.limit_in_bytes", "4000\n");
        at("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(limit_under(root.path(), "3:cpu,cpuacct:/\n2:memory:/x/y\n0::/\n"), Some(4000));
        assert_eq!(limit_under(root.path(), "2:memory:/elsewhere\n0::/\n"), None);
        at("memory.max", "3000\n");
        assert_eq!(limit_under(root.path(), "0::/not/mounted/here\n"), Some(3000));
    }
}
