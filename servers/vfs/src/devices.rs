//! Devices: numbers, and the servers behind them.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use kernel_abi::Handle;
use proto::types::Plain;
use proto::{Error, Identity, device};

use crate::backend::Peer;

/// `makedev` of `<sys/sysmacros.h>`.
pub const fn number(major: u64, minor: u64) -> u64 {
    (major & 0xffff_f000) << 32 | (major & 0xfff) << 8 | (minor & 0xffff_ff00) << 12 | minor & 0xff
}

/// `minor`.
pub const fn minor(device: u64) -> u64 {
    (device >> 12) & 0xffff_ff00 | device & 0xff
}

/// `/dev/null`.
pub const NULL: u64 = number(1, 3);
/// `/dev/zero`.
pub const ZERO: u64 = number(1, 5);
/// `/dev/full`.
pub const FULL: u64 = number(1, 7);
/// `/dev/random`.
pub const RANDOM: u64 = number(1, 8);
/// `/dev/urandom`.
pub const URANDOM: u64 = number(1, 9);
/// `/dev/supervisor`: the session that shuts the system down (its own major, not used elsewhere).
pub const SUPERVISOR: u64 = number(240, 0);

/// Longest list of a device server, in bytes.
const MAX_LIST: usize = 16384;

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name in `/dev`.
    pub name: Vec<u8>,
    /// Number.
    pub device: u64,
    /// Permissions.
    pub mode: u32,
    /// Whether it is a block device.
    pub is_block: bool,
}

/// A server of devices, asked for its list at the first use: servers start in any order, and
/// nobody waits for a driver that nobody uses.
struct Provider {
    session: Peer,
    devices: RefCell<Option<Vec<Device>>>,
}

/// All devices.
#[derive(Default)]
pub struct Devices {
    providers: Vec<Provider>,
    supervisor: Option<Handle>,
}

impl Devices {
    /// Devices of these servers; `supervisor` is handed out to root.
    pub fn new(sessions: Vec<Peer>, supervisor: Option<Handle>) -> Devices {
        let providers = sessions.into_iter().map(|session| Provider {
            session,
            devices: RefCell::new(None),
        });
        Devices {
            providers: providers.collect(),
            supervisor,
        }
    }

    /// The supervisor's session.
    pub fn supervisor(&self) -> Option<Handle> {
        self.supervisor
    }

    /// Whether a number is the supervisor's.
    pub fn is_supervisor(&self, device: u64) -> bool {
        device == SUPERVISOR
    }

    /// The device of a name.
    pub fn find(&self, name: &[u8]) -> Option<Device> {
        self.find_by(|device| device.name == name)
    }

    /// The device of a number.
    pub fn by_number(&self, number: u64) -> Option<Device> {
        self.find_by(|device| device.device == number)
    }

    /// Built-in ones first, then servers in their declared order, as far as needed.
    fn find_by(&self, wanted: impl Fn(&Device) -> bool) -> Option<Device> {
        built_in().into_iter().find(&wanted).or_else(|| {
            self.providers
                .iter()
                .find_map(|provider| provider.list().into_iter().find(&wanted))
        })
    }

    /// All devices.
    pub fn all(&self) -> Vec<Device> {
        let mut all = built_in();
        for provider in &self.providers {
            all.extend(provider.list());
        }
        all
    }

    /// Opens a device by its number.
    pub fn open(&self, device: u64, flags: u32, identity: &Identity) -> Result<Handle, Error> {
        let offers = |provider: &&Provider| provider.list().iter().any(|one| one.device == device);
        let provider = self
            .providers
            .iter()
            .find(offers)
            .ok_or(Error::NoDeviceAddress)?;
        let mut bytes = [0; Identity::SIZE];
        identity.encode(&mut bytes).ok_or(Error::BadArgument)?;
        let answer = device::open(&provider.session, minor(device), flags, &bytes, &[])?;
        Ok(answer.handles[0])
    }
}

impl Provider {
    /// Its devices. A server that does not answer properly offers none, and is asked again.
    fn list(&self) -> Vec<Device> {
        if let Some(devices) = self.devices.borrow().as_ref() {
            return devices.clone();
        }
        let mut text = alloc::vec![0; MAX_LIST];
        let Ok(answer) = device::list(&self.session, &mut text, &[]) else {
            return Vec::new();
        };
        let length = (answer.words[0] as usize).min(MAX_LIST);
        let text = String::from_utf8_lossy(&text[..length]);
        let devices: Vec<Device> = text.lines().filter_map(parse).collect();
        self.devices.replace(Some(devices.clone()));
        devices
    }
}

/// A line `NAME MAJOR MINOR MODE(octal) KIND(c|b)`.
fn parse(line: &str) -> Option<Device> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().filter(|name| !name.contains('/'))?;
    let major = words.next()?.parse().ok()?;
    let minor = words.next()?.parse().ok()?;
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    let is_block = match words.next()? {
        "b" => true,
        "c" => false,
        _ => return None,
    };
    Some(Device {
        name: name.as_bytes().to_vec(),
        device: number(major, minor),
        mode: mode & 0o777,
        is_block,
    })
}

fn built_in() -> Vec<Device> {
    let device = |name: &[u8], device, mode| Device {
        name: name.to_vec(),
        device,
        mode,
        is_block: false,
    };
    alloc::vec![
        device(b"null", NULL, 0o666),
        device(b"zero", ZERO, 0o666),
        device(b"full", FULL, 0o666),
        device(b"random", RANDOM, 0o666),
        device(b"urandom", URANDOM, 0o666),
        device(b"supervisor", SUPERVISOR, 0o600),
    ]
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn lines_of_device_lists_are_read_or_refused() {
        let device = parse("hvc0 229 0 620 c").unwrap();
        assert_eq!((device.device, device.mode), (number(229, 0), 0o620));
        assert!(parse("vda 254 0 660 b").unwrap().is_block);
        for bad in [
            "",
            "x",
            "a/b 1 2 600 c",
            "x 1 2 9 c",
            "x 1 2 600 q",
            "x y 2 600 c",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn device_numbers_survive_both_ways() {
        for wanted in [0, 1, 255, 256, 70000] {
            assert_eq!(minor(number(5, wanted)), wanted);
        }
        assert_eq!(number(5, 1), 0x501);
    }
}
