//! Driving the interactive console as a person would: wait for a text, type something.

use crate::exec::Guest;
use crate::image::Built;
use crate::machine::{Boot, Machine, Serial};
use crate::network::Network;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// One step at the console.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Waits until this text has appeared since the last step.
    pub expect: Option<String>,
    /// Types this.
    #[serde(default)]
    pub send: String,
}

/// The machine and how it is run.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Whether instructions are counted (one tick of the time-stamp counter each).
    pub count_instructions: bool,
    /// The processor model.
    pub processor_model: String,
    /// Network cards.
    pub network: Network,
    /// More words for QEMU's command line.
    pub emulator_options: Vec<String>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            processors: 1,
            memory_mib: 256,
            count_instructions: false,
            processor_model: "max".into(),
            network: Network::default(),
            emulator_options: Vec::new(),
        }
    }
}

/// Boots a throw-away guest and goes through the steps. An error tells which text did not come and
/// what came instead.
pub fn drive(built: &Built, steps: &[Step], setup: &Setup, timeout: Duration) -> Result<()> {
    let mut session = Session::start(built, setup, timeout)?;
    steps.iter().try_for_each(|step| session.step(step))
}

/// A throw-away guest with someone at its console.
pub struct Session {
    guest: Guest,
    console: Console,
    /// Holds the console's socket.
    _folder: tempfile::TempDir,
}

impl Session {
    /// Starts a guest; `timeout` is the limit for the whole session.
    pub fn start(built: &Built, setup: &Setup, timeout: Duration) -> Result<Session> {
        let folder = tempfile::Builder::new()
            .prefix("mkimage-")
            .tempdir()
            .context("cannot make a temporary folder")?;
        let socket = folder.path().join("serial");
        let listener = UnixListener::bind(&socket).context("cannot listen on a socket")?;
        listener
            .set_nonblocking(true)
            .context("cannot prepare a socket")?;
        let mut command = machine(built, setup, socket).command();
        command.args(&setup.emulator_options);
        let mut guest = Guest::start(command, &folder.path().join("qemu.log"))?;
        let deadline = Instant::now() + timeout;
        let stream = accept(&mut guest, &listener, deadline)?;
        Ok(Session {
            guest,
            console: Console::new(stream, deadline)?,
            _folder: folder,
        })
    }

    /// Goes through one step.
    pub fn step(&mut self, step: &Step) -> Result<()> {
        self.console.step(step)
    }

    /// Asks QEMU to end, so that its plugins can say what they found, and waits for it.
    pub fn end(mut self) -> Result<()> {
        self.guest.ask_to_end()?;
        while self.guest.ended()?.is_none() {
            if Instant::now() >= self.console.deadline {
                bail!("QEMU does not end");
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

fn machine(built: &Built, setup: &Setup, socket: PathBuf) -> Machine {
    Machine {
        processors: setup.processors,
        memory_mib: setup.memory_mib,
        processor_model: setup.processor_model.clone(),
        disk: Some(built.image.clone()),
        throw_away: true,
        display: false,
        count_instructions: setup.count_instructions,
        boot: Boot::Direct {
            loader: built.system.pvh_loader.clone(),
            bundle: built.system.bundle.clone(),
            command_line: built.profile.command_line.clone(),
        },
        serial: Serial::Socket(socket),
        consoles: Vec::new(),
        network: setup.network.clone(),
    }
}

fn accept(guest: &mut Guest, listener: &UnixListener, deadline: Instant) -> Result<UnixStream> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                return Err(error).context("cannot accept QEMU");
            }
            Err(_) if guest.ended()?.is_some() || Instant::now() >= deadline => {
                bail!("QEMU did not start")
            }
            Err(_) => std::thread::sleep(POLL_INTERVAL),
        }
    }
}

struct Console {
    stream: UnixStream,
    deadline: Instant,
    /// What came since the last expected text.
    pending: Vec<u8>,
}

impl Console {
    fn new(stream: UnixStream, deadline: Instant) -> Result<Console> {
        stream
            .set_nonblocking(false)
            .context("cannot prepare a socket")?;
        stream
            .set_read_timeout(Some(POLL_INTERVAL))
            .context("cannot prepare a socket")?;
        Ok(Console {
            stream,
            deadline,
            pending: Vec::new(),
        })
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        if let Some(text) = &step.expect {
            self.expect(text)?;
        }
        self.stream
            .write_all(step.send.as_bytes())
            .context("cannot type into the guest")
    }

    fn expect(&mut self, text: &str) -> Result<()> {
        let wanted = text.as_bytes();
        loop {
            if let Some(at) = self
                .pending
                .windows(wanted.len())
                .position(|window| window == wanted)
            {
                self.pending.drain(..at + wanted.len());
                return Ok(());
            }
            if Instant::now() >= self.deadline {
                bail!(
                    "time-out waiting for {text:?}; the console showed: {:?}",
                    self.shown()
                );
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!(
                    "the guest ended before {text:?} came; the console showed: {:?}",
                    self.shown()
                ),
                Ok(count) => self.pending.extend_from_slice(&buffer[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("cannot read the console"),
            }
        }
    }

    fn shown(&self) -> String {
        let start = self.pending.len().saturating_sub(2000);
        String::from_utf8_lossy(&self.pending[start..]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(timeout: Duration) -> (Console, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (
            Console::new(ours, Instant::now() + timeout).unwrap(),
            theirs,
        )
    }

    #[test]
    fn a_text_that_comes_in_pieces_is_found_and_used_up() {
        let (mut console, mut guest) = console(Duration::from_secs(30));
        guest.write_all(b"boot\r\npro").unwrap();
        guest.write_all(b"mpt$ ").unwrap();
        console
            .step(&Step {
                expect: Some("prompt$ ".into()),
                send: "ls\r".into(),
            })
            .unwrap();
        let mut typed = [0; 3];
        guest.read_exact(&mut typed).unwrap();
        assert_eq!(&typed, b"ls\r");
        assert!(console.pending.is_empty());
    }

    #[test]
    fn a_text_that_does_not_come_is_named_with_what_came() {
        let (mut console, mut guest) = console(Duration::from_millis(100));
        guest.write_all(b"panic").unwrap();
        let error = console.expect("prompt").unwrap_err().to_string();
        assert!(
            error.contains("prompt") && error.contains("panic"),
            "{error}"
        );
    }

    #[test]
    fn a_guest_that_ends_is_told() {
        let (mut console, guest) = console(Duration::from_secs(30));
        drop(guest);
        assert!(
            console
                .expect("prompt")
                .unwrap_err()
                .to_string()
                .contains("ended")
        );
    }
}
