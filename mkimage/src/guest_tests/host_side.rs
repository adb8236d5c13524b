//! What a guest test does on the host while its guest runs: files made before, a server for the
//! guest's clients, a client for the guest's servers.

use crate::exec::{Outcome, Request, Sink};
use crate::network::{Forward, Network};
use crate::staging::Addition;
use crate::workspace::write_file;
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Time for a server of the host's to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// The line by which the guest says that its servers listen.
const READY: &[u8] = b"ready\n";

/// The host's part of a test. Commands are for the host's `/bin/sh`, in a folder of their own that
/// the guest finds as `/host`, as it is when the guest boots.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostSide {
    /// Makes files, before the boot.
    pub prepare: Option<String>,
    /// Runs beside the guest and listens on 127.0.0.1 at `$PORT`, which the guest reaches at 10.0.2.2
    /// and the port that is in `/host/port`.
    pub server: Option<String>,
    /// Guest's TCP ports that a port of the host's leads to; for 22 it is in `$PORT_22`.
    pub forward: Vec<u16>,
    /// Runs when the guest has printed a line `ready`; the guest is switched off when it has ended.
    pub client: Option<String>,
    /// What the client must print.
    pub output: String,
}

/// The host's part while its test runs.
pub struct Running<'a> {
    side: &'a HostSide,
    folder: tempfile::TempDir,
    forwards: Vec<Forward>,
    /// Ends with the test.
    _server: Option<Server>,
}

impl HostSide {
    /// Prepares and starts what is to be there before the guest boots.
    pub fn start(&self) -> Result<Running<'_>> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        if let Some(command) = &self.prepare {
            run_to_end(shell(command, folder.path())).context("host.prepare")?;
        }
        let server = match &self.server {
            Some(command) => Some(Server::start(command, folder.path()).context("host.server")?),
            None => None,
        };
        let forwards = self
            .forward
            .iter()
            .map(|guest| Forward::from_free_port(*guest));
        Ok(Running {
            side: self,
            forwards: forwards.collect::<Result<_>>()?,
            folder,
            _server: server,
        })
    }
}

impl Running<'_> {
    /// What the guest needs to be given for it.
    pub fn extend(&self, request: &mut Request) {
        request.additions.push(Addition {
            host: self.folder.path().to_path_buf(),
            guest: "/host".into(),
        });
        request.network = Network {
            forwards: self.forwards.clone(),
            ..request.network.clone()
        };
    }

    /// Runs a guest with `run`, which is given where its standard output is to go as well, and the
    /// client beside it. Answers what `run` does.
    pub fn beside<T>(
        &self,
        request: &mut Request,
        run: impl FnOnce(&Request, Watch) -> Result<T>,
    ) -> Result<T> {
        let Some(client) = &self.side.client else {
            return run(request, Watch::default());
        };
        let stop = Arc::new(AtomicBool::new(false));
        request.stop = Some(Arc::clone(&stop));
        let (sender, ready) = channel();
        let mut command = shell(client, self.folder.path());
        for Forward { host, guest } in &self.forwards {
            command.env(format!("PORT_{guest}"), host.to_string());
        }
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let result = when_ready(&ready, command);
                stop.store(true, Ordering::Release);
                result
            });
            let ran = run(request, Watch::new(sender));
            let printed = thread
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a thread panicked")));
            let ran = ran?;
            let printed = printed.context("host.client")?;
            ensure!(
                printed == self.side.output,
                "host.client printed {printed:?} instead of {:?}",
                self.side.output
            );
            Ok(ran)
        })
    }

    /// Whether a guest that was switched off came to the end that is wanted.
    pub fn is_good_end(&self, outcome: &Outcome) -> bool {
        self.side.client.is_some() && outcome.power_was_cut
    }
}

fn when_ready(ready: &Receiver<()>, command: Command) -> Result<String> {
    // The other end goes away with the guest.
    if ready.recv().is_err() {
        bail!("the guest ended before it was ready");
    }
    run_to_end(command)
}

/// Looks at a guest's output for the line that says it is ready.
#[derive(Default)]
pub struct Watch {
    line: Vec<u8>,
    tell: Option<Sender<()>>,
}

impl Watch {
    fn new(tell: Sender<()>) -> Watch {
        Watch {
            line: Vec::new(),
            tell: Some(tell),
        }
    }

    fn look(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.line.push(*byte);
            if *byte == b'\n' {
                if self.line == READY
                    && let Some(tell) = self.tell.take()
                {
                    // Nobody waits when the client has failed already.
                    let _ = tell.send(());
                }
                self.line.clear();
            }
        }
    }

    /// A sink that passes on what it is given.
    pub fn before(self, sink: Sink) -> Sink {
        Box::new(Watched { watch: self, sink })
    }
}

struct Watched {
    watch: Watch,
    sink: Sink,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.sink.write(bytes)?;
        self.watch.look(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}

fn shell(command: &str, folder: &Path) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-e", "-c", command]).current_dir(folder);
    shell.env("HOME", folder).stdin(Stdio::null());
    shell
}

/// Runs a command: its standard output.
fn run_to_end(mut command: Command) -> Result<String> {
    let output = command.output().context("cannot start /bin/sh")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(
        output.status.success(),
        "{}; it printed {:?} and complained {:?}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    Ok(text(&output.stdout))
}

/// A server on the host's loopback, and whatever it has started; all of it ends with this value.
struct Server {
    child: Child,
}

impl Server {
    fn start(command: &str, folder: &Path) -> Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .context("the host has no free port")?
            .port();
        write_file(&folder.join("port"), format!("{port}\n"))?;
        let mut shell = shell(command, folder);
        shell
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = shell
            .process_group(0)
            .spawn()
            .context("cannot start /bin/sh")?;
        let mut server = Server { child };
        server.wait_for(port)?;
        Ok(server)
    }

    fn wait_for(&mut self, port: u16) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = self.child.try_wait().context("cannot wait for it")? {
                bail!("it ended with {status} before it listened");
            }
            ensure!(
                Instant::now() < deadline,
                "it does not listen on port {port}"
            );
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The group is the shell's own, so that nothing else is meant. Both fail only when all has
        // ended already.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, PoisonError};

    fn running(side: &HostSide) -> Running<'_> {
        side.start().unwrap()
    }

    /// A guest that prints a text.
    fn guest(text: &str) -> impl FnOnce(&Request, Watch) -> Result<String> {
        move |request, watch| {
            let kept = Arc::new(Mutex::new(Vec::new()));
            struct Keep(Arc<Mutex<Vec<u8>>>);
            impl Write for Keep {
                fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                    self.0
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend(bytes);
                    Ok(bytes.len())
                }
                fn flush(&mut self) -> std::io::Result<()> {
                    Ok(())
                }
            }
            let mut sink = watch.before(Box::new(Keep(Arc::clone(&kept))));
            sink.write_all(text.as_bytes())?;
            let is_waited_for = text.lines().any(|line| line == "ready");
            while is_waited_for
                && !request
                    .stop
                    .as_ref()
                    .is_none_or(|stop| stop.load(Ordering::Acquire))
            {
                std::thread::sleep(POLL_INTERVAL);
            }
            Ok(String::from_utf8(kept.lock().unwrap().clone())?)
        }
    }

    #[test]
    fn the_client_runs_when_the_guest_is_ready_and_finds_its_port() {
        let side = HostSide {
            prepare: Some("echo made >file".into()),
            client: Some("cat file; [ \"$PORT_22\" -gt 0 ] && echo port".into()),
            forward: vec![22],
            output: "made\nport\n".into(),
            ..HostSide::default()
        };
        let mut request = Request::default();
        let running = running(&side);
        running.extend(&mut request);
        assert_eq!(request.network.forwards[0].guest, 22);
        assert_eq!(
            running.beside(&mut request, guest("so\nready\n")).unwrap(),
            "so\nready\n"
        );
    }

    #[test]
    fn a_client_that_fails_or_prints_something_else_fails_the_test() {
        for (client, wanted) in [("echo no", "instead of"), ("echo why >&2; exit 3", "why")] {
            let side = HostSide {
                client: Some(client.into()),
                output: "yes\n".into(),
                ..HostSide::default()
            };
            let result = running(&side).beside(&mut Request::default(), guest("ready\n"));
            let text = format!("{:#}", result.unwrap_err());
            assert!(text.contains(wanted), "{text}");
        }
    }

    #[test]
    fn a_guest_that_is_never_ready_fails_the_test() {
        let side = HostSide {
            client: Some("echo yes".into()),
            ..HostSide::default()
        };
        let result = running(&side).beside(&mut Request::default(), guest("not ready\n"));
        assert!(format!("{:#}", result.unwrap_err()).contains("before it was ready"));
    }

    #[test]
    fn a_server_that_does_not_listen_is_told() {
        let side = HostSide {
            server: Some("exit 7".into()),
            ..HostSide::default()
        };
        let text = format!("{:#}", side.start().err().unwrap());
        assert!(
            text.contains("host.server") && text.contains("exit status: 7"),
            "{text}"
        );
    }

    #[test]
    fn a_preparation_that_fails_is_told() {
        let side = HostSide {
            prepare: Some("echo because >&2; false".into()),
            ..HostSide::default()
        };
        assert!(format!("{:#}", side.start().err().unwrap()).contains("because"));
    }
}
