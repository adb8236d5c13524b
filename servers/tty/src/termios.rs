//! `struct termios` and its flags (POSIX `<termios.h>`; values as the C library's header).

#![allow(missing_docs, reason = "flags are named as POSIX names them")]

/// How many control characters.
pub const CONTROL_CHARACTERS: usize = 32;
/// Bytes of the structure as it travels.
pub const SIZE: usize = 60;

/// Indices of control characters.
pub mod character {
    pub const INTR: usize = 0;
    pub const QUIT: usize = 1;
    pub const ERASE: usize = 2;
    pub const KILL: usize = 3;
    pub const EOF: usize = 4;
    pub const TIME: usize = 5;
    pub const MIN: usize = 6;
    pub const START: usize = 8;
    pub const STOP: usize = 9;
    pub const SUSP: usize = 10;
    pub const EOL: usize = 11;
    pub const REPRINT: usize = 12;
    pub const WERASE: usize = 14;
    pub const LNEXT: usize = 15;
    pub const EOL2: usize = 16;
}

/// Input modes.
pub mod input {
    pub const ISTRIP: u32 = 0x20;
    pub const INLCR: u32 = 0x40;
    pub const IGNCR: u32 = 0x80;
    pub const ICRNL: u32 = 0x100;
    pub const IUCLC: u32 = 0x200;
    pub const IXON: u32 = 0x400;
    pub const IXANY: u32 = 0x800;
    pub const IMAXBEL: u32 = 0x2000;
    pub const IUTF8: u32 = 0x4000;
}

/// Output modes.
pub mod output {
    pub const OPOST: u32 = 1;
    pub const OLCUC: u32 = 2;
    pub const ONLCR: u32 = 4;
    pub const OCRNL: u32 = 8;
    pub const ONOCR: u32 = 0x10;
    pub const ONLRET: u32 = 0x20;
    pub const XTABS: u32 = 0x1800;
}

/// Local modes.
pub mod local {
    pub const ISIG: u32 = 1;
    pub const ICANON: u32 = 2;
    pub const ECHO: u32 = 8;
    pub const ECHOE: u32 = 0x10;
    pub const ECHOK: u32 = 0x20;
    pub const ECHONL: u32 = 0x40;
    pub const NOFLSH: u32 = 0x80;
    pub const TOSTOP: u32 = 0x100;
    pub const ECHOCTL: u32 = 0x200;
    pub const ECHOKE: u32 = 0x800;
    pub const IEXTEN: u32 = 0x8000;
}

/// 115200 baud, 8 bits, receiver on, hang up on close.
const CONTROL_DEFAULT: u32 = 0x1002 | 48 | 0x80 | 0x400;
const SPEED_DEFAULT: u32 = 0x1002;

/// A terminal's modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termios {
    pub input: u32,
    pub output: u32,
    pub control: u32,
    pub local: u32,
    pub line: u8,
    pub characters: [u8; CONTROL_CHARACTERS],
    pub input_speed: u32,
    pub output_speed: u32,
}

impl Default for Termios {
    fn default() -> Termios {
        let mut characters = [0; CONTROL_CHARACTERS];
        let set = [
            (character::INTR, 3),
            (character::QUIT, 28),
            (character::ERASE, 127),
            (character::KILL, 21),
            (character::EOF, 4),
            (character::MIN, 1),
            (character::START, 17),
            (character::STOP, 19),
            (character::SUSP, 26),
            (character::REPRINT, 18),
            (character::WERASE, 23),
            (character::LNEXT, 22),
        ];
        for (index, value) in set {
            characters[index] = value;
        }
        Termios {
            input: input::ICRNL | input::IXON | input::IUTF8,
            output: output::OPOST | output::ONLCR,
            control: CONTROL_DEFAULT,
            local: local::ISIG
                | local::ICANON
                | local::ECHO
                | local::ECHOE
                | local::ECHOK
                | local::ECHOCTL
                | local::ECHOKE
                | local::IEXTEN,
            line: 0,
            characters,
            input_speed: SPEED_DEFAULT,
            output_speed: SPEED_DEFAULT,
        }
    }
}

impl Termios {
    /// As `struct termios` lies in memory.
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let words = [self.input, self.output, self.control, self.local];
        for (index, word) in words.iter().enumerate() {
            bytes[4 * index..4 * index + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[16] = self.line;
        bytes[17..49].copy_from_slice(&self.characters);
        bytes[52..56].copy_from_slice(&self.input_speed.to_le_bytes());
        bytes[56..60].copy_from_slice(&self.output_speed.to_le_bytes());
        bytes
    }

    /// From the bytes of a `struct termios`.
    pub fn decode(bytes: &[u8; SIZE]) -> Termios {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let mut characters = [0; CONTROL_CHARACTERS];
        characters.copy_from_slice(&bytes[17..49]);
        Termios {
            input: word(0),
            output: word(4),
            control: word(8),
            local: word(12),
            line: bytes[16],
            characters,
            input_speed: word(52),
            output_speed: word(56),
        }
    }

    /// Whether a local mode is on.
    pub fn is_local(&self, flag: u32) -> bool {
        self.local & flag != 0
    }

    /// Whether an input mode is on.
    pub fn is_input(&self, flag: u32) -> bool {
        self.input & flag != 0
    }

    /// Whether a byte is this control character. 0 switches one off (`_POSIX_VDISABLE`).
    pub fn is_character(&self, byte: u8, index: usize) -> bool {
        byte != 0 && self.characters[index] == byte
    }
}
