//! Linux system calls by number, for programs that execute the instruction themselves.
//!
//! Linked only when the program names `__microkosm_linux_calls` (linker option
//! `-u __microkosm_linux_calls`; the table would otherwise drag the library into every program).
//! Each call runs the C function of the same meaning. Not served: what the library does not offer,
//! and calls that make threads or replace the signal machinery, which need the library's own state.

use super::support::errno;
use super::{
    clock, control, directory, epoll, event_descriptors, execute, extended_status, files, identity,
    io, linux, mapping, memory_locks, poll, process, process_descriptor, pthread, scheduling,
    select, signal, signal_descriptor, socket, splice, start, status, system,
};

const ENOSYS: i64 = 38;

/// The word that start-up finds through its section.
#[unsafe(no_mangle)]
#[unsafe(link_section = "microkosm_linux_calls")]
pub static __microkosm_linux_calls: libc_rt::signal::ForeignCalls = serve;

/// A result of the C function as Linux gives it.
fn told(result: i64) -> i64 {
    if result == -1 {
        -(errno() as i64)
    } else {
        result
    }
}

unsafe extern "C" fn serve(number: u64, a: &[u64; 6]) -> i64 {
    // Programs that use the instruction keep their own `errno`, not the library's.
    process::keep_errno(|| {
        // SAFETY: the program's arguments, as for the C functions.
        let found = unsafe {
            bytes(number, a)
                .or_else(|| names(number, a))
                .or_else(|| memory_and_time(number, a))
                .or_else(|| processes(number, a))
                .or_else(|| sockets(number, a))
        };
        found.unwrap_or(-ENOSYS)
    })
}

/// Reading, writing, descriptors.
unsafe fn bytes(number: u64, a: &[u64; 6]) -> Option<i64> {
    let fd = a[0] as i32;
    // SAFETY: the caller's.
    let result = unsafe {
        match number {
            0 => io::read(fd, a[1] as _, a[2] as usize) as i64,
            1 => io::write(fd, a[1] as _, a[2] as usize) as i64,
            3 => io::close(fd) as i64,
            8 => io::lseek(fd, a[1] as i64, a[2] as i32),
            16 => control::ioctl(fd, a[1] as i32, a[2]) as i64,
            17 => io::pread(fd, a[1] as _, a[2] as usize, a[3] as i64) as i64,
            18 => io::pwrite(fd, a[1] as _, a[2] as usize, a[3] as i64) as i64,
            19 => io::readv(fd, a[1] as _, a[2] as i32) as i64,
            20 => io::writev(fd, a[1] as _, a[2] as i32) as i64,
            22 => io::pipe(a[0] as _) as i64,
            32 => io::dup(fd) as i64,
            33 => io::dup2(fd, a[1] as i32) as i64,
            40 => splice::sendfile(fd, a[1] as i32, a[2] as _, a[3] as usize) as i64,
            72 => control::fcntl(fd, a[1] as i32, a[2]) as i64,
            73 => control::flock(fd, a[1] as i32) as i64,
            74 => io::fsync(fd) as i64,
            75 => io::fdatasync(fd) as i64,
            77 => status::ftruncate(fd, a[1] as i64) as i64,
            217 => directory::posix_getdents(fd, a[1] as _, a[2] as usize, 0) as i64,
            285 => status::fallocate(fd, a[1] as i32, a[2] as i64, a[3] as i64) as i64,
            292 => io::dup3(fd, a[1] as i32, a[2] as i32) as i64,
            293 => io::pipe2(a[0] as _, a[1] as i32) as i64,
            326 => splice::copy_file_range(
                fd,
                a[1] as _,
                a[2] as i32,
                a[3] as _,
                a[4] as usize,
                a[5] as u32,
            ) as i64,
            436 => io::close_range(a[0] as u32, a[1] as u32, a[2] as i32) as i64,
            _ => return None,
        }
    };
    Some(told(result))
}

/// Everything that takes a path, and attributes.
unsafe fn names(number: u64, a: &[u64; 6]) -> Option<i64> {
    let fd = a[0] as i32;
    // SAFETY: the caller's.
    let result = unsafe {
        match number {
            2 => files::open(a[0] as _, a[1] as i32, a[2] as u32) as i64,
            4 => status::stat(a[0] as _, a[1] as _) as i64,
            5 => status::fstat(fd, a[1] as _) as i64,
            6 => status::lstat(a[0] as _, a[1] as _) as i64,
            21 => files::access(a[0] as _, a[1] as i32) as i64,
            76 => status::truncate(a[0] as _, a[1] as i64) as i64,
            // Linux tells the length with the NUL.
            79 => match files::getcwd(a[0] as _, a[1] as usize) {
                path if path.is_null() => -1,
                path => super::support::text(path).len() as i64 + 1,
            },
            80 => files::chdir(a[0] as _) as i64,
            81 => files::fchdir(fd) as i64,
            82 => files::rename(a[0] as _, a[1] as _) as i64,
            83 => files::mkdir(a[0] as _, a[1] as u32) as i64,
            84 => files::rmdir(a[0] as _) as i64,
            86 => files::link(a[0] as _, a[1] as _) as i64,
            87 => files::unlink(a[0] as _) as i64,
            88 => files::symlink(a[0] as _, a[1] as _) as i64,
            89 => files::readlink(a[0] as _, a[1] as _, a[2] as usize) as i64,
            90 => status::chmod(a[0] as _, a[1] as u32) as i64,
            91 => status::fchmod(fd, a[1] as u32) as i64,
            92 => status::chown(a[0] as _, a[1] as u32, a[2] as u32) as i64,
            93 => status::fchown(fd, a[1] as u32, a[2] as u32) as i64,
            137 => system::statfs(a[0] as _, a[1] as _) as i64,
            138 => system::fstatfs(fd, a[1] as _) as i64,
            257 => files::openat(fd, a[1] as _, a[2] as i32, a[3] as u32) as i64,
            258 => files::mkdirat(fd, a[1] as _, a[2] as u32) as i64,
            260 => status::fchownat(fd, a[1] as _, a[2] as u32, a[3] as u32, a[4] as i32) as i64,
            262 => status::fstatat(fd, a[1] as _, a[2] as _, a[3] as i32) as i64,
            263 => files::unlinkat(fd, a[1] as _, a[2] as i32) as i64,
            264 => files::renameat(fd, a[1] as _, a[2] as i32, a[3] as _) as i64,
            265 => files::linkat(fd, a[1] as _, a[2] as i32, a[3] as _, a[4] as i32) as i64,
            266 => files::symlinkat(a[0] as _, a[1] as i32, a[2] as _) as i64,
            267 => files::readlinkat(fd, a[1] as _, a[2] as _, a[3] as usize) as i64,
            268 => status::fchmodat(fd, a[1] as _, a[2] as u32, 0) as i64,
            269 => files::faccessat(fd, a[1] as _, a[2] as i32, 0) as i64,
            280 => status::utimensat(fd, a[1] as _, a[2] as _, a[3] as i32) as i64,
            316 => files::renameat2(fd, a[1] as _, a[2] as i32, a[3] as _, a[4] as u32) as i64,
            332 => {
                extended_status::statx(fd, a[1] as _, a[2] as i32, a[3] as u32, a[4] as _) as i64
            }
            439 => files::faccessat(fd, a[1] as _, a[2] as i32, a[3] as i32) as i64,
            _ => return None,
        }
    };
    Some(told(result))
}

/// Mappings, clocks, waiting.
unsafe fn memory_and_time(number: u64, a: &[u64; 6]) -> Option<i64> {
    // SAFETY: the caller's.
    let result = unsafe {
        match number {
            7 => poll::poll(a[0] as _, a[1], a[2] as i32) as i64,
            9 => mapping::mmap(
                a[0] as _,
                a[1] as usize,
                a[2] as i32,
                a[3] as i32,
                a[4] as i32,
                a[5] as i64,
            ) as i64,
            10 => mapping::mprotect(a[0] as _, a[1] as usize, a[2] as i32) as i64,
            11 => mapping::munmap(a[0] as _, a[1] as usize) as i64,
            23 => select::select(a[0] as i32, a[1] as _, a[2] as _, a[3] as _, a[4] as _) as i64,
            25 => mapping::mremap(a[0] as _, a[1] as usize, a[2] as usize, a[3] as i32) as i64,
            26 => memory_locks::msync(a[0] as _, a[1] as usize, a[2] as i32) as i64,
            28 => mapping::madvise(a[0] as _, a[1] as usize, a[2] as i32) as i64,
            35 => clock::nanosleep(a[0] as _, a[1] as _) as i64,
            96 => clock::gettimeofday(a[0] as _, a[1] as _) as i64,
            201 => clock::time(a[0] as _),
            202 => return Some(linux::futex_call(a)),
            228 => clock::clock_gettime(a[0] as i32, a[1] as _) as i64,
            229 => clock::clock_getres(a[0] as i32, a[1] as _) as i64,
            // This C function returns the error itself.
            230 => {
                return Some(
                    -(clock::clock_nanosleep(a[0] as i32, a[1] as i32, a[2] as _, a[3] as _)
                        as i64),
                );
            }
            232 => epoll::epoll_wait(a[0] as i32, a[1] as _, a[2] as i32, a[3] as i32) as i64,
            233 => epoll::epoll_ctl(a[0] as i32, a[1] as i32, a[2] as i32, a[3] as _) as i64,
            283 => event_descriptors::timerfd_create(a[0] as i32, a[1] as i32) as i64,
            286 => {
                event_descriptors::timerfd_settime(a[0] as i32, a[1] as i32, a[2] as _, a[3] as _)
                    as i64
            }
            281 => epoll::epoll_pwait(a[0] as i32, a[1] as _, a[2] as i32, a[3] as i32, a[4] as _)
                as i64,
            284 => event_descriptors::eventfd(a[0] as u32, 0) as i64,
            287 => event_descriptors::timerfd_gettime(a[0] as i32, a[1] as _) as i64,
            289 => signal_descriptor::signalfd(a[0] as i32, a[1] as _, a[3] as i32) as i64,
            290 => event_descriptors::eventfd(a[0] as u32, a[1] as i32) as i64,
            424 => process_descriptor::pidfd_send_signal(
                a[0] as i32,
                a[1] as i32,
                a[2] as _,
                a[3] as u32,
            ) as i64,
            434 => process_descriptor::pidfd_open(a[0] as i32, a[1] as u32) as i64,
            291 => epoll::epoll_create1(a[0] as i32) as i64,
            318 => system::getrandom(a[0] as _, a[1] as usize, a[2] as u32) as i64,
            _ => return None,
        }
    };
    Some(told(result))
}

/// Processes, ids, limits.
unsafe fn processes(number: u64, a: &[u64; 6]) -> Option<i64> {
    // SAFETY: the caller's.
    let result = unsafe {
        match number {
            24 => scheduling::sched_yield() as i64,
            34 => signal::pause() as i64,
            37 => clock::alarm(a[0] as u32) as i64,
            39 => identity::getpid() as i64,
            57 | 58 => process::fork() as i64,
            59 => execute::execve(a[0] as _, a[1] as _, a[2] as _) as i64,
            60 | 231 => start::_exit(a[0] as i32),
            61 => process::wait4(a[0] as i32, a[1] as _, a[2] as i32, a[3] as _) as i64,
            62 => signal::kill(a[0] as i32, a[1] as i32) as i64,
            63 => system::uname(a[0] as _) as i64,
            95 => identity::umask(a[0] as u32) as i64,
            97 => identity::getrlimit(a[0] as i32, a[1] as _) as i64,
            98 => process::getrusage(a[0] as i32, a[1] as _) as i64,
            99 => system::sysinfo(a[0] as _) as i64,
            102 => identity::getuid() as i64,
            104 => identity::getgid() as i64,
            105 => identity::setuid(a[0] as u32) as i64,
            106 => identity::setgid(a[0] as u32) as i64,
            107 => identity::geteuid() as i64,
            108 => identity::getegid() as i64,
            109 => identity::setpgid(a[0] as i32, a[1] as i32) as i64,
            110 => identity::getppid() as i64,
            111 => identity::getpgrp() as i64,
            112 => identity::setsid() as i64,
            115 => identity::getgroups(a[0] as i32, a[1] as _) as i64,
            121 => identity::getpgid(a[0] as i32) as i64,
            124 => identity::getsid(a[0] as i32) as i64,
            160 => identity::setrlimit(a[0] as i32, a[1] as _) as i64,
            186 => pthread::gettid() as i64,
            204 => match scheduling::sched_getaffinity(a[0] as i32, a[1] as usize, a[2] as _) {
                0 => 8,
                failed => failed as i64,
            },
            247 => process::waitid(a[0] as i32, a[1] as u32, a[2] as _, a[3] as i32) as i64,
            302 => identity::prlimit(a[0] as i32, a[1] as i32, a[2] as _, a[3] as _) as i64,
            309 => scheduling::sched_getcpu() as i64,
            _ => return None,
        }
    };
    Some(told(result))
}

/// Sockets.
unsafe fn sockets(number: u64, a: &[u64; 6]) -> Option<i64> {
    let fd = a[0] as i32;
    // SAFETY: the caller's.
    let result = unsafe {
        match number {
            41 => socket::socket(fd, a[1] as i32, a[2] as i32) as i64,
            42 => socket::connect(fd, a[1] as _, a[2] as u32) as i64,
            43 => socket::accept(fd, a[1] as _, a[2] as _) as i64,
            44 => socket::sendto(
                fd,
                a[1] as _,
                a[2] as usize,
                a[3] as i32,
                a[4] as _,
                a[5] as u32,
            ) as i64,
            45 => socket::recvfrom(
                fd,
                a[1] as _,
                a[2] as usize,
                a[3] as i32,
                a[4] as _,
                a[5] as _,
            ) as i64,
            46 => socket::sendmsg(fd, a[1] as _, a[2] as i32) as i64,
            47 => socket::recvmsg(fd, a[1] as _, a[2] as i32) as i64,
            48 => socket::shutdown(fd, a[1] as i32) as i64,
            49 => socket::bind(fd, a[1] as _, a[2] as u32) as i64,
            50 => socket::listen(fd, a[1] as i32) as i64,
            51 => socket::getsockname(fd, a[1] as _, a[2] as _) as i64,
            52 => socket::getpeername(fd, a[1] as _, a[2] as _) as i64,
            288 => socket::accept4(fd, a[1] as _, a[2] as _, a[3] as i32) as i64,
            53 => socket::socketpair(fd, a[1] as i32, a[2] as i32, a[3] as _) as i64,
            54 => socket::setsockopt(fd, a[1] as i32, a[2] as i32, a[3] as _, a[4] as u32) as i64,
            55 => socket::getsockopt(fd, a[1] as i32, a[2] as i32, a[3] as _, a[4] as _) as i64,
            _ => return None,
        }
    };
    Some(told(result))
}
