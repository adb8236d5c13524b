//! Devices: numbers, and the servers behind them.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use kernel_abi::Handle;
use proto::types::Plain;
use proto::{Attributes, Error, Identity, device, terminals};

use crate::backend::Peer;

/// `makedev` of `<sys/sysmacros.h>`.
pub const fn number(major: u64, minor: u64) -> u64 {
    (major & 0xffff_f000) << 32 | (major & 0xfff) << 8 | (minor & 0xffff_ff00) << 12 | minor & 0xff
}

/// `major`.
pub const fn major(device: u64) -> u64 {
    (device >> 32) & 0xffff_f000 | (device >> 8) & 0xfff
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

/// Major number of the slaves of pseudo terminals.
pub const SLAVES: u64 = 136;

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

/// What was changed of a device's file: owner, permissions and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The device.
    pub device: u64,
    /// Its attributes.
    pub attributes: Attributes,
}

/// All devices.
#[derive(Default)]
pub struct Devices {
    providers: Vec<Provider>,
    supervisor: Option<Handle>,
    terminals: Option<Peer>,
    changed: RefCell<Vec<Changed>>,
}

impl Devices {
    /// With pseudo terminals of this server.
    pub fn with_terminals(mut self, terminals: Option<Peer>) -> Devices {
        self.terminals = terminals;
        self
    }

    fn terminals(&self) -> Result<&Peer, Error> {
        self.terminals.as_ref().ok_or(Error::NoDeviceAddress)
    }

    /// Numbers of the pseudo terminals that are open.
    pub fn slaves(&self) -> Result<Vec<u64>, Error> {
        let mut numbers: Vec<u64> = Vec::new();
        loop {
            let mut bytes = [0; 1024];
            let first = numbers.last().map_or(0, |last| last + 1);
            let answer = terminals::list(self.terminals()?, first, &mut bytes, &[])?;
            let length = (answer.words[0] as usize).min(bytes.len());
            let (words, _) = bytes[..length].as_chunks::<8>();
            let found = words.iter().map(|word| u64::from_le_bytes(*word));
            let before = numbers.len();
            // A list that does not ascend would never end.
            numbers.extend(found.filter(|number| *number >= first));
            if numbers.len() == before {
                return Ok(numbers);
            }
        }
    }

    /// Attributes of a pseudo terminal's slave.
    pub fn slave_status(&self, number: u64) -> Result<Attributes, Error> {
        let mut bytes = [0; Attributes::SIZE];
        terminals::status(self.terminals()?, number, &mut bytes, &[])?;
        Attributes::decode(&bytes).ok_or(Error::BadMessage)
    }

    /// Sets them.
    pub fn set_slave_attributes(
        &self,
        number: u64,
        mask: u64,
        attributes: &[u8],
        identity: &Identity,
    ) -> Result<(), Error> {
        let mut bytes = [0; Identity::SIZE];
        identity.encode(&mut bytes).ok_or(Error::BadArgument)?;
        let terminals = self.terminals()?;
        terminals::set_attributes(terminals, number, mask, attributes, &bytes, &[])?;
        Ok(())
    }

    /// Devices of these servers; `supervisor` is handed out to root.
    pub fn new(sessions: Vec<Peer>, supervisor: Option<Handle>) -> Devices {
        let providers = sessions.into_iter().map(|session| Provider {
            session,
            devices: RefCell::new(None),
        });
        Devices {
            providers: providers.collect(),
            supervisor,
            terminals: None,
            changed: RefCell::default(),
        }
    }

    /// Whether an endpoint is that of a server of devices.
    pub fn serve(&self, endpoint: u64) -> bool {
        let providers = self.providers.iter().map(|provider| &provider.session);
        let mut peers = providers.chain(self.terminals.as_ref());
        peers.any(|peer| peer.serves(endpoint))
    }

    /// What was changed of devices' files.
    pub fn changed(&self) -> Vec<Changed> {
        self.changed.borrow().clone()
    }

    /// What was changed of one.
    pub fn changed_attributes(&self, device: u64) -> Option<Attributes> {
        let changed = self.changed.borrow();
        let found = changed.iter().find(|changed| changed.device == device);
        found.map(|changed| changed.attributes)
    }

    /// Notes what was changed of one.
    pub fn set_changed(&self, device: u64, attributes: Attributes) {
        let mut changed = self.changed.borrow_mut();
        changed.retain(|changed| changed.device != device);
        changed.push(Changed { device, attributes });
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
        let mut bytes = [0; Identity::SIZE];
        identity.encode(&mut bytes).ok_or(Error::BadArgument)?;
        if major(device) == SLAVES {
            let terminals = self.terminals()?;
            let answer = terminals::open(terminals, minor(device), flags, &bytes, &[])?;
            return Ok(answer.handles[0]);
        }
        let offers = |provider: &&Provider| provider.list().iter().any(|one| one.device == device);
        let provider = self
            .providers
            .iter()
            .find(offers)
            .ok_or(Error::NoDeviceAddress)?;
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
            assert_eq!(major(number(136, wanted)), 136);
        }
        assert_eq!(number(5, 1), 0x501);
    }
}
