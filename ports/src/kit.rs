//! Cooking recipes into packages, each no more often than its inputs change.

use crate::builder::Job;
use crate::digest::{self, KeyBuilder};
use crate::order::{self, Piece, Results};
use crate::package::{Description, Package};
use crate::recipe::{self, BuildSystem, Recipe, recipe_folders};
use crate::rust_std::RustStd;
use crate::sdk::{Sdk, copy_tree};
use crate::source::{SourceCache, unpack};
use crate::{Error, Progress, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Raised when the kit itself changes what it makes of the same inputs.
const KIT_VERSION: &[u8] = b"2";

/// How many packages are cooked at once. One is often busy with a `configure` script, which does one
/// thing at a time, or with its last long compilation.
const COOKS: usize = 2;

/// The folders the kit works with.
pub struct Folders {
    /// The recipes.
    pub recipes: PathBuf,
    /// Sources, packages and the Rust standard library, shared by all checkouts.
    pub cache: PathBuf,
    /// Where programs are compiled.
    pub work: PathBuf,
    /// The crate that wraps the unwinder for Rust programs.
    pub unwind: PathBuf,
}

/// The porting kit at work.
pub struct Kit<'a> {
    folders: Folders,
    recipe_folders: BTreeMap<String, PathBuf>,
    sdk: &'a Sdk,
    sources: SourceCache,
    progress: &'a dyn Progress,
    rust_std: OnceLock<RustStd>,
    rust_std_lock: Mutex<()>,
}

/// A finished package, and the key of what its compiler saw.
#[derive(Clone)]
struct Cooked {
    package: Package,
    compile: String,
}

/// The kit's keys for one recipe: `compile` for what the compiler sees, `package` for all of it.
struct Keys {
    compile: String,
    package: String,
}

impl<'a> Kit<'a> {
    /// Opens the kit on its folders.
    pub fn open(folders: Folders, sdk: &'a Sdk, progress: &'a dyn Progress) -> Result<Kit<'a>> {
        let packages = folders.cache.join("packages");
        fs::create_dir_all(&packages).map_err(Error::file("create", &packages))?;
        fs::create_dir_all(&folders.work).map_err(Error::file("create", &folders.work))?;
        let sources = SourceCache::open(&folders.cache)?;
        let recipe_folders = recipe_folders(&folders.recipes)?;
        Ok(Kit {
            folders,
            recipe_folders,
            sdk,
            sources,
            progress,
            rust_std: OnceLock::new(),
            rust_std_lock: Mutex::new(()),
        })
    }

    /// The recipe of that name.
    pub fn recipe(&self, name: &str) -> Result<Recipe> {
        Recipe::load(self.folder_of(name)?)
    }

    /// The names and those of all that they depend on, each behind what it needs.
    pub fn with_dependencies(&self, names: &[String]) -> Result<Vec<String>> {
        let pieces = self.plan_all(names)?;
        Ok(pieces.into_iter().map(|piece| piece.name).collect())
    }

    /// The finished packages of those names, in that order; what is not in the cache is cooked, with
    /// what it needs, [`COOKS`] at a time.
    pub fn packages(&self, names: &[String]) -> Result<Vec<Package>> {
        let pieces = self.plan_all(names)?;
        let cooked = order::carry_out(pieces, COOKS, |name, done| self.package(name, done))?;
        Ok(names
            .iter()
            .filter_map(|name| Some(cooked.get(name)?.package.clone()))
            .collect())
    }

    fn folder_of(&self, name: &str) -> Result<&Path> {
        recipe::find(&self.recipe_folders, name)
    }

    fn plan_all(&self, names: &[String]) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        for name in names {
            self.plan(name, &mut pieces, &mut Vec::new())?;
        }
        Ok(pieces)
    }

    /// Adds the recipe to `pieces`, behind all that it needs. `waiting` are the recipes that this one
    /// is built for, to find circles.
    fn plan(&self, name: &str, pieces: &mut Vec<Piece>, waiting: &mut Vec<String>) -> Result<()> {
        if waiting.iter().any(|other| other == name) {
            waiting.push(name.to_string());
            return Err(Error::DependencyCycle(waiting.join(" -> ")));
        }
        if pieces.iter().any(|piece| piece.name == name) {
            return Ok(());
        }
        let needs = self.recipe(name)?.depends;
        waiting.push(name.to_string());
        for needed in &needs {
            self.plan(needed, pieces, waiting)?;
        }
        waiting.pop();
        let name = name.to_string();
        pieces.push(Piece { name, needs });
        Ok(())
    }

    /// One finished package, cooked when its inputs changed; `done` has those that it needs.
    fn package(&self, name: &str, done: &Results<Cooked>) -> Result<Cooked> {
        let recipe = self.recipe(name)?;
        let dependencies: Vec<Cooked> = recipe
            .depends
            .iter()
            .filter_map(|needed| done.get(needed).cloned())
            .collect();
        let keys = self.keys(&recipe, &dependencies)?;
        let description = Description {
            name: recipe.name.clone(),
            version: recipe.version.clone(),
            license: recipe.license.clone(),
            key: keys.package.clone(),
        };
        let package = match Package::find(&self.folders.cache, &description) {
            Some(package) => package,
            None => {
                let package = self.cook(&recipe, &dependencies, &keys, description)?;
                self.progress.finished(name);
                package
            }
        };
        let compile = keys.compile;
        Ok(Cooked { package, compile })
    }

    /// Rust's standard library for our target, made once however many ask for it.
    fn rust_std(&self) -> Result<&RustStd> {
        let _one_at_a_time = self
            .rust_std_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = self.rust_std.get() {
            return Ok(made);
        }
        let made = RustStd::prepare(
            self.sdk,
            &self.folders.cache,
            &self.folders.unwind,
            self.progress,
        )?;
        Ok(self.rust_std.get_or_init(|| made))
    }

    fn keys(&self, recipe: &Recipe, dependencies: &[Cooked]) -> Result<Keys> {
        let mut compile = KeyBuilder::new();
        compile.add("kit", KIT_VERSION);
        self.add_recipe(recipe, &mut compile)?;
        compile.add("sdk interface", self.sdk.interface().as_bytes());
        // Archives are not linked with libc: what its code is does not matter to who uses them.
        for dependency in dependencies {
            compile.add("dependency", dependency.compile.as_bytes());
        }
        let compile = compile.finish();
        let mut package = KeyBuilder::new();
        package.add("compile", compile.as_bytes());
        package.add("sdk", self.sdk.identity().as_bytes());
        Ok(Keys {
            compile,
            package: package.finish(),
        })
    }

    /// Adds all of a recipe that its build can see: neither its test nor its summary.
    fn add_recipe(&self, recipe: &Recipe, key: &mut KeyBuilder) -> Result<()> {
        let seen = Recipe {
            summary: String::new(),
            test: None,
            ..recipe.clone()
        };
        key.add("recipe", format!("{seen:?}").as_bytes());
        let files = digest::of_tree_without(self.folder_of(&recipe.name)?, "recipe.toml")?;
        key.add("recipe's files", files.as_bytes());
        Ok(())
    }

    fn cook(
        &self,
        recipe: &Recipe,
        dependencies: &[Cooked],
        keys: &Keys,
        description: Description,
    ) -> Result<Package> {
        let archive = self.sources.source_of(recipe)?;
        let work = self.folders.work.join(&recipe.name);
        let compiled_with = work.join("compiled-with");
        let compiled_before =
            fs::read_to_string(&compiled_with).is_ok_and(|key| key == keys.compile);
        let staging = self.folders.cache.join("packages").join(format!(
            "making-{}-{}",
            recipe.name,
            std::process::id()
        ));
        remove_if_there(&staging)?;
        let rust_std = match recipe.build.system {
            BuildSystem::Cargo => Some(self.rust_std()?),
            _ => None,
        };
        let job = Job {
            recipe,
            recipe_folder: self.folder_of(&recipe.name)?,
            sdk: self.sdk,
            rust_std,
            source: work.join("source"),
            dependencies: work.join("dependencies"),
            destination: staging.join("files"),
            development: staging.join("development"),
            log: work.join("log"),
            jobs: std::thread::available_parallelism().map_or(1, |count| count.get()),
            progress: self.progress,
        };
        if compiled_before && job.can_relink() {
            job.relink()?;
        } else {
            remove_if_there(&work)?;
            self.prepare_work(&job, &archive, dependencies)?;
            job.compile()?;
            fs::write(&compiled_with, &keys.compile)
                .map_err(Error::file("write", &compiled_with))?;
        }
        job.install()?;
        Package::publish(&self.folders.cache, description, &staging)
    }

    fn prepare_work(&self, job: &Job, archive: &Path, dependencies: &[Cooked]) -> Result<()> {
        fs::create_dir_all(job.dependencies.join("usr"))
            .map_err(Error::file("create", &job.dependencies))?;
        for dependency in dependencies {
            for part in dependency.package.parts() {
                copy_tree(&part, &job.dependencies)?;
            }
        }
        self.progress.step(&format!("{}: unpack", job.recipe.name));
        unpack(archive, &job.source, &job.log)
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}
