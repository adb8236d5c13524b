//! Showing what a long operation is at: one changing line on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is between the steps of packages that are cooked at once.
const SEPARATOR: &str = "   ";

/// A line at the foot of the terminal that names the steps under way.
pub struct Spinner {
    bar: ProgressBar,
    steps: Mutex<Steps>,
}

/// The packages that are being cooked, in the order in which they were begun, each with its last
/// step and the time of its first.
#[derive(Default)]
struct Steps(Vec<(String, String, Instant)>);

impl Spinner {
    /// Starts showing; hidden where standard error is no terminal.
    pub fn start() -> Spinner {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4}  {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Spinner {
            bar,
            steps: Mutex::default(),
        }
    }

    /// Names the step that begins.
    pub fn show(&self, text: &str) {
        self.bar.set_message(text.to_string());
    }

    /// Does something that prints, without the line in between.
    pub fn hidden(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }
}

impl Steps {
    /// The package named before the colon of `text` is at that step now.
    fn begin(&mut self, text: &str) {
        let name = text.split(": ").next().unwrap_or_default();
        match self.0.iter_mut().find(|(known, ..)| known == name) {
            Some((_, step, _)) => *step = text.to_string(),
            None => self.0.push((name.into(), text.into(), Instant::now())),
        }
    }

    /// Forgets the package; answers how long it took.
    fn end(&mut self, name: &str) -> Option<Duration> {
        let index = self.0.iter().position(|(known, ..)| known == name)?;
        Some(self.0.remove(index).2.elapsed())
    }

    fn line(&self) -> String {
        let steps: Vec<&str> = self.0.iter().map(|(_, step, _)| step.as_str()).collect();
        steps.join(SEPARATOR)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl porting_kit::Progress for Spinner {
    fn step(&self, text: &str) {
        // Other steps come one after the other and have no end of their own.
        if !text.contains(": ") {
            return self.show(text);
        }
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.begin(text);
        self.show(&steps.line());
    }

    fn finished(&self, name: &str) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = steps.end(name) {
            self.hidden(|| eprintln!("cooked {name} ({} s)", time.as_secs()));
        }
        self.show(&steps.line());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_last_step_of_each_package() {
        let mut steps = Steps::default();
        steps.begin("bash: unpack");
        steps.begin("less: configure");
        steps.begin("bash: make");
        assert_eq!(steps.line(), "bash: make   less: configure");
        assert!(steps.end("bash").is_some());
        assert!(steps.end("bash").is_none());
        assert_eq!(steps.line(), "less: configure");
    }
}
