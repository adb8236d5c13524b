//! Showing what a long operation is at: one changing line on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A line at the foot of the terminal that names the step under way.
pub struct Spinner(ProgressBar);

impl Spinner {
    /// Starts showing; hidden where standard error is no terminal.
    pub fn start() -> Spinner {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Spinner(bar)
    }

    /// Names the step that begins.
    pub fn show(&self, text: &str) {
        self.0.set_message(text.to_string());
    }

    /// Does something that prints, without the line in between.
    pub fn hidden(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl porting_kit::Progress for Spinner {
    fn step(&self, text: &str) {
        self.show(text);
    }
}
