//! The 16550's registers (National Semiconductor PC16550D data sheet, section 8).

use alloc::collections::VecDeque;

mod register {
    pub const DATA: u64 = 0;
    pub const DIVISOR_LOW: u64 = 0;
    pub const INTERRUPT_ENABLE: u64 = 1;
    pub const DIVISOR_HIGH: u64 = 1;
    pub const INTERRUPT_CAUSE: u64 = 2;
    pub const FIFO_CONTROL: u64 = 2;
    pub const LINE_CONTROL: u64 = 3;
    pub const MODEM_CONTROL: u64 = 4;
    pub const LINE_STATUS: u64 = 5;
    pub const MODEM_STATUS: u64 = 6;
}

const DATA_READY: u8 = 1;
const TRANSMITTER_EMPTY: u8 = 1 << 5;
const INPUT_INTERRUPT: u8 = 1;
const OUTPUT_INTERRUPT: u8 = 1 << 1;
const NO_CAUSE: u8 = 1;
/// Bytes that an empty transmitter takes.
const FIFO_SIZE: usize = 16;
/// Input kept for readers. More stays in the line's own queue, where it holds the sender back.
const MAX_INPUT: usize = 64 * 1024;
/// Causes handled in one go: a line that is not there shows causes for ever.
const MAX_CAUSES: u32 = 1024;

/// Registers of the line.
pub trait Line {
    /// Reads a register.
    fn read(&mut self, register: u64) -> u8;
    /// Writes a register.
    fn write(&mut self, register: u64, value: u8);
    /// Writes bytes, one after the other, to one register.
    fn write_bytes(&mut self, register: u64, bytes: &[u8]);
}

/// The line with its input.
pub struct Uart<L: Line> {
    line: L,
    input: VecDeque<u8>,
    enabled: u8,
}

impl<L: Line> Uart<L> {
    /// Sets the line up: 115,200 baud, 8 bits, no parity, interrupts on input. What the line has
    /// received already is kept.
    pub fn new(mut line: L) -> Uart<L> {
        let steps = [
            (register::INTERRUPT_ENABLE, 0),
            (register::LINE_CONTROL, 0x80),
            (register::DIVISOR_LOW, 1),
            (register::DIVISOR_HIGH, 0),
            (register::LINE_CONTROL, 0x03),
            (register::FIFO_CONTROL, 0x01),
            // Ready, and the pin that lets interrupts out.
            (register::MODEM_CONTROL, 0x0b),
            (register::INTERRUPT_ENABLE, INPUT_INTERRUPT),
        ];
        for (register, value) in steps {
            line.write(register, value);
        }
        Uart {
            line,
            input: VecDeque::new(),
            enabled: INPUT_INTERRUPT,
        }
    }

    /// The registers, for tests.
    #[cfg(test)]
    pub(crate) fn line(&mut self) -> &mut L {
        &mut self.line
    }

    /// Bytes that can be read.
    pub fn input_length(&self) -> usize {
        self.input.len()
    }

    /// Copies the oldest input without taking it.
    pub fn peek(&self, bytes: &mut [u8]) -> usize {
        let pairs = bytes.iter_mut().zip(&self.input);
        pairs.map(|(to, from)| *to = *from).count()
    }

    /// Takes input that was peeked at.
    pub fn consume(&mut self, count: usize) {
        self.input.drain(..count.min(self.input.len()));
        self.receive();
    }

    /// Whether the line would take output now.
    pub fn takes_output(&mut self) -> bool {
        self.line.read(register::LINE_STATUS) & TRANSMITTER_EMPTY != 0
    }

    /// Sends from the start of `bytes` what the line takes now; returns how much.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            if !self.takes_output() {
                break;
            }
            let end = bytes.len().min(sent + FIFO_SIZE);
            self.line.write_bytes(register::DATA, &bytes[sent..end]);
            sent = end;
        }
        sent
    }

    /// Says whether an interrupt is wanted when the line can take more.
    pub fn want_output_interrupt(&mut self, wanted: bool) {
        self.enable(OUTPUT_INTERRUPT, wanted);
    }

    fn enable(&mut self, bit: u8, on: bool) {
        let enabled = if on {
            self.enabled | bit
        } else {
            self.enabled & !bit
        };
        if enabled != self.enabled {
            self.enabled = enabled;
            self.line.write(register::INTERRUPT_ENABLE, enabled);
        }
    }

    /// Handles every cause that the line shows: its interrupt is an edge, so the next one comes
    /// only after all have gone.
    pub fn interrupted(&mut self) {
        self.receive();
        for _ in 0..MAX_CAUSES {
            let cause = self.line.read(register::INTERRUPT_CAUSE);
            if cause & NO_CAUSE != 0 {
                break;
            }
            match cause >> 1 & 0b111 {
                0 => {
                    self.line.read(register::MODEM_STATUS);
                }
                3 => {
                    self.line.read(register::LINE_STATUS);
                }
                // Reading the cause has cleared it; what waits is sent by the caller.
                1 => {}
                _ => self.receive(),
            }
        }
    }

    fn receive(&mut self) {
        while self.input.len() < MAX_INPUT
            && self.line.read(register::LINE_STATUS) & DATA_READY != 0
        {
            let byte = self.line.read(register::DATA);
            self.input.push_back(byte);
        }
        // A cause that is not taken away must not be shown.
        self.enable(INPUT_INTERRUPT, self.input.len() < MAX_INPUT);
    }
}
