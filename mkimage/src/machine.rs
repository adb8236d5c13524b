//! The virtual machine: QEMU's command line and what can be asked of it.

use crate::network::Network;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The value that the guest's debug-exit device turns a written byte `b` into: `2 b + 1`.
pub const DEBUG_EXIT_PORT: &str = "iobase=0xf4,iosize=0x04";

/// How the machine starts.
#[derive(Debug, Clone)]
pub enum Boot {
    /// QEMU loads the loader and the bundle itself: the quick way.
    Direct {
        /// The loader's PVH program.
        loader: PathBuf,
        /// The boot bundle.
        bundle: PathBuf,
        /// The kernel's command line.
        command_line: String,
    },
    /// UEFI firmware boots the disk.
    Firmware {
        /// The firmware's code.
        code: PathBuf,
        /// A writable copy of its variables.
        variables: PathBuf,
    },
}

/// Where the serial line goes.
#[derive(Debug, Clone)]
pub enum Serial {
    /// This terminal; ^C goes to the guest, C-a x ends QEMU.
    Terminal,
    /// A file.
    File(PathBuf),
    /// A socket on which someone listens.
    Socket(PathBuf),
}

/// A virtual machine to be.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Processors.
    pub processors: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The processor model.
    pub processor_model: String,
    /// The disk image; none for a machine without a disk.
    pub disk: Option<PathBuf>,
    /// Whether what is written to the disk is thrown away.
    pub throw_away: bool,
    /// Whether a window shows the screen.
    pub display: bool,
    /// Whether instructions are counted (one tick of the time-stamp counter each).
    pub count_instructions: bool,
    /// How it starts.
    pub boot: Boot,
    /// Where the serial line goes.
    pub serial: Serial,
    /// Sockets behind virtual consoles, in PCI order.
    pub consoles: Vec<PathBuf>,
    /// Network cards.
    pub network: Network,
}

/// The program that emulates the machine.
pub const QEMU: &str = "qemu-system-x86_64";

impl Machine {
    /// The command that starts the machine.
    pub fn command(&self) -> Command {
        let mut command = Command::new(QEMU);
        command.args(self.arguments());
        command
    }

    fn arguments(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let mut add = |line: &str| words.extend(line.split(' ').map(str::to_string));
        add("-nodefaults -no-user-config -no-reboot -machine q35 -accel");
        // Several translation threads would make counting inexact, and QEMU refuses them.
        add(if self.count_instructions {
            "tcg,thread=single"
        } else {
            "tcg"
        });
        if self.count_instructions {
            add("-icount shift=0");
        }
        add(&format!(
            "-cpu {} -m {}M -smp {}",
            self.processor_model, self.memory_mib, self.processors
        ));
        add(&format!("-device isa-debug-exit,{DEBUG_EXIT_PORT}"));
        add(if self.display {
            "-vga std"
        } else {
            "-display none -vga none"
        });
        words.extend(self.boot_arguments());
        words.extend(self.disk_arguments());
        words.extend(self.serial_arguments());
        for (index, socket) in self.consoles.iter().enumerate() {
            words.push("-chardev".into());
            words.push(format!("socket,id=console{index},path={}", option(socket)));
            words.push("-device".into());
            words.push(format!(
                "virtio-serial-pci,id=serial{index},max_ports=1,disable-legacy=on"
            ));
            words.push("-device".into());
            words.push(format!(
                "virtconsole,bus=serial{index}.0,chardev=console{index}"
            ));
        }
        words.extend(self.network.arguments());
        words
    }

    fn boot_arguments(&self) -> Vec<String> {
        match &self.boot {
            Boot::Direct {
                loader,
                bundle,
                command_line,
            } => vec![
                "-kernel".into(),
                loader.display().to_string(),
                "-initrd".into(),
                // QEMU takes a comma for the start of another module's name.
                option(bundle),
                "-append".into(),
                command_line.clone(),
            ],
            Boot::Firmware { code, variables } => vec![
                "-drive".into(),
                format!("if=pflash,format=raw,readonly=on,file={}", option(code)),
                "-drive".into(),
                format!("if=pflash,format=raw,file={}", option(variables)),
            ],
        }
    }

    fn disk_arguments(&self) -> Vec<String> {
        let Some(disk) = &self.disk else {
            return Vec::new();
        };
        let snapshot = if self.throw_away { ",snapshot=on" } else { "" };
        vec![
            "-drive".into(),
            format!("if=none,id=disk,format=raw,file={}{snapshot}", option(disk)),
            "-device".into(),
            "virtio-blk-pci,drive=disk,disable-legacy=on".into(),
        ]
    }

    fn serial_arguments(&self) -> Vec<String> {
        let (chardev, monitor) = match &self.serial {
            Serial::Terminal => ("stdio,id=serial,mux=on,signal=off".to_string(), true),
            Serial::File(path) => (format!("file,id=serial,path={}", option(path)), false),
            Serial::Socket(path) => (format!("socket,id=serial,path={}", option(path)), false),
        };
        let mut words = vec![
            "-chardev".to_string(),
            chardev,
            "-serial".to_string(),
            "chardev:serial".to_string(),
        ];
        if monitor {
            words.extend([
                "-mon".to_string(),
                "chardev=serial,mode=readline".to_string(),
            ]);
        }
        words
    }
}

/// A path as part of a QEMU option, in which a comma is written twice.
pub fn option(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// UEFI firmware of the machine's distribution: code, and variables copied into `folder`.
pub fn firmware(folder: &Path) -> Result<Boot> {
    let variables = folder.join("firmware-variables");
    let base = Path::new("/usr/share/OVMF");
    std::fs::copy(base.join("OVMF_VARS_4M.fd"), &variables)
        .context("cannot copy the UEFI firmware (package ovmf)")?;
    Ok(Boot::Firmware {
        code: base.join("OVMF_CODE_4M.fd"),
        variables,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            processors: 2,
            memory_mib: 128,
            processor_model: "max".into(),
            disk: Some("/a,b/disk".into()),
            throw_away: true,
            display: false,
            count_instructions: false,
            boot: Boot::Direct {
                loader: "l".into(),
                bundle: "b".into(),
                command_line: "one two".into(),
            },
            serial: Serial::File("log".into()),
            consoles: vec!["/tmp/out".into(), "/tmp/err".into()],
            network: Network::default(),
        }
    }

    fn line(machine: &Machine) -> String {
        machine.arguments().join(" ")
    }

    #[test]
    fn the_command_line_stays_one_argument() {
        assert!(machine().arguments().contains(&"one two".to_string()));
    }

    #[test]
    fn a_comma_in_a_path_is_doubled() {
        assert!(line(&machine()).contains("file=/a,,b/disk,snapshot=on"));
    }

    #[test]
    fn a_kept_disk_has_no_snapshot() {
        assert!(
            !line(&Machine {
                throw_away: false,
                ..machine()
            })
            .contains("snapshot")
        );
    }

    #[test]
    fn a_machine_can_have_no_disk() {
        let without = Machine {
            disk: None,
            ..machine()
        };
        assert!(!line(&without).contains("virtio-blk"));
    }

    #[test]
    fn each_console_has_a_device_of_its_own_in_order() {
        let text = line(&machine());
        let first = text.find("path=/tmp/out").unwrap();
        assert!(first < text.find("path=/tmp/err").unwrap());
        assert_eq!(text.matches("virtio-serial-pci").count(), 2);
    }

    #[test]
    fn interrupt_characters_go_to_the_guest() {
        assert!(
            line(&Machine {
                serial: Serial::Terminal,
                ..machine()
            })
            .contains("signal=off")
        );
    }

    #[test]
    fn counting_instructions_takes_one_thread() {
        let text = line(&Machine {
            count_instructions: true,
            ..machine()
        });
        assert!(text.contains("tcg,thread=single") && text.contains("-icount shift=0"));
    }
}
