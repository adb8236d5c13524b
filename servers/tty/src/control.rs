//! `ioctl` requests of terminals.

use alloc::vec::Vec;
use proto::{Answer, Call, Error, Input, Outcome, Output, Reply};

use crate::jobs::signal;
use crate::kernel::Kernel;
use crate::line;
use crate::pty::packet;
use crate::server::Server;
use crate::sessions::{Place, Side};
use crate::terminal::{Drainer, Then, WindowSize};
use crate::termios::{SECOND_SIZE, SIZE, Termios, character};
use server_rt::read_input;

#[allow(missing_docs, reason = "named as <sys/ioctl.h> names them")]
mod request {
    pub const TCGETS: u64 = 0x5401;
    pub const TCSETS: u64 = 0x5402;
    pub const TCSETSF: u64 = 0x5404;
    pub const TCSBRK: u64 = 0x5409;
    pub const TCXONC: u64 = 0x540a;
    pub const TCFLSH: u64 = 0x540b;
    pub const TIOCSCTTY: u64 = 0x540e;
    pub const TIOCGPGRP: u64 = 0x540f;
    pub const TIOCSPGRP: u64 = 0x5410;
    pub const TIOCOUTQ: u64 = 0x5411;
    pub const TIOCSTI: u64 = 0x5412;
    pub const TIOCGWINSZ: u64 = 0x5413;
    pub const TIOCSWINSZ: u64 = 0x5414;
    pub const FIONREAD: u64 = 0x541b;
    pub const TIOCNOTTY: u64 = 0x5422;
    pub const TIOCGETD: u64 = 0x5424;
    pub const TCSBRKP: u64 = 0x5425;
    pub const TIOCGSID: u64 = 0x5429;
    pub const TIOCGDEV: u64 = 0x8004_5432;
    pub const TIOCEXCL: u64 = 0x540c;
    pub const TIOCNXCL: u64 = 0x540d;
    pub const TIOCSETD: u64 = 0x5423;
    pub const TIOCGEXCL: u64 = 0x8004_5440;
    pub const TIOCVHANGUP: u64 = 0x5437;
    pub const TCGETS2: u64 = 0x802c_542a;
    pub const TCSETS2: u64 = 0x402c_542b;
    pub const TCSETSF2: u64 = 0x402c_542d;
    pub const TIOCPKT: u64 = 0x5420;
    pub const TIOCGPKT: u64 = 0x8004_5438;
    pub const TIOCGPTN: u64 = 0x8004_5430;
    pub const TIOCSPTLCK: u64 = 0x4004_5431;
    pub const TIOCGPTLCK: u64 = 0x8004_5439;
    pub const TIOCSIG: u64 = 0x4004_5436;
}

/// The argument of an `ioctl`: a number, or bytes that go in or out.
#[derive(Clone, Copy)]
pub(crate) struct Argument {
    pub value: u64,
    pub data: Input,
    pub result: Output,
}

/// Queues and flows of `TCFLSH` and `TCXONC`.
mod queue {
    pub const INPUT: u64 = 0;
    pub const OUTPUT: u64 = 1;
    pub const BOTH: u64 = 2;
    pub const OUTPUT_OFF: u64 = 0;
    pub const OUTPUT_ON: u64 = 1;
    pub const INPUT_OFF: u64 = 2;
    pub const INPUT_ON: u64 = 3;
}

fn done() -> Reply {
    Ok(Answer::default().into())
}

fn give<C: Call + ?Sized>(call: &C, output: Output, bytes: &[u8]) -> Reply {
    if output.length < bytes.len() as u64 {
        return Err(Error::BadArgument);
    }
    call.write(output, 0, bytes)?;
    done()
}

fn give_number<C: Call + ?Sized>(call: &C, output: Output, number: u64) -> Reply {
    give(call, output, &(number as u32).to_le_bytes())
}

fn take<const N: usize, C: Call + ?Sized>(call: &C, input: Input) -> Result<[u8; N], Error> {
    let bytes: Vec<u8> = read_input(call, input, N, Error::BadArgument)?;
    bytes.try_into().map_err(|_| Error::BadArgument)
}

impl<K: Kernel> Server<K> {
    /// Carries out an `ioctl`.
    pub(crate) fn control_call<C: Call + ?Sized>(
        &mut self,
        call: &C,
        number: u64,
        argument: Argument,
    ) -> Reply {
        use request as r;
        let place = self.live(call)?;
        let terminal = &self.terminals[place.index];
        let result = argument.result;
        match number {
            r::TCGETS => give(call, result, &terminal.line.termios.encode()),
            r::TCGETS2 => give(call, result, &terminal.line.termios.encode_second()),
            r::TIOCGWINSZ => give(call, result, &window_bytes(terminal.window)),
            r::FIONREAD => give_number(call, result, self.readable_bytes(place)),
            r::TIOCOUTQ => give_number(call, result, self.unsent_bytes(place)),
            r::TIOCGETD => give_number(call, result, 0),
            r::TIOCGDEV => give_number(call, result, terminal.device),
            r::TIOCGEXCL => give_number(call, result, terminal.exclusive.into()),
            _ => self.change(call, place, number, argument),
        }
    }

    /// Requests that change something.
    fn change<C: Call + ?Sized>(
        &mut self,
        call: &C,
        place: Place,
        number: u64,
        argument: Argument,
    ) -> Reply {
        use request as r;
        let index = place.index;
        let changes = matches!(
            number,
            r::TCSETS..=r::TCSETSF | r::TCSETS2..=r::TCSETSF2 | r::TCSBRK..=r::TCFLSH | r::TCSBRKP
        );
        if changes {
            self.check_background(call, place)?;
        }
        self.touch(index);
        match number {
            r::TCSETS..=r::TCSETSF => {
                let termios = Termios::decode(&take::<SIZE, C>(call, argument.data)?);
                self.set_modes(call, index, termios, number - r::TCSETS)
            }
            r::TCSETS2..=r::TCSETSF2 => {
                let bytes = take::<SECOND_SIZE, C>(call, argument.data)?;
                let before = self.terminals[index].line.termios;
                let termios = Termios::decode_second(&bytes, &before);
                self.set_modes(call, index, termios, number - r::TCSETS2)
            }
            r::TCSBRK if argument.value == 0 => self.send_break(call, place),
            r::TCSBRKP => self.send_break(call, place),
            r::TCSBRK => self.drain(call, index, Then::Nothing),
            r::TCXONC => self.set_flow(index, argument.value),
            r::TCFLSH => self.flush_queues(place, argument.value),
            r::TIOCSWINSZ => self.set_window(call, index, argument.data),
            r::TIOCSTI => self.type_for(call, index, argument.data),
            r::TIOCEXCL | r::TIOCNXCL => {
                self.terminals[index].exclusive = number == r::TIOCEXCL;
                done()
            }
            r::TIOCSETD if u32::from_le_bytes(take(call, argument.data)?) == 0 => done(),
            r::TIOCSETD => Err(Error::BadArgument),
            r::TIOCVHANGUP if call.identity()?.credentials.user != 0 => Err(Error::NotPermitted),
            r::TIOCVHANGUP => {
                self.hang_up(index, true);
                done()
            }
            _ if place.side == Side::Master => self.master_request(call, place, number, argument),
            _ => self.job_request(call, place, number, argument),
        }
    }

    fn job_request<C: Call + ?Sized>(
        &mut self,
        call: &C,
        place: Place,
        number: u64,
        argument: Argument,
    ) -> Reply {
        use request as r;
        let identity = call.identity()?;
        let terminal = &self.terminals[place.index];
        match number {
            r::TIOCSCTTY => self.take_control(place.index, &identity, argument.value == 1)?,
            r::TIOCNOTTY => self.give_up(place.index, &identity)?,
            r::TIOCSPGRP => {
                let group = u32::from_le_bytes(take(call, argument.data)?);
                return self.set_foreground(call, place, group).map(Outcome::from);
            }
            r::TIOCGPGRP | r::TIOCGSID if !terminal.controls(&identity) => {
                return Err(Error::NotTerminal);
            }
            r::TIOCGPGRP => return give_number(call, argument.result, terminal.foreground),
            r::TIOCGSID => return give_number(call, argument.result, terminal.session),
            _ => return Err(Error::NotTerminal),
        }
        done()
    }

    /// Requests of a pseudo terminal's master.
    fn master_request<C: Call + ?Sized>(
        &mut self,
        call: &C,
        place: Place,
        number: u64,
        argument: Argument,
    ) -> Reply {
        use request as r;
        let (index, result) = (place.index, argument.result);
        let terminal = &mut self.terminals[index];
        let (session, foreground) = (terminal.session, terminal.foreground);
        let pty = terminal.pty.as_mut().ok_or(Error::NotTerminal)?;
        match number {
            r::TIOCGPTN => return give_number(call, result, index as u64 - 1),
            r::TIOCGPKT => return give_number(call, result, pty.packet.into()),
            r::TIOCGPTLCK => return give_number(call, result, pty.locked.into()),
            r::TIOCGPGRP => return give_number(call, result, foreground),
            r::TIOCGSID if session != 0 => return give_number(call, result, session),
            r::TIOCSPTLCK => pty.locked = take(call, argument.data)? != [0; 4],
            r::TIOCPKT => {
                pty.packet = take(call, argument.data)? != [0; 4];
                pty.events = 0;
            }
            r::TIOCSIG => {
                let known = [line::signal::INT, line::signal::QUIT, line::signal::TSTP];
                let signal = known.iter().find(|one| u64::from(**one) == argument.value);
                self.signal(foreground, *signal.ok_or(Error::BadArgument)?);
            }
            r::TIOCSPGRP | r::TIOCSCTTY | r::TIOCNOTTY => {
                return self.job_request(call, place, number, argument);
            }
            _ => return Err(Error::NotTerminal),
        }
        done()
    }

    /// Bytes that a read would take.
    fn readable_bytes(&self, place: Place) -> u64 {
        let terminal = &self.terminals[place.index];
        match place.side {
            Side::Master => terminal.output.len() as u64,
            Side::Terminal => terminal.line.available() as u64,
        }
    }

    /// Bytes that the device has not taken yet. What a master can read is with the device.
    fn unsent_bytes(&self, place: Place) -> u64 {
        let terminal = &self.terminals[place.index];
        match terminal.pty {
            Some(_) => 0,
            None => terminal.output.len() as u64,
        }
    }

    /// `tcsetattr`: `when` is 0 now, 1 after the output, 2 after it and without the input.
    fn set_modes<C: Call + ?Sized>(
        &mut self,
        call: &C,
        index: usize,
        termios: Termios,
        when: u64,
    ) -> Reply {
        if when == 0 {
            self.apply_modes(index, termios, false);
            return done();
        }
        self.drain(call, index, Then::SetModes(termios, when == 2))
    }

    /// Sets modes, perhaps without the input that waits.
    pub(crate) fn apply_modes(&mut self, index: usize, termios: Termios, flushes: bool) {
        let terminal = &mut self.terminals[index];
        if flushes {
            terminal.line.flush_input();
            terminal.note_packet(packet::FLUSH_READ, 0);
        }
        let stopped = terminal.line.is_stopped();
        terminal.change_modes(termios);
        self.note_stop(index, stopped);
    }

    /// Waits for the output to be with the device, and does something then.
    fn drain<C: Call + ?Sized>(&mut self, call: &C, index: usize, then: Then) -> Reply {
        self.terminals[index].drainers.push(Drainer {
            token: call.token(),
            number: call.number(),
            then,
        });
        Ok(Outcome::Later)
    }

    /// `tcsendbreak`: a master's arrives as a break condition at its slave. Other devices here
    /// have no line to break.
    fn send_break<C: Call + ?Sized>(&mut self, call: &C, place: Place) -> Reply {
        if place.side == Side::Terminal {
            return self.drain(call, place.index, Then::Nothing);
        }
        let line = &mut self.terminals[place.index].line;
        let stopped = line.is_stopped();
        let effects = line.type_break();
        self.apply(place.index, stopped, effects);
        done()
    }

    fn set_flow(&mut self, index: usize, action: u64) -> Reply {
        let terminal = &mut self.terminals[index];
        let stopped = terminal.line.is_stopped();
        let characters = terminal.line.termios;
        let sent = match action {
            queue::OUTPUT_OFF => {
                terminal.line.halted = true;
                None
            }
            queue::OUTPUT_ON => {
                (terminal.line.halted, terminal.line.stopped) = (false, false);
                None
            }
            queue::INPUT_OFF => characters.character(character::STOP),
            queue::INPUT_ON => characters.character(character::START),
            _ => return Err(Error::BadArgument),
        };
        if let Some(byte) = sent {
            terminal.show(&[byte]);
        }
        self.note_stop(index, stopped);
        done()
    }

    fn flush_queues(&mut self, place: Place, which: u64) -> Reply {
        if which > queue::BOTH {
            return Err(Error::BadArgument);
        }
        // What a master reads is what its slave writes.
        let other = match place.side {
            Side::Terminal => (queue::OUTPUT, queue::INPUT),
            Side::Master => (queue::INPUT, queue::OUTPUT),
        };
        let terminal = &mut self.terminals[place.index];
        if which != other.0 {
            terminal.line.flush_input();
            terminal.note_packet(packet::FLUSH_READ, 0);
        }
        if which != other.1 {
            terminal.output.clear();
            terminal.note_packet(packet::FLUSH_WRITE, 0);
        }
        done()
    }

    fn set_window<C: Call + ?Sized>(&mut self, call: &C, index: usize, data: Input) -> Reply {
        let bytes: [u8; 8] = take(call, data)?;
        let mut window = WindowSize::default();
        for (field, pair) in window.fields.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *field = u16::from_le_bytes(*pair);
        }
        let terminal = &mut self.terminals[index];
        let changed = core::mem::replace(&mut terminal.window, window) != window;
        let foreground = terminal.foreground;
        if changed {
            self.signal(foreground, signal::WINCH);
        }
        done()
    }

    /// `TIOCSTI`: input as if typed. Only root may: it lets one user type for another.
    fn type_for<C: Call + ?Sized>(&mut self, call: &C, index: usize, data: Input) -> Reply {
        if call.identity()?.credentials.user != 0 {
            return Err(Error::NotPermitted);
        }
        let [byte] = take(call, data)?;
        self.type_byte(index, byte);
        self.restart_timers(index);
        done()
    }
}

fn window_bytes(window: WindowSize) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (pair, field) in bytes.chunks_exact_mut(2).zip(window.fields) {
        pair.copy_from_slice(&field.to_le_bytes());
    }
    bytes
}
