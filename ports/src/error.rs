//! What can go wrong in the porting kit, each with what a person needs to put it right.

use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The porting kit's errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused an operation on a file.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was attempted ("read", "create", ...).
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A recipe is not valid TOML, has an unknown field, or lacks a needed one.
    #[error("{}: {message}", path.display())]
    RecipeSyntax {
        /// The recipe.
        path: PathBuf,
        /// The parser's message, which names the field and the line.
        message: String,
    },
    /// A recipe's field has a value that makes no sense.
    #[error("{}: {field}: {reason}", path.display())]
    RecipeField {
        /// The recipe.
        path: PathBuf,
        /// The field, as `table.field`.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// No recipe has that name.
    #[error("no recipe is called {name:?}; there are: {known}")]
    UnknownRecipe {
        /// The name asked for.
        name: String,
        /// The names there are, separated by spaces.
        known: String,
    },
    /// Recipes depend on each other in a circle.
    #[error("recipes depend on each other in a circle: {0}")]
    DependencyCycle(String),
    /// A source file is not the one the recipe names.
    #[error("{file}: wrong SHA-256: the recipe says {wanted}, the file has {found}")]
    WrongHash {
        /// The file's name.
        file: String,
        /// The recipe's hash, in hexadecimal.
        wanted: String,
        /// The file's hash, in hexadecimal.
        found: String,
    },
    /// A source could not be had.
    #[error("cannot fetch {file}: {reason}\n(a copy put by hand into {} is used, if its hash is right)", cache.display())]
    Fetch {
        /// The file wanted.
        file: String,
        /// Why it could not be fetched.
        reason: String,
        /// Where sources are kept.
        cache: PathBuf,
    },
    /// A program could not be started.
    #[error("cannot start {program}: {source} (run setup/install.sh)")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A program that was run failed.
    #[error("{step} failed ({status}): {command}\n{tail}\n(whole log: {})", log.display())]
    Command {
        /// What was being done, e.g. `dash: configure`.
        step: String,
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// The end of its output.
        tail: String,
        /// The file with all of its output.
        log: PathBuf,
    },
    /// A build succeeded but did not make what the recipe installs.
    #[error("{recipe}: the build made no {path} (the recipe's [install] names it)")]
    OutputMissing {
        /// The recipe's name.
        recipe: String,
        /// The missing file, relative to the source folder.
        path: String,
    },
    /// A package would put nothing into the image.
    #[error("{recipe}: nothing was installed")]
    EmptyPackage {
        /// The recipe's name.
        recipe: String,
    },
    /// The SDK needs something that is not there.
    #[error("the SDK cannot be made: {0}")]
    Sdk(String),
}

impl Error {
    /// For `map_err` on file operations: `.map_err(Error::file("read", path))`.
    pub fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File {
            action,
            path,
            source,
        }
    }
}
