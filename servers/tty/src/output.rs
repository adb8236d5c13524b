//! Output processing (`OPOST`).

use alloc::vec::Vec;

use crate::termios::{Termios, input, output};

const TAB: usize = 8;

/// Follows the column, which tabs and erasing need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Column of the cursor.
    pub column: usize,
}

impl Output {
    /// Appends what the device gets for a byte that a program writes. Delays (`NLDLY` and its
    /// like, `OFILL`, `OFDEL`) are kept among the modes and do nothing: no device here needs them.
    pub fn process(&mut self, termios: &Termios, byte: u8, out: &mut Vec<u8>) {
        let on = |flag| termios.output & flag == flag;
        if !on(output::OPOST) {
            self.follow(termios, byte);
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
            b'\r' if on(output::OCRNL) => {
                if on(output::ONLRET) {
                    self.column = 0;
                }
                out.push(b'\n');
            }
            b'\t' if on(output::XTABS) => {
                let spaces = TAB - self.column % TAB;
                out.resize(out.len() + spaces, b' ');
                self.column = (self.column + spaces) % COLUMNS;
            }
            _ => {
                let byte = if on(output::OLCUC) {
                    byte.to_ascii_uppercase()
                } else {
                    byte
                };
                self.follow(termios, byte);
                out.push(byte);
            }
        }
    }

    /// Moves the column as the device will.
    fn follow(&mut self, termios: &Termios, byte: u8) {
        let column = match byte {
            b'\r' => 0,
            b'\x08' => self.column.saturating_sub(1),
            b'\t' => self.column + TAB - self.column % TAB,
            0..=0x1f | 0x7f => self.column,
            // Bytes that go on a character move nothing.
            0x80..=0xbf if termios.is_input(input::IUTF8) => self.column,
            _ => self.column + 1,
        };
        self.column = column % COLUMNS;
    }
}

/// The column starts anew here: a line without end must not overflow it. A multiple of a tab.
const COLUMNS: usize = 1 << 20;
