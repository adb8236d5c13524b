//! `mkimage exec`: one command in a throw-away guest, with its exact output and exit status.
//!
//! The guest has three virtio consoles: `/dev/hvc0` is the command's standard output, `/dev/hvc1`
//! its standard error, and `/dev/hvc2` carries the request (length as 32 bits, little endian, then
//! the command) and the answer (`exit N`). The serial line goes to a log and is shown only when
//! something went wrong, so nothing but the command's bytes reaches the caller.

use crate::image::{self, Built};
use crate::machine::{Boot, Machine, Serial};
use crate::network::Network;
use crate::staging::Addition;
use crate::workspace::{Workspace, make_folder};
use anyhow::{Context, Result};
use porting_kit::command::last_lines;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Exit status for a command that did not finish in time, as `timeout` has it.
pub const TIMED_OUT: i32 = 124;
/// Exit status for a guest that ended without telling the command's status.
pub const GUEST_FAILED: i32 = 125;
/// How often the guest's end is looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How much of the serial log is shown when the guest failed.
const LOG_TAIL_LINES: usize = 60;

/// A command to run, and the machine to run it on.
#[derive(Debug, Clone)]
pub struct Request {
    /// The command, for the guest's `/bin/sh -c`.
    pub command: String,
    /// Files and folders put into the guest.
    pub additions: Vec<Addition>,
    /// An image to run on, which keeps what is written; without one, a throw-away copy.
    pub kept_disk: Option<PathBuf>,
    /// A boot bundle in place of the built one.
    pub bundle: Option<PathBuf>,
    /// Cuts the power (kills QEMU) this long after the first byte of standard output has come.
    pub power_cut: Option<Duration>,
    /// Cuts the power when it becomes true.
    pub stop: Option<Arc<AtomicBool>>,
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Limit for boot and command together.
    pub timeout: Duration,
    /// Whether the time-stamp counter counts instructions.
    pub count_instructions: bool,
    /// The processor model.
    pub processor_model: String,
    /// Network cards.
    pub network: Network,
}

impl Default for Request {
    /// Nothing to run yet, on the machine that is used when none is asked for.
    fn default() -> Request {
        Request {
            command: String::new(),
            additions: Vec::new(),
            kept_disk: None,
            bundle: None,
            power_cut: None,
            stop: None,
            processors: 1,
            memory_mib: 256,
            timeout: Duration::from_secs(120),
            count_instructions: false,
            processor_model: "max".into(),
            network: Network::default(),
        }
    }
}

/// How it ended.
#[derive(Debug)]
pub struct Outcome {
    /// The command's exit status (128 + signal for one that was killed), or [`TIMED_OUT`] or
    /// [`GUEST_FAILED`].
    pub status: i32,
    /// For those two: what happened, with the end of the serial log.
    pub failure: Option<String>,
    /// Whether the power was cut before the command had ended.
    pub power_was_cut: bool,
}

/// Where the command's output goes.
pub type Sink = Box<dyn Write + Send>;

/// Runs a command in a guest made from a built profile.
pub fn run(
    workspace: &Workspace,
    built: &Built,
    request: &Request,
    stdout: Sink,
    stderr: Sink,
) -> Result<Outcome> {
    // Sockets have short names (108 bytes), so they do not go into the build folder; trees do, to
    // be linked instead of copied.
    let sockets = tempfile::Builder::new()
        .prefix("mkimage-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let scratch_parent = workspace.build("scratch")?;
    make_folder(&scratch_parent)?;
    let scratch =
        tempfile::tempdir_in(&scratch_parent).context("cannot make a temporary folder")?;
    let disk = disk_for(built, request, scratch.path())?;
    let log = sockets.path().join("serial.log");
    let channels = Channels::listen(sockets.path())?;
    let machine = Machine {
        processors: request.processors,
        memory_mib: request.memory_mib,
        processor_model: request.processor_model.clone(),
        disk: Some(disk),
        throw_away: request.kept_disk.is_none(),
        display: false,
        count_instructions: request.count_instructions,
        boot: Boot::Direct {
            loader: built.system.pvh_loader.clone(),
            bundle: (request.bundle.as_ref())
                .unwrap_or(&built.system.bundle)
                .clone(),
            command_line: format!("{} exec", built.profile.command_line)
                .trim_start()
                .to_string(),
        },
        serial: Serial::File(log.clone()),
        consoles: channels.paths.clone(),
        network: request.network.clone(),
    };
    let emulator_log = sockets.path().join("qemu.log");
    let mut guest = Guest::start(machine.command(), &emulator_log)?;
    let limits = Limits {
        deadline: Instant::now() + request.timeout,
        power_cut: request.power_cut,
        stop: request.stop.clone(),
    };
    let end = converse(
        &mut guest,
        &channels,
        &request.command,
        stdout,
        stderr,
        &limits,
    )?;
    Ok(outcome(end, request.timeout, &log, &emulator_log))
}

/// The profile's own image when nothing is added (QEMU keeps the writes of each guest apart);
/// otherwise an image of its own.
fn disk_for(built: &Built, request: &Request, scratch: &Path) -> Result<PathBuf> {
    if let Some(disk) = &request.kept_disk {
        return Ok(disk.clone());
    }
    if request.additions.is_empty() {
        return Ok(built.image.clone());
    }
    let staging = image::root_with(built, &request.additions, &scratch.join("root"))?;
    let needed = crate::root_file_system::needed_bytes(staging.root())?;
    // What is added must not use up the room that the profile leaves for the command.
    let room = built.profile.root_bytes()?;
    let disk = scratch.join("disk.img");
    image::make_disk(
        built,
        &disk,
        staging.root(),
        room.max(needed + room / 2),
        None,
    )?;
    Ok(disk)
}

/// The host's ends of the guest's consoles, waiting for QEMU.
struct Channels {
    listeners: Vec<UnixListener>,
    paths: Vec<PathBuf>,
}

impl Channels {
    fn listen(folder: &Path) -> Result<Channels> {
        let mut channels = Channels {
            listeners: Vec::new(),
            paths: Vec::new(),
        };
        for name in ["out", "err", "control"] {
            let path = folder.join(name);
            let listener = UnixListener::bind(&path)
                .with_context(|| format!("cannot listen on {}", path.display()))?;
            listener
                .set_nonblocking(true)
                .context("cannot prepare a socket")?;
            channels.listeners.push(listener);
            channels.paths.push(path);
        }
        Ok(channels)
    }
}

/// A running QEMU that does not outlive this program.
pub struct Guest {
    child: Child,
}

impl Guest {
    /// Starts QEMU with its own messages in `log`.
    pub fn start(command: Command, log: &Path) -> Result<Guest> {
        let file = std::fs::File::create(log)
            .with_context(|| format!("cannot create {}", log.display()))?;
        let program = command.get_program().to_string_lossy().into_owned();
        // setpriv lets the kernel end QEMU when this program is killed and cannot do it itself.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&program)
            .args(command.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        Ok(Guest { child })
    }

    /// Has QEMU end in an orderly way (by SIGTERM, for which the standard library has no call).
    pub fn ask_to_end(&self) -> Result<()> {
        let status = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .context("cannot start kill")?;
        anyhow::ensure!(status.success(), "cannot tell QEMU to end: {status}");
        Ok(())
    }

    /// The status if QEMU has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot wait for QEMU")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a guest came to its end.
enum End {
    /// It told the command's status and powered off.
    Finished(i32),
    /// Time was up. Whether the command had finished by then.
    TimedOut { finished: bool },
    /// QEMU ended without a status from the guest.
    Died(ExitStatus),
    /// The power was cut, as was asked for.
    PowerCut,
}

/// When QEMU is ended if it does not end by itself.
struct Limits {
    deadline: Instant,
    /// After the first byte of standard output.
    power_cut: Option<Duration>,
    /// When it becomes true.
    stop: Option<Arc<AtomicBool>>,
}

/// A sink that notes when the first byte came.
struct Noting {
    sink: Sink,
    first: Arc<OnceLock<Instant>>,
}

impl Write for Noting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.first.get_or_init(Instant::now);
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

fn converse(
    guest: &mut Guest,
    channels: &Channels,
    command: &str,
    stdout: Sink,
    stderr: Sink,
    limits: &Limits,
) -> Result<End> {
    let mut streams = Vec::new();
    for listener in &channels.listeners {
        match accept(guest, listener, limits.deadline)? {
            Accepted::Stream(stream) => streams.push(stream),
            Accepted::Ended(end) => return Ok(end),
        }
    }
    let mut streams = streams.into_iter();
    let (Some(out), Some(err), Some(control)) = (streams.next(), streams.next(), streams.next())
    else {
        anyhow::bail!("QEMU has fewer consoles than were asked for");
    };
    let first = Arc::default();
    let noting = Noting {
        sink: stdout,
        first: Arc::clone(&first),
    };
    let readers = [drain(out, Box::new(noting)), drain(err, stderr)];
    let answer = ask(control, command.as_bytes().to_vec());
    let ended = wait_until(guest, limits, &first)?;
    if ended.is_none() {
        guest.child.kill().context("cannot end QEMU")?;
        guest.child.wait().context("cannot wait for QEMU")?;
    }
    // QEMU is gone, so every socket is at its end and the threads finish.
    for reader in readers {
        let _ = reader.join();
    }
    let status = answer.join().ok().and_then(|text| parse_answer(&text));
    Ok(match (ended, status) {
        (Some(_), Some(status)) => End::Finished(status),
        (Some(exit), None) => End::Died(exit),
        (None, None) if Instant::now() < limits.deadline => End::PowerCut,
        (None, status) => End::TimedOut {
            finished: status.is_some(),
        },
    })
}

enum Accepted {
    Stream(UnixStream),
    Ended(End),
}

fn accept(guest: &mut Guest, listener: &UnixListener, deadline: Instant) -> Result<Accepted> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream
                    .set_nonblocking(false)
                    .context("cannot prepare a socket")?;
                return Ok(Accepted::Stream(stream));
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("cannot accept QEMU's connection"),
        }
        if let Some(status) = guest.ended()? {
            return Ok(Accepted::Ended(End::Died(status)));
        }
        if Instant::now() >= deadline {
            return Ok(Accepted::Ended(End::TimedOut { finished: false }));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// QEMU's status, or none when it is to be ended.
fn wait_until(
    guest: &mut Guest,
    limits: &Limits,
    first: &OnceLock<Instant>,
) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = guest.ended()? {
            return Ok(Some(status));
        }
        let now = Instant::now();
        let cut = |delay: Duration| first.get().is_some_and(|first| now >= *first + delay);
        let is_stopped = (limits.stop.as_ref()).is_some_and(|stop| stop.load(Ordering::Acquire));
        if now >= limits.deadline || is_stopped || limits.power_cut.is_some_and(cut) {
            return Ok(None);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Copies everything from the guest to `sink`. A reader that went away (`mkimage exec | head`) does
/// not stop the guest: the rest is read and dropped.
fn drain(mut stream: UnixStream, mut sink: Sink) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        let mut wanted = true;
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            wanted = wanted
                && sink
                    .write_all(&buffer[..count])
                    .and_then(|()| sink.flush())
                    .is_ok();
        }
    })
}

/// Sends the request and collects the answer.
fn ask(mut stream: UnixStream, command: Vec<u8>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let length = u32::try_from(command.len()).unwrap_or(u32::MAX);
        let mut answer = Vec::new();
        // A guest that is gone shows as an empty answer.
        let sent = stream
            .write_all(&length.to_le_bytes())
            .and_then(|()| stream.write_all(&command));
        if sent.is_ok() {
            let _ = stream.read_to_end(&mut answer);
        }
        String::from_utf8_lossy(&answer).into_owned()
    })
}

/// The status in `exit N`.
fn parse_answer(text: &str) -> Option<i32> {
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("exit "))?;
    line.trim()
        .parse()
        .ok()
        .filter(|status| (0..=255).contains(status))
}

fn outcome(end: End, timeout: Duration, log: &Path, emulator_log: &Path) -> Outcome {
    let read = |path: &Path| {
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    };
    let with_log = |what: String| {
        let messages = read(emulator_log);
        let serial = last_lines(&read(log), LOG_TAIL_LINES);
        Some(format!(
            "{what}\n{messages}--- end of the guest's serial log ---\n{serial}"
        ))
    };
    match end {
        End::Finished(status) => Outcome {
            status,
            failure: None,
            power_was_cut: false,
        },
        End::PowerCut => Outcome {
            status: GUEST_FAILED,
            failure: None,
            power_was_cut: true,
        },
        End::TimedOut { finished } => {
            let what = if finished {
                "the command had finished, but the guest did not power off"
            } else {
                "killed"
            };
            let failure = with_log(format!("time-out after {} s: {what}", timeout.as_secs()));
            Outcome {
                status: TIMED_OUT,
                failure,
                power_was_cut: false,
            }
        }
        End::Died(status) => {
            let failure = with_log(format!(
                "the guest ended without the command's status (QEMU: {status})"
            ));
            Outcome {
                status: GUEST_FAILED,
                failure,
                power_was_cut: false,
            }
        }
    }
}

#[cfg(test)]
mod tests;
