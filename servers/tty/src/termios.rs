//! `struct termios` and its flags (POSIX `<termios.h>`; values as the C library's header).

#![allow(missing_docs, reason = "flags are named as POSIX names them")]

/// How many control characters.
pub const CONTROL_CHARACTERS: usize = 32;
/// Bytes of the structure as it travels.
pub const SIZE: usize = 60;

/// Bytes of `struct termios2`, and where its speeds are.
pub const SECOND_SIZE: usize = 44;
const SECOND_SPEEDS: usize = 36;

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
    pub const DISCARD: usize = 13;
    pub const WERASE: usize = 14;
    pub const LNEXT: usize = 15;
    pub const EOL2: usize = 16;
}

/// Input modes.
pub mod input {
    pub const IGNBRK: u32 = 1;
    pub const BRKINT: u32 = 2;
    pub const PARMRK: u32 = 8;
    pub const ISTRIP: u32 = 0x20;
    pub const INLCR: u32 = 0x40;
    pub const IGNCR: u32 = 0x80;
    pub const ICRNL: u32 = 0x100;
    pub const IUCLC: u32 = 0x200;
    pub const IXON: u32 = 0x400;
    pub const IXANY: u32 = 0x800;
    pub const IXOFF: u32 = 0x1000;
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
    pub const ECHOPRT: u32 = 0x400;
    pub const ECHOKE: u32 = 0x800;
    pub const IEXTEN: u32 = 0x8000;
    /// Input is processed by the master's program already.
    pub const EXTPROC: u32 = 0x10000;
}

/// Control modes.
pub mod control {
    /// The output's speed: 0..16 or, with bit 12, the faster ones.
    pub const CBAUD: u32 = 0x100f;
    /// In `CBAUD`: the speed is the number in `output_speed`.
    pub const BOTHER: u32 = 0x1000;
    /// The input's speed, as `CBAUD` shifted; 0 = that of the output.
    pub const CIBAUD: u32 = CBAUD << 16;
}

/// 115200 baud, 8 bits, receiver on, hang up on close.
const CONTROL_DEFAULT: u32 = 0x1002 | 48 | 0x80 | 0x400;
const SPEED_DEFAULT: u32 = 115_200;
/// Of a pseudo terminal: 38400 baud, 8 bits, receiver on.
const CONTROL_PSEUDO: u32 = 0xf | 48 | 0x80;

/// Baud of `B0` to `B38400`.
const SLOW: [u32; 16] = [
    0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19_200, 38_400,
];
/// Baud of `B57600` to `B4000000`.
const FAST: [u32; 15] = [
    57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000,
    2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

/// Baud of a speed's code in `CBAUD`; `None` for `BOTHER`.
fn baud(code: u32) -> Option<u32> {
    let index = code & 0xf;
    if code & control::BOTHER == 0 {
        return SLOW.get(index as usize).copied();
    }
    FAST.get((index as usize).checked_sub(1)?).copied()
}

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
            (character::DISCARD, 15),
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
    /// The modes that a pseudo terminal starts with.
    pub fn pseudo() -> Termios {
        Termios {
            input: input::ICRNL | input::IXON,
            control: CONTROL_PSEUDO,
            input_speed: 38_400,
            output_speed: 38_400,
            ..Termios::default()
        }
    }

    /// As `struct termios2` lies in memory: fewer characters, speeds as numbers.
    pub fn encode_second(&self) -> [u8; SECOND_SIZE] {
        let whole = self.encode();
        let mut bytes = [0; SECOND_SIZE];
        bytes[..SECOND_SPEEDS].copy_from_slice(&whole[..SECOND_SPEEDS]);
        bytes[SECOND_SPEEDS..SECOND_SPEEDS + 4].copy_from_slice(&self.input_speed.to_le_bytes());
        bytes[SECOND_SPEEDS + 4..].copy_from_slice(&self.output_speed.to_le_bytes());
        bytes
    }

    /// From the bytes of a `struct termios2`, with `before`'s characters where that has none.
    /// Speeds count as numbers where the modes say `BOTHER`.
    pub fn decode_second(bytes: &[u8; SECOND_SIZE], before: &Termios) -> Termios {
        let mut whole = before.encode();
        whole[..SECOND_SPEEDS].copy_from_slice(&bytes[..SECOND_SPEEDS]);
        whole[52..].copy_from_slice(&bytes[SECOND_SPEEDS..]);
        Termios::decode(&whole)
    }

    /// Makes the numbers of the speeds agree with their codes in the control modes.
    fn settle_speeds(mut self) -> Termios {
        if let Some(speed) = baud(self.control & control::CBAUD) {
            self.output_speed = speed;
        }
        let code = (self.control & control::CIBAUD) >> 16;
        if code == 0 {
            self.input_speed = self.output_speed;
        } else if let Some(speed) = baud(code) {
            self.input_speed = speed;
        }
        self
    }

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
        .settle_speeds()
    }

    /// Whether a local mode is on.
    pub fn is_local(&self, flag: u32) -> bool {
        self.local & flag != 0
    }

    /// Whether an input mode is on.
    pub fn is_input(&self, flag: u32) -> bool {
        self.input & flag != 0
    }

    /// A control character, unless it is switched off.
    pub fn character(&self, index: usize) -> Option<u8> {
        self.characters
            .get(index)
            .copied()
            .filter(|byte| *byte != 0)
    }

    /// Whether a byte is this control character. 0 switches one off (`_POSIX_VDISABLE`).
    pub fn is_character(&self, byte: u8, index: usize) -> bool {
        byte != 0 && self.characters[index] == byte
    }
}
