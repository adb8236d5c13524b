//! The porting kit: the SDK that programs are built with, the recipes that say how, and the
//! packages that come out.
//!
//! A caller makes an [`sdk::Sdk`] from a built libc, opens a [`kit::Kit`] on the folder of
//! recipes, and asks it for packages by name; everything else (fetching, checking, building,
//! caching) follows from the recipes.

pub mod builder;
pub mod command;
pub mod digest;
pub mod error;
pub mod kit;
pub mod order;
pub mod package;
mod parts;
pub mod recipe;
pub mod rust_std;
pub mod sdk;
pub mod source;

pub use error::{Error, Result};

/// The platform's name for compilers and `configure` scripts. They take it for musl on Linux,
/// which is what the libc is source-compatible with.
pub const TARGET: &str = "x86_64-microkosm-linux-musl";

/// Told about each step of a long operation, so that the caller can show progress. Several
/// packages are cooked at once.
pub trait Progress: Sync {
    /// A new step has begun; `text` is a short line such as `dash: configure`. What is before the
    /// colon says whose step it is: it takes the place of that package's last step.
    fn step(&self, text: &str);

    /// The package called `name` is finished and will have no more steps.
    fn finished(&self, name: &str) {
        let _ = name;
    }
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _text: &str) {}
}
