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
pub mod package;
pub mod recipe;
pub mod rust_std;
pub mod sdk;
pub mod source;

pub use error::{Error, Result};

/// The platform's name for compilers and `configure` scripts. They take it for musl on Linux,
/// which is what the libc is source-compatible with.
pub const TARGET: &str = "x86_64-microkosm-linux-musl";

/// Told about each step of a long operation, so that the caller can show progress.
pub trait Progress {
    /// A new step has begun; `text` is a short line such as `dash: configure`.
    fn step(&self, text: &str);
}

/// Shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _text: &str) {}
}
