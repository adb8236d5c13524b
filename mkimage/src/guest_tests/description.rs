//! What a guest test says: its file, and the comparison with what happened.

use super::damage::{BundleDamage, Damage};
use super::host_side::HostSide;
use super::power_cut::PowerCut;
use crate::console::Step;
use crate::image::DEFAULT_PROFILE;
use crate::network::{Attachment, Network};
use crate::workspace::{Workspace, read_file};
use crate::{packages, tour};
use anyhow::{Context, Result, anyhow, bail};
use porting_kit::digest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A guest test as its file describes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuestTest {
    /// What it shows, as a sentence.
    pub summary: String,
    /// A command for the guest's `/bin/sh -c`; without any of the four, `NAME.sh` beside the file.
    pub command: Option<String>,
    /// Commands, each in a boot of its own, on one disk that keeps what is written; afterwards the
    /// disk must pass `e2fsck -fn`.
    pub boots: Vec<String>,
    /// Steps at the interactive console.
    pub console: Vec<Step>,
    /// Words for the kernel's command line: a boot without a command, which must end by itself with
    /// QEMU's exit status `status` after `serial` has come.
    pub boot_words: Option<String>,
    /// Texts that must come on the serial line, in this order.
    pub serial: Vec<String>,
    /// A document whose `console` blocks are typed in and compared.
    pub tour: Option<String>,
    /// The profile whose image it runs on, if it is not the default one.
    pub profile: Option<String>,
    /// Standard output, exactly.
    pub output: String,
    /// In place of `output`: its SHA-256, for output that is long or no text.
    pub output_sha256: Option<String>,
    /// Standard error, exactly; not looked at when it is not given.
    pub error: Option<String>,
    /// Exit status.
    pub status: i32,
    /// Seconds for boot and command.
    pub timeout: Option<u64>,
    /// Numbers that the command finds in its environment, unless the host's environment has others.
    pub numbers: BTreeMap<String, u64>,
    /// Which of `numbers` says how many seconds the command works, beside `timeout`.
    pub duration: Option<String>,
    /// Processors.
    pub smp: Option<u32>,
    /// Memory in MiB.
    pub memory: Option<u64>,
    /// Network cards, as `--net` has them; none given: one on a user network.
    pub net: Vec<Attachment>,
    /// Connects the only network card to a wire whose other end the tests have (`crate::wire`).
    pub wire: bool,
    /// What is done on the host while the guest runs.
    pub host: Option<HostSide>,
    /// `HOST:GUEST`, host paths relative to `tests/guest`.
    pub add: Vec<String>,
    /// Runs the command so often at the same time, in guests of their own; each finds its number in
    /// `NUMBER`, and `output` has `$NUMBER` in its place.
    pub at_once: Option<u32>,
    /// What `exec` must say of a guest that it killed or that died.
    pub failure: Option<String>,
    /// Parts of the disk that are overwritten before the boot.
    pub damage: Vec<Damage>,
    /// What is missing in the boot bundle.
    pub bundle: Option<BundleDamage>,
    /// Boots a machine without a disk (with `boot_words` only: a command needs one).
    pub no_disk: bool,
    /// Cuts the power while this test's writer runs; `command` then looks at what is left.
    pub power_cut: Option<PowerCut>,
    /// C files and Cargo packages, relative to `tests/guest`, that are built with the SDK and put
    /// into `/programs`.
    pub programs: Vec<String>,
    /// Servers whose programs are put into `/programs`, as other versions to update to.
    pub servers: Vec<String>,
    /// Runs only when it is named: it takes long, or its packages take long to cook.
    pub by_name_only: bool,
    /// Recipes whose packages are added to the image for this test.
    pub packages: Vec<String>,
    /// The recipe whose test it is; while it is set, the package must be added to the image.
    #[serde(skip)]
    pub package: Option<String>,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Every test, by name.
pub fn load_all(workspace: &Workspace) -> Result<BTreeMap<String, GuestTest>> {
    let mut tests = BTreeMap::new();
    let folder = workspace.path("tests/guest");
    for entry in std::fs::read_dir(&folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .flatten()
    {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            tests.insert(name.to_string(), load(workspace, &path)?);
        }
    }
    for recipe in packages::recipes(workspace)? {
        if let Some(test) = recipe.test {
            let test = GuestTest {
                summary: format!("{} prints what its recipe says", recipe.name),
                package: Some(recipe.name.clone()),
                command: Some(test.command),
                output: test.output,
                status: test.status,
                ..GuestTest::default()
            };
            tests.insert(format!("port-{}", recipe.name), test);
        }
    }
    Ok(tests)
}

fn load(workspace: &Workspace, path: &Path) -> Result<GuestTest> {
    let text = String::from_utf8(read_file(path)?)
        .with_context(|| format!("{} is not UTF-8", path.display()))?;
    let mut test: GuestTest =
        toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    if let Some(document) = &test.tour {
        let text = String::from_utf8(read_file(&workspace.path(document))?)
            .context("the tour is not UTF-8")?;
        let tour = tour::extract(&text);
        test.command = Some(tour.commands);
        test.output = tour.output;
    } else if test.needs_script() {
        let script = path.with_extension("sh");
        test.command =
            Some(String::from_utf8(read_file(&script)?).context("a test's script is not UTF-8")?);
    }
    test.take_numbers(|name| std::env::var(name).ok())
        .with_context(|| path.display().to_string())?;
    Ok(test)
}

impl GuestTest {
    /// Whether what it does is in a file beside its description.
    fn needs_script(&self) -> bool {
        let nothing_listed = self.boots.is_empty() && self.console.is_empty();
        self.command.is_none() && self.boot_words.is_none() && nothing_listed
    }

    /// Puts `numbers` before the command, as the host's environment has them.
    fn take_numbers(&mut self, environment: impl Fn(&str) -> Option<String>) -> Result<()> {
        let mut prefix = String::new();
        for (name, number) in &mut self.numbers {
            if let Some(text) = environment(name) {
                *number = text
                    .parse()
                    .with_context(|| format!("{name}={text} is no number"))?;
            }
            prefix += &format!("export {name}={number}\n");
        }
        if let Some(name) = &self.duration {
            let seconds = self.numbers.get(name);
            let seconds = seconds.with_context(|| format!("{name} is not among the numbers"))?;
            self.timeout = Some(self.timeout.unwrap_or_default() + seconds);
        }
        if let Some(command) = &mut self.command {
            command.insert_str(0, &prefix);
        }
        Ok(())
    }

    /// The profile whose image it runs on.
    pub fn profile_name(&self) -> &str {
        self.profile.as_deref().unwrap_or(DEFAULT_PROFILE)
    }

    /// The network cards of its machine.
    pub fn network(&self) -> Network {
        let plain = Network::default();
        if self.net.is_empty() {
            return plain;
        }
        Network {
            cards: self.net.clone(),
            ..plain
        }
    }

    /// Whether it can run in a boot with others.
    pub fn can_share(&self) -> bool {
        let plain_machine = self.programs.is_empty()
            && self.package.is_none()
            && self.packages.is_empty()
            && self.smp.is_none()
            && self.memory.is_none()
            && self.timeout.is_none()
            && self.net.is_empty()
            && self.host.is_none()
            && !self.wire;
        let plain_run = self.at_once.is_none() && self.failure.is_none();
        let whole = plain_run
            && self.damage.is_empty()
            && self.bundle.is_none()
            && self.power_cut.is_none();
        self.command.is_some() && plain_machine && whole && self.add.is_empty()
    }

    /// Compares what happened with what should have.
    pub fn judge(&self, observed: &Observed) -> Result<()> {
        let mut wrong = Vec::new();
        if observed.status != self.status {
            wrong.push(format!(
                "exit status {} instead of {}",
                observed.status, self.status
            ));
        }
        match &self.output_sha256 {
            Some(wanted) => {
                let found = digest::of_bytes(&observed.stdout);
                if found != *wanted {
                    let length = observed.stdout.len();
                    wrong.push(format!("stdout ({length} bytes) has the SHA-256 {found}"));
                }
            }
            None if observed.stdout != self.output.as_bytes() => {
                wrong.push(difference("stdout", &self.output, &observed.stdout));
            }
            None => {}
        }
        if let Some(error) = &self.error
            && observed.stderr != error.as_bytes()
        {
            wrong.push(difference("stderr", error, &observed.stderr));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        if self.error.is_none() && !observed.stderr.is_empty() {
            wrong.push(format!(
                "its stderr: {}",
                String::from_utf8_lossy(&observed.stderr)
            ));
        }
        bail!("{}", wrong.join("\n  "))
    }
}

fn difference(what: &str, wanted: &str, found: &[u8]) -> String {
    let found = String::from_utf8_lossy(found);
    let line = wanted
        .lines()
        .zip(found.lines())
        .take_while(|(wanted, found)| wanted == found)
        .count();
    format!(
        "{what} differs from line {}:\n  wanted: {:?}\n  found:  {:?}",
        line + 1,
        wanted.lines().nth(line).unwrap_or("(end)"),
        found.lines().nth(line).unwrap_or("(end)")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_shown_beside_the_right_one() {
        let test = GuestTest {
            output: "a\nb\n".into(),
            ..GuestTest::default()
        };
        let observed = Observed {
            status: 1,
            stdout: b"a\nc\n".to_vec(),
            stderr: b"why".to_vec(),
        };
        let text = test.judge(&observed).unwrap_err().to_string();
        for part in [
            "exit status 1 instead of 0",
            "line 2",
            "\"b\"",
            "\"c\"",
            "why",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn output_can_be_compared_by_its_hash() {
        let hash = digest::of_bytes(b"a\xff");
        let test = GuestTest {
            output_sha256: Some(hash),
            ..GuestTest::default()
        };
        let observed = |stdout: &[u8]| Observed {
            status: 0,
            stdout: stdout.to_vec(),
            stderr: Vec::new(),
        };
        test.judge(&observed(b"a\xff")).unwrap();
        assert!(test.judge(&observed(b"a")).is_err());
    }

    #[test]
    fn the_right_output_passes() {
        let test = GuestTest {
            output: "a\n".into(),
            status: 2,
            ..GuestTest::default()
        };
        test.judge(&Observed {
            status: 2,
            stdout: b"a\n".to_vec(),
            stderr: b"noise".to_vec(),
        })
        .unwrap();
    }

    #[test]
    fn a_missing_end_of_the_output_is_noticed() {
        let test = GuestTest {
            output: "a\nb\n".into(),
            ..GuestTest::default()
        };
        let observed = Observed {
            status: 0,
            stdout: b"a\n".to_vec(),
            stderr: Vec::new(),
        };
        assert!(
            test.judge(&observed)
                .unwrap_err()
                .to_string()
                .contains("(end)")
        );
    }

    #[test]
    fn a_number_of_the_host_replaces_the_one_that_is_written_down() {
        let text =
            "command = \"x\"\ntimeout = 5\nduration = \"LONG\"\n[numbers]\nLONG = 60\nSEED = 1";
        let plain: GuestTest = toml::from_str(text).unwrap();
        let mut test = plain.clone();
        test.take_numbers(|name| (name == "LONG").then(|| "600".into()))
            .unwrap();
        assert_eq!(
            test.command.as_deref(),
            Some("export LONG=600\nexport SEED=1\nx")
        );
        assert_eq!(test.timeout, Some(605));
        let mut wrong = plain;
        assert!(wrong.take_numbers(|_| Some("soon; reboot".into())).is_err());
    }

    #[test]
    fn an_unknown_field_in_a_test_is_refused() {
        assert!(toml::from_str::<GuestTest>("comand = \"x\"").is_err());
    }
}
