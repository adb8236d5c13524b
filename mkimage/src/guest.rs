//! Building what runs in the guest: loader, kernel, servers, libc; and putting the boot bundle
//! together.

use crate::symbols;
use crate::workspace::{Workspace, make_folder, read_file, write_file};
use anyhow::{Context, Result, anyhow, bail};
use porting_kit::Progress;
use porting_kit::command::run_logged;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cargo package of each server → its name in the bundle and in the declaration.
const SERVERS: [(&str, &str); 14] = [
    ("svc-server", "svc"),
    ("proc-server", "proc"),
    ("vfs-server", "vfs"),
    ("ext2-server", "ext2"),
    ("tmpfs-server", "tmpfs"),
    ("local-server", "local"),
    ("net-server", "net"),
    ("tty-server", "tty"),
    ("ipc-server", "ipc"),
    ("devices-server", "devices"),
    ("virtio-blk-driver", "virtio-blk"),
    ("virtio-console-driver", "virtio-console"),
    ("virtio-net-driver", "virtio-net"),
    ("serial-driver", "serial"),
];
/// The declaration of the system.
const DECLARATION: &str = "rootfs/etc/system.toml";
/// Name of the declaration in the bundle.
const DECLARATION_NAME: &str = "system";
/// Target of kernel, servers and the PVH loader.
pub const BARE_TARGET: &str = "x86_64-unknown-none";
const UEFI_TARGET: &str = "x86_64-unknown-uefi";

/// The built parts of a system, as the loader takes them.
pub struct System {
    /// The PVH loader, for QEMU's `-kernel`.
    pub pvh_loader: PathBuf,
    /// The UEFI loader.
    pub uefi_loader: PathBuf,
    /// The kernel without debug information.
    pub kernel: PathBuf,
    /// The boot bundle.
    pub bundle: PathBuf,
}

impl System {
    /// Where the parts are once they have been built.
    pub fn locate(workspace: &Workspace) -> Result<System> {
        Ok(System {
            pvh_loader: workspace.build("guest/programs/loader-pvh")?,
            uefi_loader: workspace.build("guest/programs/loader-uefi.efi")?,
            kernel: workspace.build("guest/programs/kernel")?,
            bundle: workspace.build("guest/bundle")?,
        })
    }

    /// Builds everything that is not up to date; `symbols` says whether the bundle has what the
    /// kernel's backtraces need.
    pub fn build(workspace: &Workspace, symbols: bool, progress: &dyn Progress) -> Result<System> {
        let system = System::locate(workspace)?;
        let builder = Builder {
            workspace,
            progress,
        };
        builder.cargo("kernel", BARE_TARGET, &["kernel"])?;
        builder.program("kernel", &system.kernel)?;
        let packages: Vec<&str> = SERVERS.iter().map(|(package, _)| *package).collect();
        builder.cargo("servers", BARE_TARGET, &packages)?;
        let mut entries = vec![("kernel", system.kernel.clone())];
        for (package, name) in SERVERS {
            let program = workspace.build(&format!("guest/programs/{name}"))?;
            builder.program(package, &program)?;
            entries.push((name, program));
        }
        builder.cargo("loader (PVH)", BARE_TARGET, &["loader-pvh"])?;
        builder.program("loader-pvh", &system.pvh_loader)?;
        builder.cargo("loader (UEFI)", UEFI_TARGET, &["loader-uefi"])?;
        let efi = workspace.build(&format!("guest/target/{UEFI_TARGET}/guest/loader-uefi.efi"))?;
        std::fs::copy(&efi, &system.uefi_loader)
            .with_context(|| format!("cannot copy {}", efi.display()))?;
        let mut data = vec![compact_declaration(workspace, DECLARATION, &entries)?];
        if symbols {
            let kernel = workspace.build(&format!("guest/target/{BARE_TARGET}/guest/kernel"))?;
            data.extend(symbols::tables(&read_file(&kernel)?)?);
        }
        write_bundle(&entries, &data, &system.bundle)?;
        Ok(system)
    }

    /// Builds the bundle of the system in `servers/tests/NAME`: kernel, supervisor, and one
    /// program, named as the folder, with a declaration of its own.
    pub fn test_bundle(
        &self,
        workspace: &Workspace,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<PathBuf> {
        let builder = Builder {
            workspace,
            progress,
        };
        builder.cargo(name, BARE_TARGET, &["svc-server", name])?;
        let program = workspace.build(&format!("guest/programs/{name}"))?;
        builder.program(name, &program)?;
        let entries = [
            ("kernel", self.kernel.clone()),
            ("svc", workspace.build("guest/programs/svc")?),
            (name, program),
        ];
        let source = format!("servers/tests/{name}/system.toml");
        let declaration = compact_declaration(workspace, &source, &entries)?;
        let bundle = workspace.build(&format!("guest/{name}.bundle"))?;
        write_bundle(&entries, &[declaration], &bundle)?;
        Ok(bundle)
    }
}

/// Cargo packages of the kernel, the servers and the programs that test them in the guest.
pub fn packages() -> impl Iterator<Item = &'static str> {
    let servers = SERVERS.iter().map(|(package, _)| *package);
    let others = ["kernel", "loader-pvh", "kernel-test", "kernel-bench"];
    servers.chain(others)
}

struct Builder<'a> {
    workspace: &'a Workspace,
    progress: &'a dyn Progress,
}

impl Builder<'_> {
    /// One cargo call for a group of packages. The groups are apart so that what one asks of a
    /// shared crate (a heap, say) does not reach the others.
    fn cargo(&self, what: &str, target: &str, packages: &[&str]) -> Result<()> {
        self.progress.step(what);
        let mut command = self.workspace.in_toolchain("cargo");
        command.args([
            "build",
            "--quiet",
            "--locked",
            "--profile",
            "guest",
            "--target",
            target,
        ]);
        command.args([
            "-Zbuild-std=core,alloc,compiler_builtins",
            "-Zbuild-std-features=compiler-builtins-mem",
        ]);
        command
            .arg("--target-dir")
            .arg(self.workspace.build("guest/target")?);
        for package in packages {
            command.args(["-p", package]);
        }
        run(what, &mut command, &self.workspace.build("guest/log")?)
    }

    /// Takes a built program out of the target folder, stripped; the original stays for symbols.
    fn program(&self, name: &str, to: &Path) -> Result<()> {
        let from = self
            .workspace
            .build(&format!("guest/target/{BARE_TARGET}/guest/{name}"))?;
        if is_of(to, &from) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            make_folder(folder)?;
        }
        let mut command = Command::new("llvm-strip-19");
        command.arg("--strip-all").arg(&from).arg("-o").arg(to);
        run(
            &format!("strip {name}"),
            &mut command,
            &self.workspace.build("guest/strip.log")?,
        )?;
        date_as(to, &from)
    }
}

/// Runs a build step with a fresh log.
pub fn run(step: &str, command: &mut Command, log: &Path) -> Result<()> {
    write_file(log, "")?;
    run_logged(step, command, log).map_err(|error| anyhow!("{error}"))
}

/// Whether `made` was made from this very `source`: cargo puts a program of an earlier build back as
/// it was, older than what was made from the one in between.
fn is_of(made: &Path, source: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    matches!((time(made), time(source)), (Ok(made), Ok(source)) if made == source)
}

/// Gives `made` the time of its source, by which [`is_of`] recognises it.
fn date_as(made: &Path, source: &Path) -> Result<()> {
    let date = || {
        let modified = source.metadata()?.modified()?;
        std::fs::File::options()
            .write(true)
            .open(made)?
            .set_modified(modified)
    };
    date().with_context(|| format!("cannot date {}", made.display()))
}

/// The declaration `source`, checked and in the form that `svc` reads.
fn compact_declaration(
    workspace: &Workspace,
    source: &str,
    programs: &[(&str, PathBuf)],
) -> Result<(&'static str, Vec<u8>)> {
    let path = workspace.path(source);
    let text = String::from_utf8(read_file(&path)?)
        .with_context(|| format!("{} is not UTF-8", path.display()))?;
    let system = declaration::System::parse(&text)
        .map_err(|error| anyhow!("{}: {error}", path.display()))?;
    for server in &system.servers {
        if !programs
            .iter()
            .any(|(name, _)| *name == server.program_name())
        {
            bail!(
                "{}: no program is called {:?}",
                path.display(),
                server.program_name()
            );
        }
    }
    Ok((DECLARATION_NAME, system.encode()))
}

fn write_bundle(
    programs: &[(&str, PathBuf)],
    data: &[(&'static str, Vec<u8>)],
    bundle: &Path,
) -> Result<()> {
    let mut contents = Vec::new();
    for (name, path) in programs {
        contents.push((*name, read_file(path)?));
    }
    contents.extend(data.iter().cloned());
    let entries: Vec<(&str, &[u8])> = contents
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    let bytes = boot_bundle::write(&entries)
        .map_err(|error| anyhow!("cannot write the boot bundle: {error:?}"))?;
    write_file(bundle, bytes)
}
