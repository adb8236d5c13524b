//! The `exec` family.
//!
//! SAFETY of the C functions here: vectors of strings end with a null pointer (POSIX).

use super::environment::environ;
use super::support::{Error, Result, fail, text};
use alloc::vec::Vec;
use core::ffi::{VaList, c_char, c_int};
use kernel_abi::Handle;
use libc_posix::names::{Base, PATH_MAX, WORKING_DIRECTORY};
use libc_posix::process;

/// NUL-ended strings one after the other.
unsafe fn joined(vector: *const *const c_char) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut entry = vector;
    // SAFETY: the vector ends with a null pointer.
    unsafe {
        while !entry.is_null() && !(*entry).is_null() {
            let string = core::ffi::CStr::from_ptr(*entry).to_bytes_with_nul();
            all.try_reserve(string.len()).map_err(|_| Error::NoMemory)?;
            all.extend_from_slice(string);
            entry = entry.add(1);
        }
    }
    Ok(all)
}

/// What is done with a program that was found: it, its path, its arguments, its environment.
pub(super) type Carry<'a> = &'a mut dyn FnMut(Handle, &[u8], &[u8], &[u8]) -> Result<()>;

/// Replaces the calling program; comes back only when that failed.
fn replace(program: Handle, path: &[u8], arguments: &[u8], environment: &[u8]) -> Result<()> {
    Err(process::execute(program, path, arguments, environment))
}

/// Where a program is looked for.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Where a relative path starts.
    pub directory: Base,
    /// The path.
    pub path: &'a [u8],
    /// Where the path of an interpreter starts.
    pub working: Base,
    /// A symbolic link is not followed.
    pub no_follow: bool,
}

impl<'a> Place<'a> {
    fn from(working: Base, path: &'a [u8]) -> Place<'a> {
        Place {
            directory: working,
            working,
            path,
            no_follow: false,
        }
    }

    fn of(path: &'a [u8]) -> Place<'a> {
        Place::from(Base::Descriptor(WORKING_DIRECTORY), path)
    }
}

/// Argument and environment vectors of C.
pub(super) type Vectors = [*const *const c_char; 2];

/// Finds a program and carries on with it.
///
/// # Safety
/// The vectors end with null pointers.
pub(super) unsafe fn execute(
    place: Place<'_>,
    [arguments, environment]: Vectors,
    carry: Carry<'_>,
) -> Result<()> {
    // SAFETY: the caller's.
    let (arguments, environment) = unsafe { (joined(arguments)?, joined(environment)?) };
    execute_joined(place, &arguments, &environment, carry)
}

/// Most interpreters that are scripts themselves, one after the other.
const MAX_INTERPRETERS: usize = 4;
/// Most bytes of a script's first line.
const MAX_INTERPRETER_LINE: usize = 256;

/// Executes a program, or the interpreter that a script's first line names. The process server
/// takes programs only: finding an interpreter is a walk of names, which is the caller's.
fn execute_joined(
    place: Place<'_>,
    arguments: &[u8],
    environment: &[u8],
    carry: Carry<'_>,
) -> Result<()> {
    let result = execute_program(place, arguments, environment, carry);
    if result != Err(Error::NotExecutable) {
        return result;
    }
    let Ok(mut interpreter) = interpreter_line(place.directory, place.path) else {
        return result;
    };
    let own = arguments.iter().position(|byte| *byte == 0);
    let rest = own.map_or(&[][..], |end| &arguments[end + 1..]);
    let mut all = [place.path, b"\0", rest].concat();
    for _ in 0..MAX_INTERPRETERS {
        let (program, argument) = interpreter;
        let mut front = [&program[..], b"\0"].concat();
        if !argument.is_empty() {
            front.extend_from_slice(&argument);
            front.push(0);
        }
        all.splice(0..0, front);
        let next = Place {
            directory: place.working,
            path: &program,
            no_follow: false,
            ..place
        };
        let result = execute_program(next, &all, environment, carry);
        if result != Err(Error::NotExecutable) {
            return result;
        }
        interpreter = match interpreter_line(place.working, &program) {
            Ok(next) => next,
            Err(_) => return result,
        };
    }
    Err(Error::TooManySymlinks)
}

fn execute_program(
    place: Place<'_>,
    arguments: &[u8],
    environment: &[u8],
    carry: Carry<'_>,
) -> Result<()> {
    let program = process::open_program(place.directory, place.path, place.no_follow)?;
    let result = carry(program, place.path, arguments, environment);
    let _ = libc_rt::kernel::handle_close(program);
    result
}

/// The interpreter and its argument (empty: none) from a script's `#!` line.
fn interpreter_line(directory: Base, path: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let script = libc_posix::names::open_high(directory, path, 0)?;
    let mut line = [0u8; MAX_INTERPRETER_LINE];
    let read = libc_rt::kernel::read(script, &mut line);
    let _ = libc_rt::kernel::handle_close(script);
    let line = line[..read?]
        .strip_prefix(b"#!")
        .ok_or(Error::NotExecutable)?;
    let end = line
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(Error::NotExecutable)?;
    let line = line[..end].trim_ascii();
    let split = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(line.len());
    if split == 0 {
        return Err(Error::NotExecutable);
    }
    Ok((line[..split].to_vec(), line[split..].trim_ascii().to_vec()))
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execve(
    path: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    // SAFETY: the caller's.
    failed(unsafe {
        execute(
            Place::of(text(path)),
            [arguments, environment],
            &mut replace,
        )
    })
}

/// What `exec` returns when it returns.
fn failed(result: Result<()>) -> c_int {
    fail(result.err().unwrap_or(Error::BadMessage) as c_int)
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execv(path: *const c_char, arguments: *const *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { execve(path, arguments, environ.cast_const().cast()) }
}

/// Linux.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execveat(
    directory: c_int,
    path: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
    flags: c_int,
) -> c_int {
    const AT_SYMLINK_NOFOLLOW: c_int = 0x100;
    const AT_EMPTY_PATH: c_int = 0x1000;
    // SAFETY: the caller's.
    unsafe {
        if flags & AT_EMPTY_PATH != 0 && text(path).is_empty() {
            return fexecve(directory, arguments, environment);
        }
        let place = Place {
            directory: directory.into(),
            no_follow: flags & AT_SYMLINK_NOFOLLOW != 0,
            ..Place::of(text(path))
        };
        failed(execute(place, [arguments, environment], &mut replace))
    }
}

/// POSIX: by the path that the descriptor was opened by.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fexecve(
    fd: c_int,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    let mut path = [0u8; PATH_MAX];
    match libc_posix::descriptor::path(fd, &mut path) {
        Ok(length) => {
            let place = Place::of(&path[..length.min(PATH_MAX)]);
            // SAFETY: the caller's.
            failed(unsafe { execute(place, [arguments, environment], &mut replace) })
        }
        Err(error) => fail(error as c_int),
    }
}

/// POSIX: searches `PATH`; a file that is no program is run by the shell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvpe(
    file: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    let vectors = [arguments, environment];
    // SAFETY: the caller's.
    failed(unsafe { search(text(file), WORKING_DIRECTORY.into(), vectors, &mut replace) })
}

/// Finds a program by the calling process's `PATH`, relative names from a directory on.
///
/// # Safety
/// The vectors end with null pointers.
pub(super) unsafe fn search(
    name: &[u8],
    working: Base,
    vectors: Vectors,
    carry: Carry<'_>,
) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        if name.is_empty() {
            return Err(Error::NotFound);
        }
        if name.contains(&b'/') {
            return run(Place::from(working, name), vectors, carry);
        }
        let list = super::environment::getenv(c"PATH".as_ptr());
        let list = if list.is_null() {
            &b"/usr/local/bin:/bin:/usr/bin"[..]
        } else {
            text(list)
        };
        let mut result = Error::NotFound;
        let mut path = [0u8; PATH_MAX];
        for directory in list.split(|byte| *byte == b':') {
            let separator = usize::from(!directory.is_empty());
            let length = directory.len() + separator + name.len();
            let Some(place) = path.get_mut(..length) else {
                continue;
            };
            place[..directory.len()].copy_from_slice(directory);
            if separator == 1 {
                place[directory.len()] = b'/';
            }
            place[length - name.len()..].copy_from_slice(name);
            match run(Place::from(working, place), vectors, carry) {
                Err(Error::NotFound | Error::NotDirectory) => {}
                Err(Error::AccessDenied) => result = Error::AccessDenied,
                other => return other,
            }
        }
        Err(result)
    }
}

/// Executes a file, or has the shell read it when it has no known format.
unsafe fn run(place: Place<'_>, vectors: Vectors, carry: Carry<'_>) -> Result<()> {
    let [arguments, environment] = vectors;
    // SAFETY: the caller's.
    unsafe {
        let result = execute(place, vectors, carry);
        if result != Err(Error::NotExecutable) {
            return result;
        }
        let mut script = [0u8; PATH_MAX + 1];
        script[..place.path.len()].copy_from_slice(place.path);
        let mut vector: Vec<*const c_char> = Vec::new();
        let mut length = 0;
        while !(*arguments.add(length)).is_null() {
            length += 1;
        }
        let rest = core::slice::from_raw_parts(arguments, length);
        vector
            .try_reserve(rest.len() + 3)
            .map_err(|_| Error::NoMemory)?;
        vector.extend([c"sh".as_ptr(), script.as_ptr().cast()]);
        vector.extend(rest.iter().skip(1));
        vector.push(core::ptr::null());
        let shell = Place::of(b"/bin/sh");
        execute(shell, [vector.as_ptr(), environment], carry)
    }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvp(file: *const c_char, arguments: *const *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe { execvpe(file, arguments, environ.cast_const().cast()) }
}

/// The arguments of a variadic `exec` as a vector.
unsafe fn collect(first: *const c_char, rest: &mut VaList<'_>) -> Vec<*const c_char> {
    let mut vector = Vec::new();
    let mut next = first;
    // SAFETY: the list ends with a null pointer.
    unsafe {
        while !next.is_null() && vector.try_reserve(2).is_ok() {
            vector.push(next);
            next = rest.arg::<*const c_char>();
        }
    }
    vector.push(core::ptr::null());
    vector
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execl(path: *const c_char, first: *const c_char, mut rest: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { execv(path, collect(first, &mut rest).as_ptr()) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execlp(file: *const c_char, first: *const c_char, mut rest: ...) -> c_int {
    // SAFETY: the caller's.
    unsafe { execvp(file, collect(first, &mut rest).as_ptr()) }
}

/// POSIX.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execle(path: *const c_char, first: *const c_char, mut rest: ...) -> c_int {
    // SAFETY: the caller's; the environment follows the null pointer.
    unsafe {
        let vector = collect(first, &mut rest);
        let environment = rest.arg::<*const *const c_char>();
        execve(path, vector.as_ptr(), environment)
    }
}
