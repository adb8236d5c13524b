//! What each subcommand does, in terms of the other modules.

use crate::exec::{self, Request};
use crate::image::{self, build_profile};
use crate::staging::Addition;
use crate::workspace::{Workspace, make_folder, write_file};
use crate::{
    Action, BuildArguments, CheckArguments, ExecArguments, PortAction, RunArguments, TestArguments,
};
use crate::{
    bench, boots, chaos, check, disk, guest_tests, host_tests, packages, root_file_system,
    run as interactive,
};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::Duration;

/// Carries out a subcommand; answers the exit status.
pub fn run(action: Action) -> Result<u8> {
    let workspace = Workspace::find()?;
    workspace.enter_environment()?;
    match action {
        Action::Build(arguments) => build(&workspace, &arguments),
        Action::Run(arguments) => boot(&workspace, arguments),
        Action::Exec(arguments) => execute(&workspace, arguments),
        Action::Port(action) => port(&workspace, action),
        Action::Test(arguments) => test(&workspace, &arguments),
        Action::Bench(arguments) => {
            bench::run(&workspace, &arguments.source, &arguments.parts).map(|()| 0)
        }
        Action::Chaos(arguments) => chaos::run(&workspace, &arguments).map(|()| 0),
        Action::Check(arguments) => run_checks(&workspace, &arguments),
    }
}

fn build(workspace: &Workspace, arguments: &BuildArguments) -> Result<u8> {
    // What is wrong with the command line is told before minutes of building.
    check_additions(&arguments.add)?;
    check_output(&arguments.output)?;
    if let Some(folder) = &arguments.limine {
        disk::check_limine(folder)?;
    }
    let built = build_profile(workspace, &arguments.profile)?;
    let scratch = workspace.build("scratch")?;
    make_folder(&scratch)?;
    let folder = tempfile::tempdir_in(scratch).context("cannot make a temporary folder")?;
    let staging = image::root_with(&built, &arguments.add, &folder.path().join("root"))?;
    let size = match arguments.size {
        Some(size) => size,
        None => built.profile.root_bytes()?,
    };
    image::make_disk(
        &built,
        &arguments.output,
        staging.root(),
        size,
        arguments.limine.as_deref(),
    )?;
    let checked = disk::root_offset(&arguments.output)
        .and_then(|offset| root_file_system::check(&arguments.output, offset));
    if checked.is_err() {
        let _ = std::fs::remove_file(&arguments.output);
    }
    checked.map(|()| 0)
}

fn check_additions(additions: &[Addition]) -> Result<()> {
    additions.iter().try_for_each(Addition::check)
}

/// Whether an image can be put there.
fn check_output(output: &Path) -> Result<()> {
    if output.is_dir() {
        bail!("-o: {} is a folder", output.display());
    }
    let parent = output.parent().filter(|path| !path.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        bail!("-o: there is no folder {}", parent.display());
    }
    Ok(())
}

fn boot(workspace: &Workspace, arguments: RunArguments) -> Result<u8> {
    if let Some(disk) = arguments.disk.as_ref().filter(|disk| !disk.is_file()) {
        bail!("--disk: there is no file {}", disk.display());
    }
    let network = arguments.machine.network()?;
    let built = build_profile(workspace, &arguments.machine.profile)?;
    let options = interactive::Options {
        processors: arguments.machine.smp,
        memory_mib: arguments.machine.memory.into(),
        display: arguments.display,
        disk: arguments.disk,
        uefi: arguments.uefi,
        network,
    };
    interactive::run(workspace, &built, &options).map(|()| 0)
}

fn execute(workspace: &Workspace, arguments: ExecArguments) -> Result<u8> {
    check_additions(&arguments.add)?;
    let network = arguments.machine.network()?;
    let built = build_profile(workspace, &arguments.machine.profile)?;
    let request = Request {
        // As ssh does: the words are joined, and the guest's shell reads them.
        command: arguments.command.join(" "),
        additions: arguments.add,
        processors: arguments.machine.smp,
        memory_mib: arguments.machine.memory.into(),
        timeout: Duration::from_secs(arguments.timeout.into()),
        network,
        ..Request::default()
    };
    let (stdout, stderr) = (Box::new(std::io::stdout()), Box::new(std::io::stderr()));
    let outcome = exec::run(workspace, &built, &request, stdout, stderr)?;
    if let Some(failure) = outcome.failure {
        eprintln!("mkimage exec: {failure}");
    }
    u8::try_from(outcome.status).context("the guest's exit status is out of range")
}

fn port(workspace: &Workspace, action: PortAction) -> Result<u8> {
    match action {
        PortAction::Build { names } => {
            for package in packages::cook_named(workspace, &names)? {
                let description = &package.description;
                println!(
                    "{} {}  {}",
                    description.name,
                    description.version,
                    package.files().display()
                );
            }
        }
        PortAction::List => {
            for recipe in packages::recipes(workspace)? {
                println!(
                    "{:12} {:10} {}",
                    recipe.name, recipe.version, recipe.summary
                );
            }
        }
        PortAction::New {
            name,
            debian,
            from_crate,
        } => {
            new_recipe(workspace, &name, debian.as_deref(), from_crate.as_deref())?;
        }
    }
    Ok(0)
}

/// Writes a recipe to start from. Its hash is not right on purpose: the first build says what the
/// fetched file's is, to be compared with what upstream says.
fn new_recipe(
    workspace: &Workspace,
    name: &str,
    debian: Option<&str>,
    from_crate: Option<&str>,
) -> Result<()> {
    let (source, build) = match (debian, from_crate) {
        (Some(package), _) => (
            format!("debian = \"{package}\"\nfile = \"{package}_VERSION.orig.tar.xz\""),
            "system = \"configure\"\noptions = []".to_string(),
        ),
        (None, Some(name)) => (
            format!("crate = \"{name}\""),
            "system = \"cargo\"".to_string(),
        ),
        (None, None) => bail!("a source is needed: --debian or --crate"),
    };
    let text = format!(
        "name = \"{name}\"\nversion = \"VERSION\"\nsummary = \"\"\nlicense = \"\"\n\n[source]\n{source}\n\
         sha256 = \"{}\"\n\n[build]\n{build}\n\n[install.files]\n\"{name}\" = \"/usr/bin/{name}\"\n\n\
         [test]\ncommand = \"{name} --version\"\noutput = \"\"\n",
        "0".repeat(64)
    );
    let folder = workspace.path("recipes").join(name);
    if folder.exists() {
        bail!("{} is there already", folder.display());
    }
    make_folder(&folder)?;
    write_file(&folder.join("recipe.toml"), text)?;
    println!(
        "{}: fill in version, licence and hash (docs/porting.md)",
        folder.join("recipe.toml").display()
    );
    Ok(())
}

fn run_checks(workspace: &Workspace, arguments: &CheckArguments) -> Result<u8> {
    if arguments.update {
        check::update(workspace)?;
        return Ok(0);
    }
    let mut tally = host_tests::Tally::default();
    check::run(workspace, &mut tally)?;
    println!("{}", tally.line());
    Ok(u8::from(tally.failed > 0))
}

fn test(workspace: &Workspace, arguments: &TestArguments) -> Result<u8> {
    let mut tally = host_tests::Tally::default();
    if arguments.all {
        host_tests::run_setup(workspace, &mut tally)?;
        check::run(workspace, &mut tally)?;
        host_tests::run_cargo(workspace, &mut tally)?;
    }
    match arguments.boots {
        Some(count) => boots::run(workspace, count, &mut tally)?,
        None => guest_tests::run(workspace, &arguments.names, &mut tally)?,
    }
    println!("{}", tally.line());
    Ok(u8::from(tally.failed > 0))
}
