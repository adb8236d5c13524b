//! Every interface of the system. Numbers are never used twice; `interfaces.lock` pins them.

interface! {
    /// Names: served by `vfs` on sessions of directories (root, working directory, descriptors of
    /// directories). Paths are bytes without NUL, at most 4095; relative ones start at the session's
    /// directory, absolute ones at the caller's root. Flags called `at` are those of `<fcntl.h>`
    /// (`AT_SYMLINK_NOFOLLOW`, `AT_EMPTY_PATH`, ...).
    mod directory, trait Directory {
        /// Opens or creates (`open_flags`, mode before the umask). Value: the file's `S_IFMT` bits.
        /// Returns its session.
        16 open(flags: u32, mode: u32) in(path) out() sends(0) -> (kind) returns(1);
        /// Attributes of what a path names (`types::Attributes`).
        17 status(at: u32) in(path) out(attributes) sends(0) -> () returns(0);
        /// Makes a directory.
        18 make_directory(mode: u32) in(path) out() sends(0) -> () returns(0);
        /// Makes a FIFO, special or regular file.
        19 make_node(mode: u32, device: u64) in(path) out() sends(0) -> () returns(0);
        /// Removes a name; `at` = `AT_REMOVEDIR` for directories.
        20 unlink(at: u32) in(path) out() sends(0) -> () returns(0);
        /// Renames; sends the session of the directory that the new path starts from.
        21 rename(flags: u32) in(old, new) out() sends(1) -> () returns(0);
        /// Makes a hard link; sends as `rename`.
        22 link(at: u32) in(old, new) out() sends(1) -> () returns(0);
        /// Makes a symbolic link.
        23 make_symlink() in(target, path) out() sends(0) -> () returns(0);
        /// Reads a symbolic link. Value: bytes written.
        24 read_symlink() in(path) out(target) sends(0) -> (length) returns(0);
        /// Sets attributes (`types::attribute_mask`).
        25 set_attributes(at: u32, mask: u64) in(path, attributes) out() sends(0) -> () returns(0);
        /// Checks permission (`R_OK` 4, `W_OK` 2, `X_OK` 1); `at` may hold `AT_EACCESS`.
        26 access(mode: u32, at: u32) in(path) out() sends(0) -> () returns(0);
        /// Figures of the file system that a path is on.
        27 file_system_status() in(path) out(status) sends(0) -> () returns(0);
        /// Mounts: `kind` is a declared file-system server, `source` a device path or empty.
        28 mount(flags: u64) in(source, target, kind, data) out() sends(0) -> () returns(0);
        /// Unmounts.
        29 unmount(flags: u32) in(target) out() sends(0) -> () returns(0);
        /// Writes out everything.
        30 sync_all() in() out() sends(0) -> () returns(0);
        /// The absolute path of this directory. Value: its length.
        31 path() in() out(path) sends(0) -> (length) returns(0);
        /// Makes this directory the root of a new view: returns the session to put in the root's slot.
        32 change_root() in(path) out() sends(0) -> () returns(1);
        /// Lists mounts as lines of `/proc/mounts`, from byte `offset`. Value: bytes.
        33 mounts(offset: u64) in() out(text) sends(0) -> (length) returns(0);
    }
}

interface! {
    /// Open files: served by whoever gave the session (`ext2`, `tmpfs`, `vfs`, `tty`, ...). Reading,
    /// writing and seeking are kernel calls (`kernel_abi::message::operation`).
    mod file, trait File {
        /// Attributes (`types::Attributes`).
        64 status() in() out(attributes) sends(0) -> () returns(0);
        /// Sets attributes.
        65 set_attributes(mask: u64) in(attributes) out() sends(0) -> () returns(0);
        /// Sets the length.
        66 truncate(length: u64) in() out() sends(0) -> () returns(0);
        /// Writes out; `data_only` != 0 for `fdatasync`.
        67 sync(data_only: u32) in() out() sends(0) -> () returns(0);
        /// Directory entries from a cursor (0 = start) in the layout of `struct dirent` (u64 node,
        /// i64 next cursor, u16 record length, u8 type, name, NUL; records 8-byte aligned). Value: bytes.
        68 read_directory(cursor: u64) in() out(entries) sends(0) -> (length) returns(0);
        /// The Memory that holds the content, for `mmap` and `exec`. Value: content length.
        69 map(protection: u32) in() out() sends(0) -> (length) returns(1);
        /// `ioctl`: request number and integer argument, or data in and out. Value: the result.
        70 control(request: u64, argument: u64) in(data) out(result) sends(0) -> (value) returns(0);
        /// Reserves or punches space (`fallocate`).
        71 allocate(mode: u32, offset: u64, length: u64) in() out() sends(0) -> () returns(0);
        /// Figures of the file system.
        72 file_system_status() in() out(status) sends(0) -> () returns(0);
        /// The path it was opened by. Value: its length.
        73 path() in() out(path) sends(0) -> (length) returns(0);
        /// Record and whole-file locks: `kind` 0 unlock, 1 shared, 2 exclusive; `mode` bit 0 wait, bit 1
        /// test only, bit 2 owned by the open file (OFD, flock) instead of the process, bit 3 flock.
        /// Results: kind, start, length, owner of the lock in the way (test only).
        74 lock(kind: u32, mode: u32, start: u64, length: u64) in() out() sends(0)
            -> (found, first, count, owner) returns(0);
        /// A session whose last close tells that the calling process has ended, and its record locks
        /// with it. Needed before the first one, which fails with `BadState` otherwise.
        75 own_locks() in() out() sends(0) -> () returns(1);
    }
}

interface! {
    /// A file system: served by `ext2` and `tmpfs` to `vfs` alone. A node is the file's serial number.
    mod file_system, trait FileSystem {
        /// The root node and the file system's device number.
        96 root() in() out() sends(0) -> (node, device) returns(0);
        /// Walks `path` (no leading slash) from a directory, checking search permission. Stops after
        /// `consumed` bytes for a `reason`: 0 done; 1 symbolic link (the rest, from its own name on, is
        /// not consumed); 2 covered by a mount; 3 `..` of the root; 4 the last component does not exist
        /// (node = its directory, consumed = up to its name). Bit 0 of `flags`: follow a link at the end
        /// (reason 1 then, too). `attributes` are those of the node.
        97 walk(node: u64, flags: u32) in(path, credentials) out(attributes) sends(0)
            -> (node, consumed, reason) returns(0);
        /// Opens a node: `flags` as `open_flags`; permission is checked. Returns its session.
        98 open(node: u64, flags: u32) in(credentials) out() sends(0) -> (kind) returns(1);
        /// Makes a file of any type but directory link and symlink. `mode` has the type and final bits.
        99 create(directory: u64, mode: u32, device: u64) in(name, credentials) out() sends(0)
            -> (node) returns(0);
        /// Attributes.
        100 status(node: u64) in() out(attributes) sends(0) -> () returns(0);
        /// Sets attributes, checking permission.
        101 set_attributes(node: u64, mask: u64) in(attributes, credentials) out() sends(0) -> () returns(0);
        /// Makes a hard link.
        102 link(node: u64, directory: u64) in(name, credentials) out() sends(0) -> () returns(0);
        /// Removes a name; `is_directory` != 0 for `rmdir`.
        103 unlink(directory: u64, is_directory: u32) in(name, credentials) out() sends(0) -> () returns(0);
        /// Renames; `flags` 1 = no replace, 2 = exchange.
        104 rename(from: u64, to: u64, flags: u32) in(old, new, credentials) out() sends(0) -> () returns(0);
        /// Makes a symbolic link.
        105 make_symlink(directory: u64) in(name, target, credentials) out() sends(0) -> (node) returns(0);
        /// Reads one. Value: bytes.
        106 read_symlink(node: u64) in() out(target) sends(0) -> (length) returns(0);
        /// As `file::read_directory`.
        107 read_directory(node: u64, cursor: u64) in() out(entries) sends(0) -> (length) returns(0);
        /// Figures.
        108 file_system_status() in() out(status) sends(0) -> () returns(0);
        /// Writes everything out.
        109 sync() in() out() sends(0) -> () returns(0);
        /// Marks (1) or unmarks (0) a node as covered by a mount.
        110 cover(node: u64, covered: u32) in() out() sends(0) -> () returns(0);
        /// Keeps a node alive while `vfs` refers to it: 1 hold, 0 let go.
        111 hold(node: u64, held: u32) in() out() sends(0) -> () returns(0);
        /// Writes out, marks clean, serves no more.
        112 unmount() in() out() sends(0) -> () returns(0);
        /// Finds a node's name in its parent; of an open file, in the directory where it was opened last.
        /// `NotFound` when it has none there. Value: bytes; results: the parent.
        113 name(node: u64) in() out(name) sends(0) -> (length, parent) returns(0);
    }
}

interface! {
    /// Disks: served by block drivers.
    mod block, trait Block {
        /// Bytes in a sector, sectors, most segments in one transfer; flags bit 0: read only.
        128 geometry() in() out() sends(0) -> (sector_size, sectors, segments, flags) returns(0);
        /// Moves segments, all in flight at once: `segments` is an array of (sector u64, memory offset
        /// u64, length in bytes u64) over the Memory that is sent. `write` != 0 writes the disk.
        129 transfer(write: u32) in(segments) out() sends(1) -> () returns(0);
        /// Makes everything written durable.
        130 flush() in() out() sends(0) -> () returns(0);
        /// As `transfer`, over the Memory that `register` gave a number, sparing the handle's way.
        131 transfer_registered(write: u32, memory: u64) in(segments) out() sends(0) -> () returns(0);
        /// Keeps a Memory for `transfer_registered`. Value: its number.
        132 register() in() out() sends(1) -> (memory) returns(0);
    }
}

interface! {
    /// Processes: served by `proc` on each process's own session.
    mod process, trait Process {
        /// Forks; answered in both: the child's id in the parent, 0 in the child.
        160 fork() in() out() sends(0) -> (process) returns(0);
        /// Executes the file whose session is sent (opened to execute). `path` is for `#!` and `AT_EXECFN`;
        /// arguments and environment are NUL-ended strings one after the other. `directory_flags` = 0.
        161 execute(directory_flags: u32) in(path, arguments, environment) out() sends(1) -> () returns(0);
        /// Waits: `which` as `idtype_t` (0 all, 1 process, 2 group), options of `waitid`. Value: the child's
        /// id, or 0 with `WNOHANG` and nothing to tell. `status` takes a `types::WaitStatus`.
        162 wait(which: u32, id: u64, options: u32) in() out(status) sends(0) -> (process) returns(0);
        /// `kill`, `killpg`, `sigqueue`: `code` is `si_code`, `value` its value.
        163 kill(process: i64, signal: u32, code: i64, value: u64) in() out() sends(0) -> () returns(0);
        /// `pthread_kill` from another process and `tgkill`.
        164 kill_thread(process: u64, thread: u64, signal: u32) in() out() sends(0) -> () returns(0);
        /// Sets ids: `kind` 0 setuid, 1 setgid, 2 setreuid(a, b), 3 setregid, 4 setresuid(a, b, c),
        /// 5 setresgid, 6 seteuid, 7 setegid; `u32::MAX` leaves one as it is.
        166 set_ids(kind: u32, a: u32, b: u32, c: u32) in() out() sends(0) -> () returns(0);
        /// Sets the supplementary groups (array of u32).
        167 set_groups() in(groups) out() sends(0) -> () returns(0);
        /// `setpgid`.
        168 set_group(process: u64, group: u64) in() out() sends(0) -> () returns(0);
        /// `setsid`. Value: the new session.
        169 new_session() in() out() sends(0) -> (session) returns(0);
        /// Group and session of a process (0 = caller).
        170 group(process: u64) in() out() sends(0) -> (group, session) returns(0);
        /// Sets the umask. Value: the old one.
        171 set_umask(mask: u32) in() out() sends(0) -> (mask) returns(0);
        /// Reads, and with `set` != 0 sets, a limit (`RLIMIT_*`): two u64, current and maximum.
        172 limit(process: u64, resource: u32, set: u32) in(new) out(old) sends(0) -> () returns(0);
        /// `getrusage` (who: 0 self, 1 children as in `types::WaitStatus` times) as (user ns, kernel ns).
        173 usage(who: u32) in() out() sends(0) -> (user_ns, kernel_ns, minor_faults, major_faults) returns(0);
        /// `getpriority`/`setpriority`. Value: nice + 20.
        175 priority(which: u32, who: u64, set: u32, nice_plus_20: u32) in() out() sends(0) -> (nice) returns(0);
        /// Ids of processes above `after`, ascending, as an array of u64. Value: how many bytes.
        176 list(after: u64) in() out(processes) sends(0) -> (length) returns(0);
        /// A process's entry in text: `what` 0 stat, 1 status, 2 cmdline, 3 maps, 4 comm (as Linux's
        /// `/proc/PID`), 5 environ, 6 statm, 7 limits, 8 wchan, 9 auxv. Value: bytes from `offset`.
        177 describe(process: u64, what: u32, offset: u64) in() out(text) sends(0) -> (length) returns(0);
        /// Spawns: as `execute` in a new child (`posix_spawn`), with `types::spawn_flags`; `actions` are
        /// a `types::SpawnAttributes` and then `types::SpawnAction`s. Value: the child's id.
        178 spawn(flags: u32) in(path, arguments, environment, actions) out() sends(1) -> (process) returns(0);
        /// Becomes the parent of orphans below it (`PR_SET_CHILD_SUBREAPER`), 0 = off.
        179 set_reaper(on: u32) in() out() sends(0) -> () returns(0);
        /// Sets the host name, or with an empty input reads it. Value: bytes.
        180 host_name() in(new) out(name) sends(0) -> (length) returns(0);
        /// CPU time of a process (its CPU clock).
        181 processor_time(process: u64) in() out() sends(0) -> (time_ns) returns(0);
        /// Scheduling of another process: with `set` != 0 its threads get a priority
        /// (`kernel_abi::process::priority`). Value: that of its first thread.
        182 scheduling(process: u64, set: u32, priority: u64) in() out() sends(0) -> (priority) returns(0);
    }
}

interface! {
    /// Jobs: served by `proc` to `tty`.
    mod job, trait Job {
        /// Sends a signal to a process group on behalf of a terminal.
        192 signal_group(group: u64, signal: u32) in() out() sends(0) -> () returns(0);
        /// Sends SIGHUP and SIGCONT as a terminal's hang-up asks: session leader's id.
        193 hang_up(session: u64) in() out() sends(0) -> () returns(0);
        /// Makes a terminal (device number; 0 = none) the controlling one of a session.
        194 set_terminal(session: u64, terminal: u64) in() out() sends(0) -> () returns(0);
        /// What a group is: value bit 0 exists, bit 1 orphaned; results: its session.
        195 group_status(group: u64) in() out() sends(0) -> (status, session) returns(0);
        /// Whether a process blocks or ignores a signal (for SIGTTIN, SIGTTOU): bit 0 ignored, bit 1 blocked.
        196 signal_status(process: u64, signal: u32) in() out() sends(0) -> (status) returns(0);
        /// A handle to the leader of a session, by which its end is seen; `NoProcess` after that.
        197 leader(session: u64) in() out() sends(0) -> () returns(1);
        /// Takes the controlling terminal from one process (`TIOCNOTTY`).
        198 release_terminal(process: u64) in() out() sends(0) -> () returns(0);
        /// Queues a signal for a process because a message arrived (`SI_MESGQ`): its value, and who
        /// sent the message (process, and real user).
        199 notify(process: u64, signal: u32, value: u64, sender: u64, user: u32) in() out() sends(0)
            -> () returns(0);
    }
}

interface! {
    /// Special files: served to `vfs` by the servers behind `/dev` names.
    mod device, trait Device {
        /// Opens a device by its minor number. Returns its session. Reading and writing are the kernel's
        /// calls, the rest is `file`.
        208 open(minor: u64, flags: u32) in(identity) out() sends(0) -> () returns(1);
        /// Devices offered: lines `NAME MAJOR MINOR MODE(octal) KIND(c|b)`. Value: bytes.
        209 list() in() out(text) sends(0) -> (length) returns(0);
    }
}

interface! {
    /// Pseudo terminals: served by `tty` to `vfs`, which shows them in `/dev/pts`.
    mod terminals, trait Terminals {
        /// Opens the slave `number`. Returns its session.
        212 open(number: u64, flags: u32) in(identity) out() sends(0) -> () returns(1);
        /// Numbers of pseudo terminals from `first` on, ascending, as an array of u64. Value: bytes.
        213 list(first: u64) in() out(numbers) sends(0) -> (length) returns(0);
        /// Attributes of a slave.
        214 status(number: u64) in() out(attributes) sends(0) -> () returns(0);
        /// Sets them, for the process with this identity.
        215 set_attributes(number: u64, mask: u64) in(attributes, identity) out() sends(0) -> () returns(0);
        /// On a master's session: opens its slave (`TIOCGPTPEER`). Returns the slave's session.
        216 open_peer(flags: u32) in() out() sends(0) -> () returns(1);
    }
}

interface! {
    /// The supervisor: served by `svc` to servers (parking) and to the `svc` command (the rest).
    mod supervisor, trait Supervisor {
        /// The server serves: said once it is up, and whenever the supervisor asks (`request::HEARTBEAT`).
        224 ready() in() out() sends(0) -> () returns(0);
        /// Keeps one handle under a name for the next instance, replacing what was there.
        225 park() in(name) out() sends(1) -> () returns(0);
        /// A copy of what was parked.
        226 unpark() in(name) out() sends(0) -> () returns(1);
        /// Forgets it.
        227 forget() in(name) out() sends(0) -> () returns(0);
        /// A line a server. Value: bytes from `offset`.
        228 status(offset: u64) in() out(text) sends(0) -> (length) returns(0);
        /// Recent log. Value: bytes from `offset`.
        229 log(offset: u64) in() out(text) sends(0) -> (length) returns(0);
        /// Kills a server (it is restarted).
        230 kill() in(name) out() sends(0) -> () returns(0);
        /// Stops everything cleanly: 1 power off, 2 reboot, 3 test exit with `status`.
        231 shut_down(how: u32, status: u32) in() out() sends(0) -> () returns(0);
        /// A word of the kernel's command line: value 1 when present, and the text after `=`. An empty
        /// name asks for the whole line.
        232 option() in(name) out(text) sends(0) -> (present, length) returns(0);
        /// Sets the real-time clock: real time minus monotonic time.
        234 set_clock(realtime_offset_ns: u64) in() out() sends(0) -> () returns(0);
        /// The server cannot start for this reason, and starting it again would not help: once it
        /// has ended it stays down.
        233 cannot_start() in(reason) out() sends(0) -> () returns(0);
        /// Has a server go on with another program, an ELF file. Answered once that one serves, or with
        /// `Cancelled` when it did not and the old one is back.
        235 update() in(name, program) out() sends(0) -> () returns(0);
        /// Has a server go wrong in one of the ways of `request::Crash`.
        236 crash() in(name, kind) out() sends(0) -> () returns(0);
        /// The reading end of a pipe into which a line is written for whatever happens to a server from
        /// now on: nanoseconds of monotonic time, name, what, and more. Who does not read is cut off.
        237 events() in() out() sends(0) -> () returns(1);
    }
}

interface! {
    /// Hardware: served by `devices` to drivers; the session's badge says which devices they may claim.
    mod hardware, trait Hardware {
        /// Claims the `index`th declared device. `configuration` takes 256 bytes of its configuration space.
        /// Returns its DMA domain. Results: number of base registers, number of interrupt messages.
        240 claim(index: u32) in() out(configuration) sends(0) -> (bars, messages) returns(1);
        /// A base register's Memory. Value: its length.
        241 registers(index: u32, bar: u32) in() out() sends(0) -> (length) returns(1);
        /// Makes an interrupt for message `entry` of the device and switches MSI-X on.
        242 interrupt(index: u32, entry: u32) in() out() sends(0) -> () returns(1);
        /// Resets the device and releases its DMA domain; done by itself when a driver dies.
        243 reset(index: u32) in() out() sends(0) -> () returns(0);
        /// Devices found, a line each. Value: bytes from `offset`.
        244 list(offset: u64) in() out(text) sends(0) -> (length) returns(0);
    }
}

interface! {
    /// System V objects and the names of POSIX message queues: served by `ipc` on sessions of
    /// `/dev/ipc`. `kind` is one of `types::object_kind`.
    mod ipc, trait Ipc {
        /// `shmget`, `semget`, `msgget`: `size` in bytes or semaphores. Value: the id.
        256 get(kind: u32, key: u64, size: u64, flags: u32) in() out() sends(0) -> (id) returns(0);
        /// What is to be told of an object (`types::ObjectStatus`): named by its id, or with `by_index`
        /// 1 (2: without asking for permission) by its place in the table.
        257 status(kind: u32, id: u64, by_index: u32) in() out(status) sends(0) -> (id) returns(0);
        /// `IPC_SET`: owner << 32 | group, mode, and for queues the most bytes (0: as it is).
        258 change(kind: u32, id: u64, owner: u64, mode: u32, limit: u64) in() out() sends(0) -> () returns(0);
        /// `IPC_RMID`.
        259 remove(kind: u32, id: u64) in() out() sends(0) -> () returns(0);
        /// Highest place in use, objects, and their bytes, semaphores or messages; bytes of messages
        /// or pages of segments present.
        260 figures(kind: u32) in() out() sends(0) -> (highest, objects, sum, bytes) returns(0);
        /// `shmat`: returns the Memory, not writable if so asked. Value: bytes.
        261 attach(id: u64, read_only: u32) in() out() sends(0) -> (size) returns(1);
        /// `shmdt`: notes who detached, and when.
        262 detach(id: u64) in() out() sends(0) -> () returns(0);
        /// `semtimedop`: operations are (number u16, value i16, flags i16); monotonic deadline.
        263 operate(id: u64, deadline_ns: u64) in(operations) out() sends(0) -> () returns(0);
        /// `GETVAL` (12), `GETPID` (11), `GETNCNT` (14), `GETZCNT` (15), `SETVAL` (16) of a semaphore.
        264 semaphore(id: u64, number: u32, command: u32, value: u64) in() out() sends(0) -> (value) returns(0);
        /// `GETALL`: an array of u16.
        265 values(id: u64) in() out(values) sends(0) -> () returns(0);
        /// `SETALL`.
        266 set_values(id: u64) in(values) out() sends(0) -> () returns(0);
        /// A session whose last close tells that the process has ended: needed before `SEM_UNDO`.
        267 register() in() out() sends(0) -> () returns(1);
        /// `msgsnd`.
        268 send(id: u64, kind: i64, flags: u32) in(text) out() sends(0) -> () returns(0);
        /// `msgrcv`. Value: bytes; the message's type.
        269 receive(id: u64, wanted: i64, flags: u32) in() out(text) sends(0) -> (length, kind) returns(0);
        /// `mq_open`: `maximum` 0 for the defaults. Returns the queue's session.
        270 open_queue(flags: u32, mode: u32, maximum: u64, size: u64) in(name) out() sends(0) -> () returns(1);
        /// `mq_unlink`.
        271 unlink_queue() in(name) out() sends(0) -> () returns(0);
    }
}

interface! {
    /// An open POSIX message queue: served by `ipc`.
    mod queue, trait Queue {
        /// `mq_timedsend`: monotonic deadline, 0 = do not wait, `u64::MAX` = wait for ever.
        288 put(priority: u32, deadline_ns: u64) in(text) out() sends(0) -> () returns(0);
        /// `mq_timedreceive`. Value: bytes; the message's priority.
        289 take(deadline_ns: u64) in() out(text) sends(0) -> (length, priority) returns(0);
        /// `mq_getattr`. Value: most messages; most bytes of one; messages there are.
        290 attributes() in() out() sends(0) -> (maximum, size, count) returns(0);
        /// `mq_notify`: `kind` 0 by a signal, 1 by nothing, 2 by a thread that waits in
        /// `await_arrival`, 3 takes the caller's registration back.
        291 notify(kind: u32, signal: u32, value: u64) in() out() sends(0) -> () returns(0);
        /// Waits until the message comes that the caller has registered for.
        292 await_arrival() in() out() sends(0) -> () returns(0);
    }
}

interface! {
    /// Sockets by name: served by `vfs` on sessions of directories. Paths are as in `directory`.
    mod socket_space, trait SocketSpace {
        /// Makes a socket (`socket_domain::create`). Returns its session.
        320 socket(family: u32, kind: u32, protocol: u32, status: u32) in() out() sends(0) -> () returns(1);
        /// Makes two sockets that are connected to each other.
        321 pair(family: u32, kind: u32, protocol: u32, status: u32) in() out() sends(0) -> () returns(2);
        /// Makes a file for the socket that is sent, its name from then on.
        322 bind() in(path) out() sends(1) -> () returns(0);
        /// Finds the socket that a file is the name of; writing it must be allowed. Returns what
        /// `socket::connect_to` and the kernel's StreamSend take for a destination.
        323 find() in(path) out() sends(0) -> () returns(1);
    }
}

interface! {
    /// Sockets: served by `local` and `net` on each socket's own session. Addresses are `struct
    /// sockaddr` as C has it. What is sent and received goes through the session's Stream, if it
    /// has one: a connection's, a datagram socket's inbox, or the queue of connections of a socket
    /// that listens. The session's status flags tell what it is (`types::socket_status`).
    mod socket, trait Socket {
        /// Gives the socket a name that is no file's.
        328 bind() in(address) out() sends(0) -> () returns(0);
        /// Waits for connections; `backlog` as for `listen`.
        329 listen(backlog: u32) in() out() sends(0) -> () returns(0);
        /// Connects to an address that is no file's; `wait` = 0: not if that takes time.
        330 connect(wait: u32) in(address) out() sends(0) -> () returns(0);
        /// Connects to a destination of `socket_space::find`.
        331 connect_to(wait: u32) in() out() sends(1) -> () returns(0);
        /// The destination of an address that is no file's.
        332 find() in(address) out() sends(0) -> () returns(1);
        /// The socket's address (`which` 0) or its peer's (1). Value: its length, which may be
        /// more than was written.
        333 name(which: u32) in() out(address) sends(0) -> (length) returns(0);
        /// Reads an option of a level. Value: its length.
        334 get_option(level: u32, option: u32) in() out(value) sends(0) -> (length) returns(0);
        /// Sets one.
        335 set_option(level: u32, option: u32) in(value) out() sends(0) -> () returns(0);
        /// Ends directions (`kernel_abi::socket::shut_down`).
        336 shut_down(directions: u32) in() out() sends(0) -> () returns(0);
        /// Sends a datagram to an address (empty: the peer's) with C's control messages, on a socket whose
        /// status has `types::socket_status::SENDS_BY_CALL`. Value: bytes.
        337 send() in(address, data, control) out() sends(0) -> (length) returns(0);
    }
}

interface! {
    /// What the network is: served by `net` to `vfs`, which shows it in `/proc/net`.
    mod network, trait Network {
        /// A file's text (`frames::TEXTS`) from byte `offset`. Value: bytes.
        344 describe(what: u32, offset: u64) in() out(text) sends(0) -> (length) returns(0);
    }
}

interface! {
    /// Network adapters: served by their drivers to `net`.
    mod adapter, trait Adapter {
        /// Opens the `index`th adapter, resetting it. Sends the Memory for frames (`frames`), the
        /// event by which the driver tells of changes in it, and the one by which `net` does.
        /// Results: hardware address (little endian), largest packet, `frames::features` in force.
        384 open(index: u32) in() out() sends(3) -> (address, packet_size, features) returns(0);
    }
}

interface! {
    /// A family of sockets: served by `local` and `net` to `vfs`.
    mod socket_domain, trait SocketDomain {
        /// Makes a socket: family, type and protocol as for `socket`; `status` are the kernel's status
        /// flags to begin with.
        352 create(family: u32, kind: u32, protocol: u32, status: u32) in() out() sends(0) -> () returns(1);
        /// Makes two that are connected to each other.
        353 pair(family: u32, kind: u32, protocol: u32, status: u32) in() out() sends(0) -> () returns(2);
        /// Gives the socket that is sent the name of a file that was made for it.
        354 bind_node(device: u64, node: u64) in(address) out() sends(1) -> () returns(0);
        /// The destination that a file is the name of.
        355 find_node(device: u64, node: u64) in() out() sends(0) -> () returns(1);
    }
}

interface! {
    /// Processes as kernel objects: served by `proc` on each process's own session.
    mod process_handle, trait ProcessHandle {
        /// The kernel's object of a process, only to wait for its end and to be told apart from others.
        368 open(process: u64) in() out() sends(0) -> () returns(1);
    }
}

interface! {
    /// What `/proc/PID` shows beyond texts: served by `proc` to `vfs`.
    mod process_entry, trait ProcessEntry {
        /// Who may look at what is the process's own: its effective user and group; root for a program
        /// with set-id rights.
        376 owner(process: u64) in() out() sends(0) -> (user, group) returns(0);
        /// Slots in use from `first` on, ascending, as an array of u32. Value: bytes.
        377 descriptors(process: u64, first: u32) in() out(slots) sends(0) -> (length) returns(0);
        /// A copy of the handle in a slot, a descriptor or one of `types::process_slot`.
        378 descriptor(process: u64, slot: u32) in() out() sends(0) -> () returns(1);
        /// Ids of threads above `after` (as of `gettid`), ascending, as an array of u64. Value: bytes.
        379 threads(process: u64, after: u64) in() out(threads) sends(0) -> (length) returns(0);
        /// As `process::describe`, of one thread, where that makes a difference.
        380 describe_thread(process: u64, thread: u64, what: u32, offset: u64) in() out(text) sends(0)
            -> (length) returns(0);
    }
}
