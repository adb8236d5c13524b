//! Conversations with stand-ins for QEMU.

use super::*;

#[test]
fn the_answer_is_the_last_exit_line() {
    assert_eq!(parse_answer("exit 0\n"), Some(0));
    assert_eq!(parse_answer("noise\nexit 137\n"), Some(137));
    for wrong in ["", "exit", "exit x\n", "exit 256\n", "exit -1\n"] {
        assert_eq!(parse_answer(wrong), None, "{wrong}");
    }
}

/// A stand-in for QEMU: a shell command that finds the sockets in $0 (out), $1 and $2.
fn pretend(script: &str, timeout: Duration) -> (Outcome, Vec<u8>) {
    pretend_until(script, timeout, None)
}

fn pretend_until(
    script: &str,
    timeout: Duration,
    power_cut: Option<Duration>,
) -> (Outcome, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let channels = Channels::listen(folder.path()).unwrap();
    let mut command = Command::new("perl");
    command
        .args(["-MIO::Socket::UNIX", "-e", script])
        .args(&channels.paths);
    let log = folder.path().join("log");
    let mut guest = Guest::start(command, &log).unwrap();
    let (sink, received) = collector();
    let limits = Limits {
        deadline: Instant::now() + timeout,
        power_cut,
        stop: None,
    };
    let end = converse(
        &mut guest,
        &channels,
        "a command",
        sink,
        Box::new(std::io::sink()),
        &limits,
    )
    .unwrap();
    let bytes = received.lock().unwrap().clone();
    (outcome(end, timeout, &log, &log), bytes)
}

struct Collector(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
fn collector() -> (Sink, std::sync::Arc<std::sync::Mutex<Vec<u8>>>) {
    let bytes = std::sync::Arc::default();
    (Box::new(Collector(std::sync::Arc::clone(&bytes))), bytes)
}

const CONNECT: &str = "my ($o, $e, $c) = map { IO::Socket::UNIX->new(Peer => $_) or die } @ARGV; \
     read $c, my $l, 4; read $c, my $r, unpack 'V', $l;";

#[test]
fn output_and_status_come_through_unchanged() {
    let script = format!("{CONNECT} print $o \"\\0\\r\\n\" x 1000000, $r; print $c \"exit 42\\n\"");
    let (outcome, bytes) = pretend(&script, Duration::from_secs(60));
    assert_eq!(outcome.status, 42);
    assert!(outcome.failure.is_none());
    assert_eq!(bytes.len(), 3_000_000 + 9);
    assert!(bytes.starts_with(b"\0\r\n\0\r\n") && bytes.ends_with(b"a command"));
}

#[test]
fn a_guest_that_dies_is_told_with_its_messages() {
    let (outcome, _) = pretend(
        &format!("{CONNECT} print STDERR \"went wrong\\n\"; exit 3"),
        Duration::from_secs(60),
    );
    assert_eq!(outcome.status, GUEST_FAILED);
    assert!(outcome.failure.unwrap().contains("went wrong"));
}

#[test]
fn a_guest_that_never_connects_is_told() {
    let (outcome, _) = pretend("exit 1", Duration::from_secs(60));
    assert_eq!(outcome.status, GUEST_FAILED);
}

#[test]
fn a_guest_that_hangs_is_killed_and_said_so() {
    let (outcome, _) = pretend(
        &format!("{CONNECT} sleep 1000"),
        Duration::from_millis(1500),
    );
    assert_eq!(outcome.status, TIMED_OUT);
    assert!(outcome.failure.unwrap().contains("killed"));
}

#[test]
fn the_power_is_cut_only_after_the_first_output() {
    let script = format!("{CONNECT} sleep 1; print $o \"begun\\n\"; $o->flush; sleep 1000");
    let limit = Duration::from_secs(60);
    let (outcome, bytes) = pretend_until(&script, limit, Some(Duration::ZERO));
    assert!(outcome.power_was_cut && outcome.failure.is_none());
    assert_eq!(bytes, b"begun\n");
}

#[test]
fn a_command_that_ends_before_the_power_is_cut_has_its_status() {
    let script = format!("{CONNECT} print $o \"x\"; print $c \"exit 3\\n\"");
    let limit = Duration::from_secs(60);
    let (outcome, _) = pretend_until(&script, limit, Some(limit));
    assert!(!outcome.power_was_cut);
    assert_eq!(outcome.status, 3);
}
