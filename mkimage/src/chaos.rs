//! `mkimage chaos`: ends servers under programs that check what they get, and tells what they noticed.
//!
//! The guest's part is `tests/chaos/chaos.c`. The guest counts instructions (`-icount`), so that a nanosecond of
//! its clock is an instruction, and the same seed gives the same moments.

use crate::exec::{self, Request};
use crate::image::{self, Built, DEFAULT_PROFILE, build_profile};
use crate::staging::Addition;
use crate::workspace::{Workspace, make_folder};
use crate::{disk, packages, root_file_system};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Servers that are ended when none is named.
const SERVERS: [&str; 11] = [
    "virtio-blk",
    "virtio-console",
    "serial",
    "devices",
    "ext2",
    "tmpfs",
    "tty",
    "local",
    "ipc",
    "vfs",
    "proc",
];
/// Seconds that an end, the next start and the work between may take on a slow host.
const SECONDS_FOR_EACH: u64 = 3;
/// Seconds for the boot and the programs' own work.
const SECONDS_BESIDES: u64 = 180;

/// How servers are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Killed at a random moment.
    Kill,
    /// Replaced by the same program.
    Update,
    /// A panic between two calls.
    Panic,
    /// A read of nothing.
    BadAddress,
    /// An instruction that does not exist.
    BadInstruction,
    /// Endless recursion.
    StackOverflow,
    /// Memory taken up to the limit.
    Leak,
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Way::Kill => "kill",
            Way::Update => "update",
            Way::Panic => "panic",
            Way::BadAddress => "bad-address",
            Way::BadInstruction => "bad-instruction",
            Way::StackOverflow => "stack-overflow",
            Way::Leak => "leak",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Args)]
pub struct ChaosArguments {
    /// A server to end (may be given again) [default: each in turn]
    #[arg(long = "server", value_name = "NAME")]
    pub servers: Vec<String>,
    /// How often each is ended
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub kills: u32,
    /// Same seed, same moments
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u32,
    /// How they are ended
    #[arg(long, value_enum, default_value_t = Way::Kill)]
    pub way: Way,
    /// The profile whose image it runs on
    #[arg(long, default_value = DEFAULT_PROFILE)]
    pub profile: String,
}

/// Output that is kept and shown.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Ok(mut kept) = self.0.lock() {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs it and prints the table; fails when a program met an error, a server did not come back, or the disk is damaged.
pub fn run(workspace: &Workspace, arguments: &ChaosArguments) -> Result<()> {
    let built = build_profile(workspace, &arguments.profile)?;
    let scratch = workspace.build("scratch")?;
    make_folder(&scratch)?;
    let folder = tempfile::tempdir_in(scratch).context("cannot make a temporary folder")?;
    let image = folder.path().join("disk.img");
    let names = chosen(arguments);
    let additions = additions(workspace, &names)?;
    let staging = image::root_with(&built, &additions, &folder.path().join("root"))?;
    let size = built.profile.root_bytes()?;
    image::make_disk(&built, &image, staging.root(), size, None)?;
    let output = ask_guest(workspace, &built, arguments, &names, image.clone())?;
    print!("{}", table(&output.text));
    root_file_system::check(&image, disk::root_offset(&image)?).context("the disk afterwards")?;
    println!("e2fsck finds nothing wrong with the disk.");
    match output.status {
        0 => Ok(()),
        status => bail!("the programs met errors, or a server did not come back (status {status})"),
    }
}

fn chosen(arguments: &ChaosArguments) -> Vec<String> {
    match arguments.servers.is_empty() {
        true => SERVERS.iter().map(|name| (*name).to_string()).collect(),
        false => arguments.servers.clone(),
    }
}

/// The guest's part, and the servers' own programs for updates.
fn additions(workspace: &Workspace, servers: &[String]) -> Result<Vec<Addition>> {
    let source = workspace.path("tests/chaos/chaos.c");
    let mut hosts = packages::test_programs(workspace, &[source])?;
    for server in servers {
        let program = workspace.build("guest/programs")?.join(server);
        if program.exists() {
            hosts.push(program);
        }
    }
    let into = |host| Addition {
        host,
        guest: "/programs/".into(),
    };
    Ok(hosts.into_iter().map(into).collect())
}

struct Output {
    text: String,
    status: i32,
}

fn ask_guest(
    workspace: &Workspace,
    built: &Built,
    arguments: &ChaosArguments,
    servers: &[String],
    image: std::path::PathBuf,
) -> Result<Output> {
    let ends = u64::from(arguments.kills) * servers.len() as u64;
    let command = format!(
        "/programs/chaos {} {} {} {}",
        arguments.seed,
        arguments.kills,
        arguments.way.word(),
        servers.join(" ")
    );
    let request = Request {
        command,
        kept_disk: Some(image),
        timeout: Duration::from_secs(SECONDS_BESIDES + SECONDS_FOR_EACH * ends),
        count_instructions: true,
        ..Request::default()
    };
    let kept = Kept::default();
    let (stdout, stderr) = (Box::new(kept.clone()), Box::new(std::io::stderr()));
    let outcome = exec::run(workspace, built, &request, stdout, stderr)?;
    if let Some(failure) = outcome.failure {
        bail!(failure);
    }
    let bytes = kept.0.lock().map(|kept| kept.clone()).unwrap_or_default();
    Ok(Output {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        status: outcome.status,
    })
}

/// The guest's lines as tables.
fn table(text: &str) -> String {
    let mut servers = String::from(
        "| server | ended | errors | pause, median | 99 % | longest (instructions) |\n|---|---|---|---|---|---|\n",
    );
    let mut loads =
        String::from("\n| programs | rounds | errors | the first |\n|---|---|---|---|\n");
    let mut counters = String::from("\n| counter | before | after |\n|---|---|---|\n");
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let row = |fields: &[&str]| format!("| {} |\n", fields.join(" | "));
        match fields.as_slice() {
            ["load", rest @ ..] => loads.push_str(&row(rest)),
            ["counter", rest @ ..] => counters.push_str(&row(rest)),
            rest => servers.push_str(&row(rest)),
        }
    }
    servers + &loads + &counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_lines_become_three_tables() {
        let text = "vfs\t20\t0\t1\t2\t3\nload\tfind\t7\t0\t\ncounter\thandles\t5\t5\n";
        let table = table(text);
        assert!(table.contains("| vfs | 20 | 0 | 1 | 2 | 3 |\n"), "{table}");
        assert!(table.contains("| find | 7 | 0 |  |\n"), "{table}");
        assert!(table.contains("| handles | 5 | 5 |\n"), "{table}");
    }

    #[test]
    fn without_a_name_every_server_is_ended() {
        let arguments = ChaosArguments {
            servers: vec![],
            kills: 1,
            seed: 1,
            way: Way::Kill,
            profile: DEFAULT_PROFILE.into(),
        };
        assert_eq!(chosen(&arguments).len(), SERVERS.len());
    }
}
