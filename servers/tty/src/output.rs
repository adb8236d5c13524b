//! Output processing (`OPOST`).

use alloc::vec::Vec;

use crate::termios::{Termios, output};

const TAB: usize = 8;

/// Follows the column, which tabs and erasing need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Column of the cursor.
    pub column: usize,
}

impl Output {
    /// Appends what the device gets for a byte that a program writes.
    pub fn process(&mut self, termios: &Termios, byte: u8, out: &mut Vec<u8>) {
        let on = |flag| termios.output & flag == flag;
        if !on(output::OPOST) {
            self.follow(byte);
            out.push(byte);
            return;
        }
        match byte {
            b'\n' => {
                if on(output::ONLCR) {
                    out.push(b'\r');
                }
                if on(output::ONLCR) || on(output::ONLRET) {
                    self.column = 0;
                }
                out.push(b'\n');
            }
            b'\r' if on(output::ONOCR) && self.column == 0 => {}
            b'\r' if on(output::OCRNL) => self.process_newline(out),
            b'\t' if on(output::XTABS) => {
                let spaces = TAB - self.column % TAB;
                out.resize(out.len() + spaces, b' ');
                self.column += spaces;
            }
            _ => {
                let byte = if on(output::OLCUC) {
                    byte.to_ascii_uppercase()
                } else {
                    byte
                };
                self.follow(byte);
                out.push(byte);
            }
        }
    }

    fn process_newline(&mut self, out: &mut Vec<u8>) {
        self.column = 0;
        out.push(b'\n');
    }

    /// Moves the column as the device will.
    fn follow(&mut self, byte: u8) {
        self.column = match byte {
            b'\r' => 0,
            b'\x08' => self.column.saturating_sub(1),
            b'\t' => self.column + TAB - self.column % TAB,
            // Bytes that go on a character, and controls, move nothing.
            0x80..=0xbf | 0..=0x1f | 0x7f => self.column,
            _ => self.column + 1,
        };
    }
}
