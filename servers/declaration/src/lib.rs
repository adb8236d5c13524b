//! The declaration of the system: which servers run, what each may reach, how it is restarted.
//!
//! People write it as TOML (`rootfs/etc/system.toml`, feature `text`); `mkimage` checks it and
//! puts the compact form into the boot bundle, where `svc` decodes it. The declaration *is* the
//! initial hand-out of capabilities: a handle that it does not name does not exist.
#![cfg_attr(not(any(test, feature = "text")), no_std)]

extern crate alloc;

mod compact;
#[cfg(feature = "text")]
mod text;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Longest name of a server or handle, in bytes (a `StartEntry` holds 32 with the NUL).
pub const MAX_NAME: usize = 31;
/// Most servers of a system.
pub const MAX_SERVERS: usize = 64;

/// Seconds within which a server answers a heartbeat, unless it is declared otherwise.
pub const DEFAULT_DEADLINE_S: u32 = 15;
/// Megabytes of heap that a server may have, unless it is declared otherwise.
pub const DEFAULT_HEAP_MB: u32 = 64;

/// The whole system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(serde::Deserialize))]
#[cfg_attr(feature = "text", serde(deny_unknown_fields))]
pub struct System {
    /// Its servers, in the order they are started.
    #[cfg_attr(feature = "text", serde(rename = "server", default))]
    pub servers: Vec<Server>,
}

/// One server or driver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(serde::Deserialize))]
#[cfg_attr(
    feature = "text",
    serde(deny_unknown_fields, rename_all = "kebab-case")
)]
pub struct Server {
    /// Name of the server and, unless `program` says otherwise, of its program.
    pub name: String,
    /// Name of its program in the boot bundle; empty: the server's.
    #[cfg_attr(feature = "text", serde(default))]
    pub program: String,
    /// Arguments after the name.
    #[cfg_attr(feature = "text", serde(default))]
    pub arguments: Vec<String>,
    /// Real-time level 1..100 of its threads; 0 = the fair class.
    #[cfg_attr(feature = "text", serde(default))]
    pub priority: u32,
    /// Sessions it is given.
    #[cfg_attr(feature = "text", serde(rename = "session", default))]
    pub sessions: Vec<Session>,
    /// I/O ports it is given.
    #[cfg_attr(feature = "text", serde(default))]
    pub ports: Vec<Ports>,
    /// Interrupt lines it is given.
    #[cfg_attr(feature = "text", serde(rename = "interrupt", default))]
    pub interrupts: Vec<Interrupt>,
    /// Whether it may name physical memory and interrupts (only `devices`).
    #[cfg_attr(feature = "text", serde(default))]
    pub resource: bool,
    /// Whether it gets a session named `control` that may kill servers and shut down.
    #[cfg_attr(feature = "text", serde(default))]
    pub control: bool,
    /// Whether it is told to unmount (`file_system::unmount`) at a shut-down.
    #[cfg_attr(feature = "text", serde(default))]
    pub unmount: bool,
    /// Whether it may make processes, and have those of its callers (only the process server).
    #[cfg_attr(feature = "text", serde(default))]
    pub processes: bool,
    /// Whether it gets the handle `keeper` of a process that never runs, whose table of handles keeps
    /// what the server puts there for its next instance.
    #[cfg_attr(feature = "text", serde(default))]
    pub keeper: bool,
    /// Whether nothing can be done without it: when it stays down and nobody sits at the console
    /// (the words `exec` and `test` on the kernel's command line), the machine ends.
    #[cfg_attr(feature = "text", serde(default))]
    pub essential: bool,
    /// Seconds within which it answers a heartbeat, or is taken for hung and started again
    /// (0: [`DEFAULT_DEADLINE_S`]).
    #[cfg_attr(feature = "text", serde(default))]
    pub deadline_s: u32,
    /// Megabytes of heap that it may have (0: [`DEFAULT_HEAP_MB`]).
    #[cfg_attr(feature = "text", serde(default))]
    pub heap_mb: u32,
}

/// A session on another server's endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(serde::Deserialize))]
#[cfg_attr(feature = "text", serde(deny_unknown_fields))]
pub struct Session {
    /// The handle's name.
    pub name: String,
    /// The server it leads to.
    pub server: String,
    /// The badge, which tells that server what this client may do.
    pub badge: u64,
}

/// A range of I/O ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(serde::Deserialize))]
#[cfg_attr(feature = "text", serde(deny_unknown_fields))]
pub struct Ports {
    /// The handle's name.
    pub name: String,
    /// First port.
    pub base: u32,
    /// How many.
    pub count: u32,
}

/// A legacy interrupt line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "text", derive(serde::Deserialize))]
#[cfg_attr(feature = "text", serde(deny_unknown_fields))]
pub struct Interrupt {
    /// The handle's name.
    pub name: String,
    /// ISA line.
    pub line: u32,
}

/// What is wrong with a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclarationError {
    /// The TOML does not parse; its own message.
    Text(String),
    /// The compact form is cut short or has a number out of range, at this byte.
    Compact(usize),
    /// A name is empty, too long, or has other than letters, digits, `-` and `_`.
    BadName(String),
    /// Two servers have this name.
    TwoServers(String),
    /// Two handles of a server have a name: server, handle.
    TwoHandles(String, String),
    /// A session leads to a server that is not declared: server, peer.
    UnknownPeer(String, String),
    /// Two sessions on a server have the same badge: server, badge.
    SameBadge(String, u64),
    /// More than [`MAX_SERVERS`].
    TooMany(usize),
    /// An argument holds a NUL: server.
    BadArgument(String),
}

impl fmt::Display for DeclarationError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DeclarationError as E;
        match self {
            E::Text(message) => write!(out, "{message}"),
            E::Compact(at) => write!(out, "the compact declaration is damaged at byte {at}"),
            E::BadName(name) => {
                write!(
                    out,
                    "bad name {name:?}: 1 to {MAX_NAME} letters, digits, '-' or '_'"
                )
            }
            E::TwoServers(name) => write!(out, "server {name:?} is declared twice"),
            E::TwoHandles(server, name) => {
                write!(out, "server {server:?} has two handles named {name:?}")
            }
            E::UnknownPeer(server, peer) => {
                write!(
                    out,
                    "server {server:?} wants a session on {peer:?}, which is not declared"
                )
            }
            E::SameBadge(server, badge) => {
                write!(out, "two sessions on {server:?} have badge {badge:#x}")
            }
            E::TooMany(count) => write!(out, "{count} servers; at most {MAX_SERVERS} are allowed"),
            E::BadArgument(server) => write!(out, "an argument of {server:?} contains a NUL"),
        }
    }
}

impl core::error::Error for DeclarationError {}

fn check_name(name: &str) -> Result<(), DeclarationError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(good) {
        return Err(DeclarationError::BadName(name.into()));
    }
    Ok(())
}

impl System {
    /// Checks everything that can be checked without the programs themselves.
    pub fn validate(&self) -> Result<(), DeclarationError> {
        if self.servers.len() > MAX_SERVERS {
            return Err(DeclarationError::TooMany(self.servers.len()));
        }
        for (index, server) in self.servers.iter().enumerate() {
            check_name(&server.name)?;
            if self.servers[..index]
                .iter()
                .any(|other| other.name == server.name)
            {
                return Err(DeclarationError::TwoServers(server.name.clone()));
            }
            server.validate()?;
            for session in &server.sessions {
                if !self
                    .servers
                    .iter()
                    .any(|other| other.name == session.server)
                {
                    let peer = session.server.clone();
                    return Err(DeclarationError::UnknownPeer(server.name.clone(), peer));
                }
            }
        }
        self.check_badges()
    }

    fn check_badges(&self) -> Result<(), DeclarationError> {
        let mut seen: Vec<(&str, u64)> = Vec::new();
        for session in self.servers.iter().flat_map(|server| &server.sessions) {
            let key = (session.server.as_str(), session.badge);
            if seen.contains(&key) {
                return Err(DeclarationError::SameBadge(
                    session.server.clone(),
                    session.badge,
                ));
            }
            seen.push(key);
        }
        Ok(())
    }

    /// The server of this name.
    pub fn find(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|server| server.name == name)
    }
}

impl Server {
    /// Within how many seconds it answers a heartbeat.
    pub fn heartbeat_deadline_s(&self) -> u32 {
        match self.deadline_s {
            0 => DEFAULT_DEADLINE_S,
            seconds => seconds,
        }
    }

    /// How many bytes of heap it may have.
    pub fn heap_bytes(&self) -> u64 {
        let megabytes = match self.heap_mb {
            0 => DEFAULT_HEAP_MB,
            megabytes => megabytes,
        };
        u64::from(megabytes) << 20
    }

    /// Name of its program in the boot bundle.
    pub fn program_name(&self) -> &str {
        if self.program.is_empty() {
            &self.name
        } else {
            &self.program
        }
    }

    fn handle_names(&self) -> impl Iterator<Item = &str> {
        let sessions = self.sessions.iter().map(|session| session.name.as_str());
        let ports = self.ports.iter().map(|ports| ports.name.as_str());
        let interrupts = self
            .interrupts
            .iter()
            .map(|interrupt| interrupt.name.as_str());
        sessions.chain(ports).chain(interrupts)
    }

    fn validate(&self) -> Result<(), DeclarationError> {
        let reserved = [
            "self-endpoint",
            "supervisor",
            "control",
            "resource",
            "rsdp",
            "keeper",
        ];
        let names: Vec<&str> = self.handle_names().collect();
        for (index, name) in names.iter().enumerate() {
            check_name(name)?;
            if names[..index].contains(name) || reserved.contains(name) {
                return Err(DeclarationError::TwoHandles(
                    self.name.clone(),
                    (*name).into(),
                ));
            }
        }
        if self
            .arguments
            .iter()
            .any(|argument| argument.contains('\0'))
        {
            return Err(DeclarationError::BadArgument(self.name.clone()));
        }
        Ok(())
    }
}
