//! A bar on standard error while something takes long; nothing where that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// See the module.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For so many bytes of a file.
    pub(super) fn bytes(verb: &'static str, total: u64) -> Self {
        Self::new(verb, total, "{msg} {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
    }

    /// For so many keys, about.
    pub(super) fn keys(verb: &'static str, total: u64) -> Self {
        Self::new(verb, total, "{msg} {bar:40} {human_pos}/{human_len} keys {per_sec} {eta}")
    }

    fn new(verb: &'static str, total: u64, template: &str) -> Self {
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(verb);
        Self(bar)
    }

    /// So much is done. There may turn out to be more than was thought.
    pub(super) fn at(&self, done: u64) {
        if self.0.length().is_some_and(|total| total < done) {
            self.0.set_length(done);
        }
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
