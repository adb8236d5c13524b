//! Guest tests: commands run inside the system, compared with what they must print.
//!
//! `tests/guest/NAME.toml` describes a test; each recipe's `[test]` is one too. Tests that ask for
//! nothing special share one boot, each in a folder of its own.

use crate::console;
use crate::exec::{self, Outcome, Request, Sink};
use crate::host_tests::Tally;
use crate::image::{Built, DEFAULT_PROFILE, FULL_PROFILE, Profile, build_profile};
use crate::network::{self, Attachment};
use crate::serial::{self, Trial};
use crate::staging::Addition;
use crate::wire::Wire;
use crate::workspace::{Workspace, make_folder, write_file};
use crate::{disk, packages, root_file_system};
use anyhow::{Context, Result, anyhow, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod damage;
mod description;
mod host_side;
mod power_cut;

use description::{GuestTest, Observed, load_all};
use host_side::Watch;

/// Time for a boot and the tests that share it.
const SHARED_TIMEOUT_S: u64 = 600;
/// Runs every script in /tests and frames what each printed by its length.
const RUNNER: &str = r#"for script in /tests/*.sh; do
    name=${script##*/}
    folder=/tmp/test-${name%.sh}
    mkdir "$folder" && cd "$folder" || exit 1
    /bin/sh "$script" >/tmp/test-out 2>/tmp/test-err </dev/null
    status=$?
    cd /
    echo "TEST ${name%.sh} $status $(wc -c </tmp/test-out) $(wc -c </tmp/test-err)"
    cat /tmp/test-out /tmp/test-err
done"#;

/// Runs the named guest tests, or all of them, and adds them to the tally.
pub fn run(workspace: &Workspace, names: &[String], tally: &mut Tally) -> Result<()> {
    let mut tests = load_all(workspace)?;
    if let Some(unknown) = names.iter().find(|name| !tests.contains_key(*name)) {
        let known: Vec<&str> = tests.keys().map(String::as_str).collect();
        bail!(
            "no guest test is called {unknown:?}; there are: {}",
            known.join(" ")
        );
    }
    tests.retain(|name, test| match names {
        [] => !test.by_name_only,
        names => names.contains(name),
    });
    let profiles = place(workspace, &mut tests, !names.is_empty())?;
    for profile in profiles {
        let built = build_profile(workspace, &profile)?;
        let its_own = tests.extract_if(.., |_, test| test.profile_name() == profile);
        run_on(workspace, &built, its_own.collect(), tally)?;
    }
    Ok(())
}

/// Decides on which profile's image each test of a port runs; answers the profiles that are needed,
/// the default one first. `by_name`: a port that is not in the default image is added to it, which is
/// quicker than to build a larger image for one test.
fn place(
    workspace: &Workspace,
    tests: &mut BTreeMap<String, GuestTest>,
    by_name: bool,
) -> Result<BTreeSet<String>> {
    let default = Profile::load(workspace, DEFAULT_PROFILE)?;
    let full = Profile::load(workspace, FULL_PROFILE)?;
    tests.retain(|_, test| {
        let Some(package) = &test.package else {
            return true;
        };
        if default.packages.contains(package) {
            test.package = None;
        } else if !by_name && full.packages.contains(package) {
            test.package = None;
            test.profile = Some(FULL_PROFILE.to_string());
        } else if !by_name {
            // A port that is in no image is tried when it is asked for by name.
            return false;
        }
        true
    });
    Ok(tests
        .values()
        .map(|test| test.profile_name().to_string())
        .collect())
}

fn run_on(
    workspace: &Workspace,
    built: &Built,
    tests: BTreeMap<String, GuestTest>,
    tally: &mut Tally,
) -> Result<()> {
    let (shared, own): (Vec<_>, Vec<_>) = tests.into_iter().partition(|(_, test)| test.can_share());
    let runner = Runner { workspace, built };
    for (name, result) in runner.run_shared(shared)? {
        report(&name, result, tally);
    }
    for (name, test) in own {
        report(&name, runner.run_alone(&test), tally);
    }
    Ok(())
}

fn report(name: &str, result: Result<()>, tally: &mut Tally) {
    tally.count(result.is_ok());
    match result {
        Ok(()) => println!("ok      {name}"),
        Err(error) => println!("FAILED  {name}: {error:#}"),
    }
}

struct Runner<'a> {
    workspace: &'a Workspace,
    built: &'a Built,
}

type Results = Vec<(String, Result<()>)>;

impl Runner<'_> {
    /// Runs tests in as few boots as it takes: when a guest dies, the test it died in has failed
    /// and the others go on in a new one.
    fn run_shared(&self, mut tests: Vec<(String, GuestTest)>) -> Result<Results> {
        let mut results = Vec::new();
        while !tests.is_empty() {
            let (frames, outcome) = self.shared_boot(&tests)?;
            let mut left = Vec::new();
            let mut blamed = false;
            for (index, (name, test)) in tests.into_iter().enumerate() {
                if let Some(observed) = frames.get(&index) {
                    results.push((name, test.judge(observed)));
                } else if blamed {
                    left.push((name, test));
                } else {
                    blamed = true;
                    let reason = outcome.failure.clone().unwrap_or_else(|| {
                        format!("the tests stopped with status {}", outcome.status)
                    });
                    results.push((name, Err(anyhow!(reason))));
                }
            }
            tests = left;
        }
        Ok(results)
    }

    fn shared_boot(
        &self,
        tests: &[(String, GuestTest)],
    ) -> Result<(BTreeMap<usize, Observed>, Outcome)> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        for (index, (_, test)) in tests.iter().enumerate() {
            let script = folder.path().join(format!("{index:04}.sh"));
            write_file(&script, test.command.as_deref().unwrap_or_default())?;
        }
        let addition = Addition {
            host: folder.path().to_path_buf(),
            guest: "/tests".into(),
        };
        let request = Request {
            command: RUNNER.to_string(),
            additions: vec![addition],
            timeout: Duration::from_secs(SHARED_TIMEOUT_S),
            ..Request::default()
        };
        let (observed, outcome) = self.observe(&request)?;
        Ok((parse_frames(&observed.stdout), outcome))
    }

    /// Runs a test in boots of its own.
    fn run_alone(&self, test: &GuestTest) -> Result<()> {
        if !test.console.is_empty() {
            let plain = console::Setup::default();
            let setup = console::Setup {
                processors: test.smp.unwrap_or(plain.processors),
                memory_mib: test.memory.unwrap_or(plain.memory_mib),
                network: test.network(),
                ..plain
            };
            return console::drive(self.built, &test.console, &setup, timeout_of(test));
        }
        if let Some(cut) = &test.power_cut {
            return self.run_power_cuts(test, cut);
        }
        if !test.boots.is_empty() {
            return self.run_boots(test);
        }
        let folder = self.scratch()?;
        let disk = damage::disk_of(self.built, test, folder.path())?;
        let bundle = damage::bundle_of(self.built, test, folder.path())?;
        if let Some(words) = &test.boot_words {
            return self.run_serial(test, words, disk, bundle);
        }
        let request = Request {
            kept_disk: disk,
            bundle,
            ..self.request(test, test.command.clone().unwrap_or_default())?
        };
        match test.at_once {
            Some(count) => self.run_at_once(test, &request, count),
            None => self.run_request(test, &request),
        }
    }

    fn run_request(&self, test: &GuestTest, request: &Request) -> Result<()> {
        let (observed, outcome) = self.observe_with(test, request)?;
        match (outcome.failure, &test.failure) {
            (Some(failure), Some(wanted)) if failure.contains(wanted.as_str()) => {
                test.judge(&observed)
            }
            (Some(failure), _) => bail!(failure),
            (None, Some(wanted)) => bail!("the guest ended well, instead of {wanted:?}"),
            (None, None) => test.judge(&observed),
        }
    }

    fn run_at_once(&self, test: &GuestTest, request: &Request, count: u32) -> Result<()> {
        let run = |number: u32| {
            let numbered = GuestTest {
                output: test.output.replace("$NUMBER", &number.to_string()),
                ..test.clone()
            };
            let request = Request {
                command: format!("NUMBER={number}\n{}", request.command),
                ..request.clone()
            };
            self.run_request(&numbered, &request)
                .with_context(|| format!("number {number}"))
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=count)
                .map(|number| scope.spawn(move || run(number)))
                .collect();
            threads.into_iter().try_for_each(|thread| {
                let result = thread.join();
                result.unwrap_or_else(|_| Err(anyhow!("a thread panicked")))
            })
        })
    }

    fn run_serial(
        &self,
        test: &GuestTest,
        words: &str,
        disk: Option<PathBuf>,
        bundle: Option<PathBuf>,
    ) -> Result<()> {
        let built = self.built;
        let plain = Request::default();
        let trial = Trial {
            bundle: bundle.unwrap_or_else(|| built.system.bundle.clone()),
            disk: (!test.no_disk).then(|| disk.unwrap_or_else(|| built.image.clone())),
            command_line: words.to_string(),
            memory_mib: test.memory.unwrap_or(plain.memory_mib),
            processors: test.smp.unwrap_or(plain.processors),
            processor_model: plain.processor_model,
            count_instructions: false,
            timeout: timeout_of(test),
        };
        let (text, status) = serial::run(built, &trial)?;
        if let Some(missing) = serial::first_missing(&text, &test.serial) {
            bail!("{missing:?} did not come on the serial line:\n{text}");
        }
        if status != test.status {
            bail!("QEMU ended with {status} instead of {}", test.status);
        }
        Ok(())
    }

    /// A folder for images, where there is room for them.
    fn scratch(&self) -> Result<tempfile::TempDir> {
        let parent = self.workspace.build("scratch")?;
        make_folder(&parent)?;
        tempfile::tempdir_in(parent).context("cannot make a temporary folder")
    }

    fn run_boots(&self, test: &GuestTest) -> Result<()> {
        let folder = self.scratch()?;
        let image = folder.path().join("disk.img");
        disk::copy_sparse(&self.built.image, &image)?;
        let mut all = Observed {
            status: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        for command in &test.boots {
            let request = Request {
                kept_disk: Some(image.clone()),
                ..self.request(test, command.clone())?
            };
            let (observed, outcome) = self.observe(&request)?;
            if let Some(failure) = outcome.failure {
                bail!(failure);
            }
            all.status = observed.status;
            all.stdout.extend(observed.stdout);
            all.stderr.extend(observed.stderr);
            root_file_system::check(&image, disk::root_offset(&image)?)
                .context("after the shut-down")?;
        }
        test.judge(&all)
    }

    fn request(&self, test: &GuestTest, command: String) -> Result<Request> {
        let folder = self.workspace.path("tests/guest");
        let mut additions = Vec::new();
        for text in &test.add {
            let addition: Addition = text
                .parse()
                .map_err(|reason| anyhow!("add = {text:?}: {reason}"))?;
            additions.push(Addition {
                host: folder.join(&addition.host),
                guest: addition.guest,
            });
        }
        let programs: Vec<_> = test.programs.iter().map(|path| folder.join(path)).collect();
        for host in packages::test_programs(self.workspace, &programs)? {
            additions.push(Addition {
                host,
                guest: "/programs/".into(),
            });
        }
        for server in &test.servers {
            additions.push(Addition {
                host: self.workspace.build("guest/programs")?.join(server),
                guest: "/programs/".into(),
            });
        }
        for package in test.packages.iter().chain(&test.package) {
            additions.extend(self.package_files(package)?);
        }
        let plain = Request::default();
        Ok(Request {
            command,
            additions,
            processors: test.smp.unwrap_or(plain.processors),
            memory_mib: test.memory.unwrap_or(plain.memory_mib),
            timeout: timeout_of(test),
            network: test.network(),
            ..plain
        })
    }

    /// A package's top folders and files, each where it belongs in the guest.
    fn package_files(&self, name: &str) -> Result<Vec<Addition>> {
        let mut additions = Vec::new();
        for package in packages::cook_named(self.workspace, &[name.to_string()])? {
            let files = package.files();
            let entries = std::fs::read_dir(&files)
                .with_context(|| format!("cannot list {}", files.display()))?;
            additions.extend(entries.flatten().map(|entry| Addition {
                host: entry.path(),
                guest: format!("/{}", entry.file_name().to_string_lossy()),
            }));
        }
        Ok(additions)
    }

    /// Runs a guest with what its test has at the other ends of its network.
    fn observe_with(&self, test: &GuestTest, request: &Request) -> Result<(Observed, Outcome)> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut request = request.clone();
        let wire = test.wire.then(|| Wire::start(folder.path())).transpose()?;
        if let Some(wire) = &wire {
            let card = network::Wire::Unix(wire.path().to_path_buf());
            request.network.cards = vec![Attachment::Socket(card)];
        }
        let Some(side) = &test.host else {
            return self.observe(&request);
        };
        let running = side.start()?;
        running.extend(&mut request);
        let (mut observed, outcome) =
            running.beside(&mut request, |request, watch| self.watch(request, watch))?;
        if running.is_good_end(&outcome) {
            observed.status = test.status;
        }
        Ok((observed, outcome))
    }

    fn observe(&self, request: &Request) -> Result<(Observed, Outcome)> {
        self.watch(request, Watch::default())
    }

    fn watch(&self, request: &Request, watch: Watch) -> Result<(Observed, Outcome)> {
        let (stdout, out) = collector();
        let stdout = watch.before(stdout);
        let (stderr, err) = collector();
        let outcome = exec::run(self.workspace, self.built, request, stdout, stderr)?;
        let observed = Observed {
            status: outcome.status,
            stdout: taken(&out),
            stderr: taken(&err),
        };
        Ok((observed, outcome))
    }
}

fn timeout_of(test: &GuestTest) -> Duration {
    Duration::from_secs(test.timeout.unwrap_or(120))
}

/// Reads the runner's frames: test number → what it did. A frame that is cut short is left out.
fn parse_frames(mut bytes: &[u8]) -> BTreeMap<usize, Observed> {
    let mut frames = BTreeMap::new();
    while let Some((index, observed, rest)) = parse_frame(bytes) {
        frames.insert(index, observed);
        bytes = rest;
    }
    frames
}

fn parse_frame(bytes: &[u8]) -> Option<(usize, Observed, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let header = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut words = header.strip_prefix("TEST ")?.split_ascii_whitespace();
    let index = words.next()?.parse().ok()?;
    let status = words.next()?.parse().ok()?;
    let out_length: usize = words.next()?.parse().ok()?;
    let err_length: usize = words.next()?.parse().ok()?;
    let rest = &bytes[end + 1..];
    let stdout = rest.get(..out_length)?.to_vec();
    let stderr = rest.get(out_length..)?.get(..err_length)?.to_vec();
    Some((
        index,
        Observed {
            status,
            stdout,
            stderr,
        },
        &rest[out_length + err_length..],
    ))
}

struct Collector(Arc<Mutex<Vec<u8>>>);

impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Ok(mut collected) = self.0.lock() {
            collected.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A sink, and what went into it.
pub fn collector() -> (Sink, Arc<Mutex<Vec<u8>>>) {
    let bytes = Arc::default();
    (Box::new(Collector(Arc::clone(&bytes))), bytes)
}

/// What was collected.
pub fn taken(collected: &Mutex<Vec<u8>>) -> Vec<u8> {
    collected
        .lock()
        .map(|mut bytes| std::mem::take(&mut *bytes))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_by_length_whatever_is_inside() {
        let frames =
            parse_frames(b"TEST 0000 0 12 2\nTEST 9 9 9 9eeTEST 0001 3 0 0\nTEST 0002 0 5 0\ncut");
        assert_eq!(frames.len(), 2);
        assert_eq!(
            frames[&0],
            Observed {
                status: 0,
                stdout: b"TEST 9 9 9 9".to_vec(),
                stderr: b"ee".to_vec()
            }
        );
        assert_eq!(frames[&1].status, 3);
    }
}
