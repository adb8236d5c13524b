//! The `exec` family.
//!
//! SAFETY of the C functions here: vectors of strings end with a null pointer (POSIX).

use super::environment::environ;
use super::support::{Error, Result, fail, text};
use alloc::vec::Vec;
use core::ffi::{VaList, c_char, c_int};
use libc_posix::names::{PATH_MAX, WORKING_DIRECTORY};
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

unsafe fn execute(
    directory: c_int,
    path: &[u8],
    arguments: *const *const c_char,
    environment: *const *const c_char,
    no_follow: bool,
) -> Error {
    // SAFETY: the caller's.
    match unsafe { (joined(arguments), joined(environment)) } {
        (Ok(arguments), Ok(environment)) => {
            execute_joined(directory, path, &arguments, &environment, no_follow)
        }
        _ => Error::NoMemory,
    }
}

/// Most interpreters that are scripts themselves, one after the other.
const MAX_INTERPRETERS: usize = 4;
/// Most bytes of a script's first line.
const MAX_INTERPRETER_LINE: usize = 256;

/// Executes a program, or the interpreter that a script's first line names. The process server
/// takes programs only: finding an interpreter is a walk of names, which is the caller's.
fn execute_joined(
    directory: c_int,
    path: &[u8],
    arguments: &[u8],
    environment: &[u8],
    no_follow: bool,
) -> Error {
    let error = execute_program(directory, path, arguments, environment, no_follow);
    if error != Error::NotExecutable {
        return error;
    }
    let Ok(mut interpreter) = interpreter_line(directory, path) else {
        return error;
    };
    let own = arguments.iter().position(|byte| *byte == 0);
    let rest = own.map_or(&[][..], |end| &arguments[end + 1..]);
    let mut all = [path, b"\0", rest].concat();
    for _ in 0..MAX_INTERPRETERS {
        let (program, argument) = interpreter;
        let mut front = [&program[..], b"\0"].concat();
        if !argument.is_empty() {
            front.extend_from_slice(&argument);
            front.push(0);
        }
        all.splice(0..0, front);
        let error = execute_program(WORKING_DIRECTORY, &program, &all, environment, false);
        if error != Error::NotExecutable {
            return error;
        }
        interpreter = match interpreter_line(WORKING_DIRECTORY, &program) {
            Ok(next) => next,
            Err(_) => return error,
        };
    }
    Error::TooManySymlinks
}

fn execute_program(
    directory: c_int,
    path: &[u8],
    arguments: &[u8],
    environment: &[u8],
    no_follow: bool,
) -> Error {
    match process::open_program(directory, path, no_follow) {
        Ok(program) => {
            let error = process::execute(program, path, arguments, environment);
            let _ = libc_rt::kernel::handle_close(program);
            error
        }
        Err(error) => error,
    }
}

/// The interpreter and its argument (empty: none) from a script's `#!` line.
fn interpreter_line(directory: c_int, path: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
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
    fail(unsafe { execute(WORKING_DIRECTORY, text(path), arguments, environment, false) } as c_int)
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
        let no_follow = flags & AT_SYMLINK_NOFOLLOW != 0;
        fail(execute(directory, text(path), arguments, environment, no_follow) as c_int)
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
        // SAFETY: the caller's.
        Ok(length) => fail(unsafe {
            execute(
                WORKING_DIRECTORY,
                &path[..length.min(PATH_MAX)],
                arguments,
                environment,
                false,
            )
        } as c_int),
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
    // SAFETY: the caller's.
    unsafe {
        let name = text(file);
        if name.is_empty() {
            return fail(Error::NotFound as c_int);
        }
        if name.contains(&b'/') {
            return fail(run(name, arguments, environment) as c_int);
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
            match run(place, arguments, environment) {
                Error::NotFound | Error::NotDirectory => {}
                Error::AccessDenied => result = Error::AccessDenied,
                error => return fail(error as c_int),
            }
        }
        fail(result as c_int)
    }
}

/// Executes a file, or has the shell read it when it has no known format.
unsafe fn run(
    path: &[u8],
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> Error {
    // SAFETY: the caller's.
    unsafe {
        let error = execute(WORKING_DIRECTORY, path, arguments, environment, false);
        if error != Error::NotExecutable {
            return error;
        }
        let mut script = [0u8; PATH_MAX + 1];
        script[..path.len()].copy_from_slice(path);
        let mut vector: Vec<*const c_char> = Vec::new();
        let rest = {
            let mut length = 0;
            while !(*arguments.add(length)).is_null() {
                length += 1;
            }
            core::slice::from_raw_parts(arguments, length)
        };
        if vector.try_reserve(rest.len() + 3).is_err() {
            return Error::NoMemory;
        }
        vector.extend([c"sh".as_ptr(), script.as_ptr().cast()]);
        vector.extend(rest.iter().skip(1));
        vector.push(core::ptr::null());
        execute(
            WORKING_DIRECTORY,
            b"/bin/sh",
            vector.as_ptr(),
            environment,
            false,
        )
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
