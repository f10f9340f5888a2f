//! What the operating system says of this process and of the machine that it is on.
//!
//! Asked when needed; a figure that cannot be had is 0. `linux` reads files of the kernel; `portable`, for other systems, makes do
//! with what the standard calls and the allocator tell, and is tested on Linux as well.

mod container;
mod linux;
mod portable;

#[cfg(target_os = "linux")]
use linux as here;
#[cfg(not(target_os = "linux"))]
use portable as here;

pub(crate) use here::{cpu, cpu_of_main_thread, limit_bytes, resident_bytes, system_bytes};
use std::sync::OnceLock;

/// How event loops wait, by the name that INFO has for it.
pub(crate) const MULTIPLEXING: &str = here::MULTIPLEXING;

/// Memory before anything was loaded: resident, and in use.
static AT_START: OnceLock<(u64, u64)> = OnceLock::new();

/// Notes the memory of a process that has not opened its database yet; only the first call counts.
pub(crate) fn note_start() {
    AT_START.get_or_init(|| (resident_bytes().0, ramekin::memory::used_bytes().unwrap_or_default()));
}

/// What [`note_start`] found: bytes resident, and bytes in use.
pub(crate) fn at_start_bytes() -> (u64, u64) {
    AT_START.get().copied().unwrap_or_default()
}

/// Processor time of a whole process or of one thread, in seconds.
#[derive(Default)]
pub(crate) struct Cpu {
    /// In the kernel.
    pub(crate) system: f64,
    /// Outside of it.
    pub(crate) user: f64,
    /// In the kernel, of children that have ended.
    pub(crate) system_children: f64,
    /// Outside of it, of children that have ended.
    pub(crate) user_children: f64,
}
