//! Text without an allocation: what the supervisor says while it starts a server again.

use core::fmt::Write;

/// Longest line.
const CAPACITY: usize = 480;

/// A line. What does not fit is cut off.
pub struct Text {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Text {
    /// The formatted arguments.
    pub fn of(arguments: core::fmt::Arguments<'_>) -> Text {
        let mut text = Text {
            bytes: [0; CAPACITY],
            length: 0,
        };
        // It never fails: see `write_str`.
        let _ = text.write_fmt(arguments);
        text
    }

    /// What was written.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or("")
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for letter in text.chars() {
            let mut encoded = [0; 4];
            let encoded = letter.encode_utf8(&mut encoded).as_bytes();
            let Some(room) = self.bytes[self.length..].get_mut(..encoded.len()) else {
                self.length = CAPACITY.min(self.length);
                return Ok(());
            };
            room.copy_from_slice(encoded);
            self.length += encoded.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_long_is_cut_between_letters() {
        let long = "ä".repeat(CAPACITY);
        let text = Text::of(format_args!("x{long}"));
        assert_eq!(text.as_str().len(), CAPACITY - 1);
        assert!(text.as_str().ends_with('ä'));
        assert_eq!(Text::of(format_args!("a{}b", 1)).as_str(), "a1b");
    }
}
