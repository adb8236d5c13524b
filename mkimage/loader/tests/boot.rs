//! Boots the test kernel in QEMU through both entries, and broken ones that must be refused.
//!
//! The kernel prints what the loader told it (see `tests/kernel`) and leaves with status 33;
//! the loader leaves with status 35 when it refuses.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const KERNEL_EXIT: i32 = 33;
const LOADER_EXIT: i32 = 35;
const FIRMWARE: &str = "/usr/share/ovmf/OVMF.fd";
/// The machine is killed after this long; no test depends on how long it takes.
const LIMIT_S: &str = "120";

struct Programs {
    kernel: PathBuf,
    pvh: PathBuf,
    uefi: PathBuf,
}

/// Builds the guest programs once.
fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
            PathBuf::from,
        );
        build(&["loader-test-kernel", "loader-pvh"], "x86_64-unknown-none");
        build(&["loader-uefi"], "x86_64-unknown-uefi");
        Programs {
            kernel: target.join("x86_64-unknown-none/guest/loader-test-kernel"),
            pvh: target.join("x86_64-unknown-none/guest/loader-pvh"),
            uefi: target.join("x86_64-unknown-uefi/guest/loader-uefi.efi"),
        }
    })
}

fn build(packages: &[&str], target: &str) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--quiet", "--profile", "guest", "--target", target]);
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

/// Says that a test cannot run on this machine; true when it can.
fn available(program: &str, exists: bool) -> bool {
    if !exists {
        eprintln!("IGNORED: {program} is not installed");
    }
    exists
}

fn qemu_exists() -> bool {
    let probe = Command::new("qemu-system-x86_64")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    available("qemu-system-x86_64", probe.is_ok())
}

struct Boot {
    status: Option<i32>,
    output: String,
}

impl Boot {
    fn values(&self) -> HashMap<&str, &str> {
        self.output
            .lines()
            .filter_map(|line| line.trim().split_once('='))
            .collect()
    }

    fn assert_kernel_ran(&self) {
        assert_eq!(self.status, Some(KERNEL_EXIT), "{}", self.output);
    }

    fn assert_refused(&self, reason: &str) {
        assert_eq!(self.status, Some(LOADER_EXIT), "{}", self.output);
        assert!(self.output.contains(reason), "{}", self.output);
    }
}

fn qemu(arguments: &[&str]) -> Boot {
    let mut command = Command::new("timeout");
    command.args([
        LIMIT_S,
        "qemu-system-x86_64",
        "-machine",
        "q35",
        "-display",
        "none",
    ]);
    command.args(["-serial", "stdio", "-no-reboot", "-nic", "none"]);
    command
        .args(["-device", "isa-debug-exit,iobase=0xf4"])
        .args(arguments);
    let output = command.stdin(Stdio::null()).output().unwrap();
    Boot {
        status: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

/// A folder of this test's own, emptied.
fn folder(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn boot_pvh(test: &str, bundle: &[u8], arguments: &[&str]) -> Boot {
    let file = folder(test).join("bundle");
    std::fs::write(&file, bundle).unwrap();
    let loader = programs().pvh.to_str().unwrap();
    let mut all = vec!["-kernel", loader, "-initrd", file.to_str().unwrap()];
    all.extend_from_slice(arguments);
    qemu(&all)
}

fn kernel() -> Vec<u8> {
    std::fs::read(&programs().kernel).unwrap()
}

fn bundle_of(kernel: &[u8]) -> Vec<u8> {
    boot_bundle::write(&[("kernel", kernel), ("other", b"contents")]).unwrap()
}

fn check_responses(boot: &Boot, bundle: &[u8], command_line: &str, processors: &str) {
    boot.assert_kernel_ran();
    let values = boot.values();
    let sum: u64 = bundle.iter().map(|&byte| u64::from(byte)).sum();
    let module = format!("/bundle {} {sum}", bundle.len());
    let expected = [
        ("supported", "true"),
        ("revision", "Some(6)"),
        (
            "loader",
            concat!("MicroKosm loader ", env!("CARGO_PKG_VERSION")),
        ),
        ("command_line", command_line),
        ("stack", "true"),
        ("zeroes", "true"),
        ("hhdm", "0xffff800000000000"),
        ("memory_sorted", "true"),
        ("memory_aligned", "true"),
        ("memory_writable", "true"),
        ("memory_kernel", "true"),
        ("module", &module),
        ("rsdp", "RSD PTR"),
        ("map_text", "rx"),
        ("map_rodata", "r"),
        ("map_data", "rw"),
        ("map_stack", "rw"),
        ("address", "true"),
        ("processors", processors),
    ];
    for (key, value) in expected {
        assert_eq!(
            values.get(key).copied(),
            Some(value),
            "{key}\n{}",
            boot.output
        );
    }
    let date: i64 = values["date"].parse().unwrap();
    assert!(date > 1_700_000_000, "{date}");
}

#[test]
fn pvh_tells_the_kernel_everything_on_one_and_on_four_processors() {
    if !qemu_exists() {
        return;
    }
    let bundle = bundle_of(&kernel());
    for (test, processors) in [("pvh-1", "1"), ("pvh-4", "4")] {
        let arguments = ["-m", "256", "-smp", processors, "-append", "test  a=b"];
        let boot = boot_pvh(test, &bundle, &arguments);
        check_responses(&boot, &bundle, "test  a=b", processors);
    }
}

#[test]
fn pvh_maps_memory_above_four_gibibytes() {
    if !qemu_exists() {
        return;
    }
    let bundle = bundle_of(&kernel());
    let boot = boot_pvh(
        "pvh-large",
        &bundle,
        &["-m", "6G", "-append", "test", "-cpu", "max"],
    );
    check_responses(&boot, &bundle, "test", "1");
    let mebibytes: u64 = boot.values()["memory_mib"].parse().unwrap();
    assert!(mebibytes > 6 * 1024 - 16, "{mebibytes}");
}

#[test]
fn uefi_tells_the_kernel_everything_and_names_the_screen() {
    if !qemu_exists() || !available("OVMF", Path::new(FIRMWARE).exists()) {
        return;
    }
    let bundle = bundle_of(&kernel());
    let root = folder("uefi");
    let drive = format!("file=fat:rw:{},if=virtio,format=raw", root.display());
    std::fs::create_dir_all(root.join("EFI/BOOT")).unwrap();
    std::fs::create_dir_all(root.join("microkosm")).unwrap();
    std::fs::copy(&programs().uefi, root.join("EFI/BOOT/BOOTX64.EFI")).unwrap();
    std::fs::write(root.join("microkosm/kernel.elf"), kernel()).unwrap();
    std::fs::write(root.join("microkosm/bundle"), &bundle).unwrap();
    std::fs::write(root.join("microkosm/cmdline"), "test a=b\n").unwrap();
    let machine = [
        "-bios", FIRMWARE, "-m", "512", "-smp", "2", "-drive", &drive,
    ];
    let boot = qemu(&machine);
    check_responses(&boot, &bundle, "test a=b", "2");
    assert!(
        boot.values()["framebuffer"].ends_with("x32"),
        "{}",
        boot.output
    );

    let refuse = |file: &str, contents: &[u8], reason: &str| {
        let path = root.join(file);
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, contents).unwrap();
        let boot = qemu(&machine);
        boot.assert_refused(reason);
        // Once on the serial line, and once on the firmware's screen, which OVMF shows there too.
        let times = boot.output.matches(reason).count();
        assert!(times >= 2, "{}", boot.output);
        std::fs::write(&path, good).unwrap();
    };
    let mut other_machine = kernel();
    other_machine[18] = 183;
    refuse(
        "microkosm/kernel.elf",
        b"not a kernel",
        "kernel: the ELF file is truncated",
    );
    refuse(
        "microkosm/kernel.elf",
        &other_machine,
        "built for machine 183",
    );
    refuse(
        "microkosm/bundle",
        b"something else entirely",
        "does not start with MKBUNDLE",
    );
}

/// What stands in a text screen: every other byte is a letter, as QEMU's monitor shows them.
fn letters(monitor: &str) -> String {
    let bytes = monitor.split_whitespace().filter_map(|word| {
        let digits = word.strip_prefix("0x").filter(|digits| digits.len() == 2)?;
        u8::from_str_radix(digits, 16).ok()
    });
    bytes.step_by(2).map(char::from).collect()
}

#[test]
fn pvh_shows_on_the_screen_why_it_refuses() {
    if !qemu_exists() {
        return;
    }
    let bundle = folder("screen").join("bundle");
    std::fs::write(&bundle, b"something else entirely").unwrap();
    // Without the word `test` the loader stays, with its message on the screen.
    let mut machine = Command::new("timeout")
        .args([LIMIT_S, "qemu-system-x86_64", "-machine", "q35"])
        .args(["-display", "none", "-vga", "std", "-nic", "none"])
        .args(["-serial", "none", "-monitor", "stdio", "-kernel"])
        .arg(&programs().pvh)
        .arg("-initrd")
        .arg(&bundle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut monitor = machine.stdin.take().unwrap();
    let mut answers = BufReader::new(machine.stdout.take().unwrap());
    let mut shown = String::new();
    // Asked again until it stands there; the time-out above ends a machine that shows nothing.
    while !shown.contains("loader: ") || !shown.contains("MKBUNDLE") {
        writeln!(monitor, "xp /320xb 0xb8000").expect("the machine ended");
        let mut answer = String::new();
        while !answer.contains("b8138:") {
            let mut line = String::new();
            let length = answers.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "the machine ended; the screen showed {shown:?}");
            answer.push_str(&line);
        }
        shown = letters(&answer);
    }
    let _ = writeln!(monitor, "quit");
    machine.wait().unwrap();
}

#[test]
fn pvh_refuses_broken_kernels_and_bundles_with_a_reason() {
    if !qemu_exists() {
        return;
    }
    let refuse = |name: &str, bundle: &[u8], reason: &str| {
        boot_pvh(name, bundle, &["-append", "test"]).assert_refused(reason);
    };
    let good = kernel();
    let mut other_machine = good.clone();
    other_machine[18] = 183;
    // Cut inside the first segment: the second half of the file is only debug information.
    refuse(
        "cut",
        &bundle_of(&good[..5000]),
        "kernel: segment 0 lies outside the file",
    );
    refuse(
        "machine",
        &bundle_of(&other_machine),
        "built for machine 183",
    );
    refuse(
        "no-kernel",
        &boot_bundle::write(&[]).unwrap(),
        "no entry named kernel",
    );
    refuse(
        "no-bundle",
        b"something else entirely",
        "does not start with MKBUNDLE",
    );
}

#[test]
fn pvh_without_a_bundle_says_so() {
    if !qemu_exists() {
        return;
    }
    let loader = programs().pvh.to_str().unwrap();
    qemu(&["-kernel", loader, "-append", "test"]).assert_refused("no boot bundle");
}
