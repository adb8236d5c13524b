//! `mkimage`: builds, boots and tests MicroKosm images on the developer's machine.

mod bench;
mod boots;
mod chaos;
mod check;
mod commands;
mod console;
mod disk;
mod exec;
mod freshness;
mod guest;
mod guest_tests;
mod host_tests;
mod image;
mod keep;
mod libc;
mod machine;
mod network;
mod packages;
mod progress;
mod root_file_system;
mod run;
mod serial;
mod staging;
mod symbols;
mod tour;
mod wire;
mod workspace;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use network::{Attachment, Forward, Network};
use staging::Addition;
use std::path::PathBuf;
use std::process::ExitCode;

/// Builds, boots and tests MicroKosm images.
#[derive(Parser)]
#[command(name = "mkimage", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Makes a bootable disk image
    Build(BuildArguments),
    /// Boots the system on this terminal (C-a x ends QEMU)
    Run(RunArguments),
    /// Runs a command in a throw-away guest: its output here, its exit status as ours
    Exec(ExecArguments),
    /// Cooks recipes into packages
    #[command(subcommand)]
    Port(PortAction),
    /// Runs guest tests
    Test(TestArguments),
    /// Measures speed in guest instructions
    Bench(BenchArguments),
    /// Ends servers under programs that check what they get, and tells what they noticed
    Chaos(chaos::ChaosArguments),
    /// Checks formatting, lints, documentation, sizes, unsafe code and what is generated
    Check(CheckArguments),
}

#[derive(Args)]
struct CheckArguments {
    /// Writes interfaces.lock and the kernel reference anew instead
    #[arg(long)]
    update: bool,
}

#[derive(Args)]
struct BuildArguments {
    /// Profile from mkimage/profiles
    #[arg(long, default_value = image::DEFAULT_PROFILE)]
    profile: String,
    /// Puts a file or folder into the image
    #[arg(long, value_name = "HOST:GUEST")]
    add: Vec<Addition>,
    /// Size of the root partition, such as 300M [default: the profile's]
    #[arg(long, value_parser = disk::parse_size)]
    size: Option<u64>,
    /// Uses Limine's binaries from this folder as the boot loader
    #[arg(long, value_name = "DIR")]
    limine: Option<PathBuf>,
    /// The image to make
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// The machine to boot, and with what.
#[derive(Args)]
struct MachineArguments {
    /// Profile from mkimage/profiles
    #[arg(long, default_value = image::DEFAULT_PROFILE)]
    profile: String,
    /// Number of processors
    #[arg(long, default_value_t = 1, value_parser = |text: &str| bounded(text, 1, 8))]
    smp: u32,
    /// Memory in MiB
    #[arg(long, default_value_t = 256, value_parser = |text: &str| bounded(text, 8, 65536))]
    memory: u32,
    /// A network card: user, none, or socket: with `listen=[ADDRESS:]PORT`, connect=ADDRESS:PORT,
    /// multicast=GROUP:PORT or unix=PATH; may be repeated
    #[arg(long, default_value = "user")]
    net: Vec<Attachment>,
    /// Leads a TCP port of this machine's loopback to one of the guest's; may be repeated
    #[arg(long, value_name = "HOST:GUEST")]
    forward: Vec<Forward>,
}

impl MachineArguments {
    /// The network cards that were asked for, if they can be had.
    fn network(&self) -> anyhow::Result<Network> {
        let network = Network {
            cards: self.net.clone(),
            forwards: self.forward.clone(),
        };
        network.check().map(|()| network)
    }
}

#[derive(Args)]
struct RunArguments {
    #[command(flatten)]
    machine: MachineArguments,
    /// Shows the screen in a window
    #[arg(long)]
    display: bool,
    /// Boots this image instead of the one that is kept in build/disk.img
    #[arg(long, value_name = "FILE")]
    disk: Option<PathBuf>,
    /// Boots the disk by UEFI firmware, as a PC does (slower)
    #[arg(long)]
    uefi: bool,
}

#[derive(Args)]
struct ExecArguments {
    /// Puts a file or folder into the guest
    #[arg(long, value_name = "HOST:GUEST")]
    add: Vec<Addition>,
    #[command(flatten)]
    machine: MachineArguments,
    /// Seconds until the guest is killed
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = |text: &str| bounded(text, 1, 86400))]
    timeout: u32,
    /// The command, for the guest's /bin/sh
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[derive(Subcommand)]
enum PortAction {
    /// Cooks packages and prints where they are
    Build {
        /// Recipes
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Lists the recipes
    List,
    /// Starts a recipe from a Debian source package or a crate
    New {
        /// The recipe's name
        name: String,
        /// Debian source package
        #[arg(
            long,
            required_unless_present = "from_crate",
            conflicts_with = "from_crate"
        )]
        debian: Option<String>,
        /// Crate
        #[arg(long = "crate")]
        from_crate: Option<String>,
    },
}

#[derive(Args)]
struct TestArguments {
    /// Tests to run [default: all guest tests]
    names: Vec<String>,
    /// Runs set-up's tests and the host tests too
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Boots N times in a row with four processors instead
    #[arg(long, value_name = "N", conflicts_with_all = ["names", "all"],
        value_parser = |text: &str| bounded(text, 1, 100_000))]
    boots: Option<u32>,
}

#[derive(Args)]
struct BenchArguments {
    /// What to measure [default: everything]
    parts: Vec<bench::Part>,
    /// Folder with posixbench.c, linux-baseline.tsv and instmark.c
    #[arg(long, value_name = "DIR", default_value = "../shared/bench")]
    source: PathBuf,
}

/// A number from `low` to `high`.
fn bounded(text: &str, low: u32, high: u32) -> Result<u32, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (low..=high).contains(number))
        .ok_or_else(|| format!("wanted a number from {low} to {high}"))
}

fn main() -> ExitCode {
    let action = match CommandLine::try_parse() {
        Ok(line) => line.command,
        Err(error) if error.use_stderr() && error.kind() != NO_ARGUMENTS => {
            eprintln!("mkimage: {}", in_one_line(&error.to_string()));
            return ExitCode::from(WRONG_COMMAND_LINE);
        }
        Err(help) => help.exit(),
    };
    match commands::run(action) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("mkimage: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Exit status for a command line that is refused, as shells have it.
const WRONG_COMMAND_LINE: u8 = 2;
/// What is answered with the whole help.
const NO_ARGUMENTS: ErrorKind = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;

/// What is wrong with a command line, without the usage and hints that come behind it.
fn in_one_line(message: &str) -> String {
    let what = message.split("\n\n").next().unwrap_or(message);
    let words: Vec<&str> = what
        .split_whitespace()
        .skip_while(|w| *w == "error:")
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_command_line_is_told_in_one_line() {
        for (line, wanted) in [
            (
                vec!["mkimage", "build"],
                "were not provided: --output <FILE>",
            ),
            (
                vec!["mkimage", "run", "--smp"],
                "a value is required for '--smp",
            ),
            (
                vec!["mkimage", "exec", "--memory", "1K", "--", "x"],
                "number from 8 to 65536",
            ),
            (
                vec!["mkimage", "run", "--forward", "22"],
                "wanted HOST:GUEST",
            ),
            (
                vec!["mkimage", "run", "--net", "bridge"],
                "wanted user, none, or socket:",
            ),
        ] {
            let error = CommandLine::try_parse_from(line).err().unwrap();
            let text = in_one_line(&error.to_string());
            assert!(text.contains(wanted) && !text.contains('\n'), "{text}");
        }
    }
}
