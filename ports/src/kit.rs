//! Cooking recipes into packages, each no more often than its inputs change.

use crate::builder::Job;
use crate::digest::{self, KeyBuilder};
use crate::package::{Description, Package};
use crate::recipe::{self, BuildSystem, Recipe, recipe_folders};
use crate::rust_std::RustStd;
use crate::sdk::{Sdk, copy_tree};
use crate::source::{SourceCache, unpack};
use crate::{Error, Progress, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Raised when the kit itself changes what it makes of the same inputs.
const KIT_VERSION: &[u8] = b"1";

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
        })
    }

    /// The recipe of that name.
    pub fn recipe(&self, name: &str) -> Result<Recipe> {
        Recipe::load(self.folder_of(name)?)
    }

    /// The finished package, cooked when its inputs changed.
    pub fn package(&self, name: &str) -> Result<Package> {
        self.package_within(name, &mut Vec::new())
    }

    fn folder_of(&self, name: &str) -> Result<&Path> {
        recipe::find(&self.recipe_folders, name)
    }

    /// `waiting` are the recipes that this one is built for, to find circles.
    fn package_within(&self, name: &str, waiting: &mut Vec<String>) -> Result<Package> {
        if waiting.iter().any(|other| other == name) {
            waiting.push(name.to_string());
            return Err(Error::DependencyCycle(waiting.join(" -> ")));
        }
        let recipe = self.recipe(name)?;
        waiting.push(name.to_string());
        let dependencies = recipe
            .depends
            .iter()
            .map(|needed| self.package_within(needed, waiting))
            .collect::<Result<Vec<_>>>()?;
        waiting.pop();
        let keys = self.keys(&recipe, &dependencies)?;
        let description = Description {
            name: recipe.name.clone(),
            version: recipe.version.clone(),
            license: recipe.license.clone(),
            key: keys.package.clone(),
        };
        match Package::find(&self.folders.cache, &description) {
            Some(package) => Ok(package),
            None => self.cook(&recipe, &dependencies, &keys, description),
        }
    }

    fn keys(&self, recipe: &Recipe, dependencies: &[Package]) -> Result<Keys> {
        let mut compile = KeyBuilder::new();
        compile.add("kit", KIT_VERSION);
        compile.add(
            "recipe",
            digest::of_tree(self.folder_of(&recipe.name)?)?.as_bytes(),
        );
        compile.add("sdk interface", self.sdk.interface().as_bytes());
        for package in dependencies {
            compile.add("dependency", package.description.key.as_bytes());
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

    fn cook(
        &self,
        recipe: &Recipe,
        dependencies: &[Package],
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
            BuildSystem::Cargo => Some(RustStd::prepare(
                self.sdk,
                &self.folders.cache,
                &self.folders.unwind,
                self.progress,
            )?),
            _ => None,
        };
        let job = Job {
            recipe,
            recipe_folder: self.folder_of(&recipe.name)?,
            sdk: self.sdk,
            rust_std: rust_std.as_ref(),
            source: work.join("source"),
            dependencies: work.join("dependencies"),
            destination: staging.join("files"),
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

    fn prepare_work(&self, job: &Job, archive: &Path, dependencies: &[Package]) -> Result<()> {
        fs::create_dir_all(job.dependencies.join("usr"))
            .map_err(Error::file("create", &job.dependencies))?;
        for package in dependencies {
            copy_tree(&package.files(), &job.dependencies)?;
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
