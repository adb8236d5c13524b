//! `ioctl` requests of terminals.

use alloc::vec::Vec;
use proto::{Answer, Call, Error, Input, Output, Reply};

use crate::jobs::signal;
use crate::kernel::Kernel;
use crate::server::{Server, read_input};
use crate::terminal::WindowSize;
use crate::termios::{SIZE, Termios};

#[allow(missing_docs, reason = "named as <sys/ioctl.h> names them")]
mod request {
    pub const TCGETS: u64 = 0x5401;
    pub const TCSETS: u64 = 0x5402;
    pub const TCSETSW: u64 = 0x5403;
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
}

/// Queues and flows of `TCFLSH` and `TCXONC`.
mod queue {
    pub const INPUT: u64 = 0;
    pub const OUTPUT: u64 = 1;
    pub const BOTH: u64 = 2;
    pub const OUTPUT_OFF: u64 = 0;
    pub const OUTPUT_ON: u64 = 1;
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
    let bytes: Vec<u8> = read_input(call, input, N)?;
    bytes.try_into().map_err(|_| Error::BadArgument)
}

impl<K: Kernel> Server<K> {
    /// Carries out an `ioctl`.
    pub(crate) fn control_call<C: Call + ?Sized>(
        &mut self,
        call: &C,
        number: u64,
        argument: u64,
        data: Input,
        result: Output,
    ) -> Reply {
        use request as r;
        let index = self.index(call)?;
        let terminal = &self.terminals[index];
        match number {
            r::TCGETS => give(call, result, &terminal.line.termios.encode()),
            r::TCSETS | r::TCSETSW | r::TCSETSF => self.set_modes(call, index, number, data),
            r::TCSBRK | r::TCSBRKP => {
                self.drain(index);
                done()
            }
            r::TCXONC => self.set_flow(index, argument),
            r::TCFLSH => self.flush_queues(index, argument),
            r::TIOCGWINSZ => give(call, result, &window_bytes(terminal.window)),
            r::TIOCSWINSZ => self.set_window(call, index, data),
            r::FIONREAD => give_number(call, result, terminal.line.available() as u64),
            r::TIOCOUTQ => give_number(call, result, terminal.output.len() as u64),
            r::TIOCGETD => give_number(call, result, 0),
            r::TIOCGDEV => give_number(call, result, terminal.device),
            r::TIOCSTI => self.type_for(call, index, data),
            _ => self.job_request(call, index, number, data, result),
        }
    }

    fn job_request<C: Call + ?Sized>(
        &mut self,
        call: &C,
        index: usize,
        number: u64,
        data: Input,
        result: Output,
    ) -> Reply {
        use request as r;
        let identity = call.identity()?;
        let terminal = &self.terminals[index];
        match number {
            r::TIOCSCTTY => self.take_control(index, &identity)?,
            r::TIOCNOTTY => self.give_up(index, &identity)?,
            r::TIOCSPGRP => {
                let group = u32::from_le_bytes(take(call, data)?);
                self.set_foreground(index, &identity, group.into())?;
            }
            r::TIOCGPGRP | r::TIOCGSID if !terminal.controls(&identity) => {
                return Err(Error::NotTerminal);
            }
            r::TIOCGPGRP => return give_number(call, result, terminal.foreground),
            r::TIOCGSID => return give_number(call, result, terminal.session),
            _ => return Err(Error::NotTerminal),
        }
        done()
    }

    fn set_modes<C: Call + ?Sized>(
        &mut self,
        call: &C,
        index: usize,
        number: u64,
        data: Input,
    ) -> Reply {
        let termios = Termios::decode(&take::<SIZE, C>(call, data)?);
        if number != request::TCSETS {
            self.drain(index);
        }
        if number == request::TCSETSF {
            self.terminals[index].line.flush_input();
        }
        self.terminals[index].line.set_termios(termios);
        self.flush(index);
        self.serve_readers(index);
        done()
    }

    fn set_flow(&mut self, index: usize, action: u64) -> Reply {
        match action {
            queue::OUTPUT_OFF => self.terminals[index].line.stopped = true,
            queue::OUTPUT_ON => {
                self.terminals[index].line.stopped = false;
                self.flush(index);
            }
            // Stopping what is typed: 2 and 3 would send the stop and start characters out.
            2 | 3 => return Err(Error::Unsupported),
            _ => return Err(Error::BadArgument),
        }
        done()
    }

    fn flush_queues(&mut self, index: usize, which: u64) -> Reply {
        if which > queue::BOTH {
            return Err(Error::BadArgument);
        }
        if which != queue::OUTPUT {
            self.terminals[index].line.flush_input();
        }
        if which != queue::INPUT {
            self.terminals[index].output.clear();
        }
        self.flush(index);
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
        self.serve_readers(index);
        self.flush(index);
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
