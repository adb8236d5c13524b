//! Boots the kernel with the drivers, real virtual devices behind them, and the guest's half.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const DECLARATION: &str = r#"
[[server]]
name = "devices"
resource = true

[[server]]
name = "serial"
ports = [{ name = "registers", base = 0x3f8, count = 8 }]
interrupt = [{ name = "line", line = 4 }]

[[server]]
name = "virtio-blk"
session = [{ name = "hardware", server = "devices", badge = 0x1af41042 }]

[[server]]
name = "virtio-console"
session = [{ name = "hardware", server = "devices", badge = 0x1af41043 }]

[[server]]
name = "driver-test"
control = true
session = [
    { name = "hardware", server = "devices", badge = 1 },
    { name = "block", server = "virtio-blk", badge = 1 },
    { name = "console", server = "virtio-console", badge = 1 },
    { name = "serial", server = "serial", badge = 1 },
]

[[server]]
name = "driver-killer"
arguments = ["role=killer"]
control = true
"#;

/// Packages and their names in the bundle.
const PROGRAMS: [(&str, &str); 8] = [
    ("kernel", "kernel"),
    ("svc-server", "svc"),
    ("devices-server", "devices"),
    ("serial-driver", "serial"),
    ("virtio-blk-driver", "virtio-blk"),
    ("virtio-console-driver", "virtio-console"),
    ("driver-guest-test", "driver-test"),
    ("driver-guest-test", "driver-killer"),
];
const PASSED: i32 = 33;
const DISK_BYTES: u64 = 8 << 20;
const PATTERN_BYTES: u64 = 1 << 20;
const CONSOLE_BYTES: u64 = 8 << 20;
const INPUT_BYTES: u64 = 300_000;
/// The machine is killed after this long; no test depends on how long it takes.
const LIMIT_S: &str = "300";

fn target() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(default, PathBuf::from)
}

fn build(packages: &[&str]) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args([
        "build",
        "--quiet",
        "--profile",
        "guest",
        "--target",
        "x86_64-unknown-none",
    ]);
    cargo.arg("-Zbuild-std=core,alloc,compiler_builtins");
    cargo.arg("-Zbuild-std-features=compiler-builtins-mem");
    packages.iter().for_each(|package| {
        cargo.args(["-p", package]);
    });
    assert!(
        cargo.status().unwrap().success(),
        "{packages:?} do not build"
    );
}

fn program(package: &str) -> PathBuf {
    target().join("x86_64-unknown-none/guest").join(package)
}

fn bundle() -> Vec<u8> {
    // Groups, because features that one asks for must not reach the others.
    build(&["loader-pvh"]);
    build(&["kernel"]);
    let servers: Vec<&str> = PROGRAMS[1..].iter().map(|(package, _)| *package).collect();
    build(&servers);
    let mut files = vec![(
        "system",
        declaration::System::parse(DECLARATION).unwrap().encode(),
    )];
    for (package, name) in PROGRAMS {
        files.push((name, std::fs::read(program(package)).unwrap()));
    }
    let entries: Vec<_> = files
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    boot_bundle::write(&entries).unwrap()
}

/// The same as in the guest.
fn pattern(position: u64) -> u8 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

fn pattern_bytes(from: u64, length: u64) -> Vec<u8> {
    (from..from + length).map(pattern).collect()
}

struct Machine {
    folder: PathBuf,
    command: Command,
}

impl Machine {
    fn new(name: &str, processors: &str) -> Machine {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("bundle"), bundle()).unwrap();
        let mut disk = pattern_bytes(0, PATTERN_BYTES);
        disk.resize(DISK_BYTES as usize, 0);
        std::fs::write(folder.join("disk"), disk).unwrap();
        std::fs::write(folder.join("input"), pattern_bytes(0, INPUT_BYTES)).unwrap();
        let mut command = Command::new("timeout");
        command
            .current_dir(&folder)
            .args([LIMIT_S, "qemu-system-x86_64", "-machine", "q35"]);
        command.args([
            "-m", "256", "-smp", processors, "-display", "none", "-nic", "none",
        ]);
        command.args([
            "-no-reboot",
            "-device",
            "isa-debug-exit,iobase=0xf4",
            "-serial",
            "stdio",
        ]);
        command.arg("-kernel").arg(program("loader-pvh"));
        command.args(["-initrd", "bundle", "-append", "test"]);
        command.args(["-drive", "if=none,id=disk,format=raw,file=disk"]);
        command.args(["-device", "virtio-blk-pci,drive=disk,disable-legacy=on"]);
        // The first console is a file; the second one goes both ways.
        let chardevs = [
            "file,id=console0,path=console0",
            "pipe,id=console1,path=pipe",
        ];
        for (index, chardev) in chardevs.into_iter().enumerate() {
            let bus = format!("virtio-serial-pci,id=bus{index},max_ports=1,disable-legacy=on");
            let port = format!("virtconsole,bus=bus{index}.0,chardev=console{index}");
            command.args(["-chardev", chardev, "-device", &bus, "-device", &port]);
        }
        Machine { folder, command }
    }

    /// A shell command in the machine's folder.
    fn shell(&self, line: &str) -> Child {
        let mut shell = Command::new("sh");
        shell
            .current_dir(&self.folder)
            .args(["-c", line])
            .spawn()
            .unwrap()
    }

    fn run(&mut self) -> String {
        assert!(
            self.shell("mkfifo pipe.in pipe.out")
                .wait()
                .unwrap()
                .success()
        );
        let mut ends = [
            self.shell("exec cat input > pipe.in"),
            self.shell("exec cat pipe.out > console1"),
        ];
        let output = self.command.stdin(Stdio::null()).output().unwrap();
        for end in &mut ends {
            // A machine that ends early leaves one of them waiting.
            if output.status.code() != Some(PASSED) {
                end.kill().unwrap();
            }
            end.wait().unwrap();
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(PASSED), "{text}");
        text
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap()
    }
}

#[test]
fn every_driver_serves_its_clients_on_one_and_on_two_processors() {
    if Command::new("qemu-system-x86_64")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        eprintln!("IGNORED: qemu-system-x86_64 is not installed");
        return;
    }
    for processors in ["1", "2"] {
        let mut machine = Machine::new(&format!("drivers-{processors}"), processors);
        let text = machine.run();
        assert!(text.contains("serial line: hello"), "{text}");
        assert!(
            machine.file("console0") == pattern_bytes(0, CONSOLE_BYTES),
            "{text}"
        );
        let second = String::from_utf8(machine.file("console1")).unwrap();
        let lines: Vec<_> = second.lines().collect();
        let after = ["after restart 0", "after restart 1", "after restart 2"];
        assert_eq!(lines[0], "second console");
        assert_eq!(lines[1..], after, "{text}");
        let disk = machine.file("disk");
        let written = 40 * 4096;
        assert!(disk[disk.len() - written..] == pattern_bytes(12_345, written as u64));
        assert!(disk[..PATTERN_BYTES as usize] == pattern_bytes(0, PATTERN_BYTES));
    }
}
