//! The functions that need nothing from the system.

pub mod support;
pub mod memory;
pub mod string;
pub mod ctype;
pub mod fnmatch;
pub mod format;
pub mod message;
pub mod number;
pub mod setjmp;
pub mod sort;
pub mod getopt;
pub mod locale;
pub mod multibyte;
pub mod scan;
pub mod wide;
pub mod fenv;
pub mod long_double;
pub mod math;
pub mod random;
pub mod regex;
pub mod time;
