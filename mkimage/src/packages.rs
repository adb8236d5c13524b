//! The porting kit as `mkimage` uses it: the SDK from our libc, packages from the recipes.

use crate::libc;
use crate::progress::Spinner;
use crate::workspace::Workspace;
use anyhow::Result;
use porting_kit::kit::{Folders, Kit};
use porting_kit::package::Package;
use porting_kit::sdk::Sdk;
use porting_kit::{Progress, recipe};

/// The kit's folders in this tree.
fn folders(workspace: &Workspace) -> Result<Folders> {
    Ok(Folders {
        recipes: workspace.path("recipes"),
        cache: workspace.cache()?,
        work: workspace.build("ports")?,
        unwind: workspace.path("ports/unwind"),
    })
}

/// Builds libc and makes the SDK from it.
pub fn sdk(workspace: &Workspace, progress: &dyn Progress) -> Result<Sdk> {
    let built = libc::build(workspace, progress)?;
    Ok(Sdk::install(&workspace.build("sdk")?, &built)?)
}

/// The packages of those names, cooked where they are not in the cache.
pub fn cook(workspace: &Workspace, names: &[String], progress: &Spinner) -> Result<Vec<Package>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sdk = sdk(workspace, progress)?;
    let kit = Kit::open(folders(workspace)?, &sdk, progress)?;
    let mut packages = Vec::new();
    for name in names {
        packages.push(kit.package(name)?);
    }
    Ok(packages)
}

/// Every recipe, by name.
pub fn recipes(workspace: &Workspace) -> Result<Vec<recipe::Recipe>> {
    let mut recipes = Vec::new();
    for folder in recipe::recipe_folders(&workspace.path("recipes"))?.values() {
        recipes.push(recipe::Recipe::load(folder)?);
    }
    Ok(recipes)
}
