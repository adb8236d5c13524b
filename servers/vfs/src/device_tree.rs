//! `/dev`.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use kernel_abi::system::SystemInfo;
use proto::types::file_type;
use proto::{Attributes, Error};

use crate::devices::Devices;
use crate::permission::Caller;
use crate::tree::{Entry, ROOT, Tree};

/// Nodes of devices are their numbers above this.
const DEVICES: u64 = 1 << 32;
/// Device number of this file system.
const NUMBER: u64 = 5;
/// `TMPFS_MAGIC`, which programs know to have device files on it.
const KIND: u64 = 0x0102_1994;
/// Directories that other file systems are mounted on.
const MOUNT_POINTS: [(&[u8], u64); 2] = [(b"shm", 2), (b"pts", 3)];

/// The tree of devices.
pub struct DeviceTree {
    /// The devices.
    pub devices: Rc<Devices>,
    /// Directories that mounts cover.
    pub covered: RefCell<Vec<u64>>,
}

impl Tree for DeviceTree {
    fn device(&self) -> u64 {
        NUMBER
    }

    fn kind(&self) -> u64 {
        KIND
    }

    fn lookup(&self, directory: u64, name: &[u8]) -> Result<u64, Error> {
        if directory != ROOT {
            return Err(Error::NotFound);
        }
        if let Some((_, node)) = MOUNT_POINTS.iter().find(|(known, _)| *known == name) {
            return Ok(*node);
        }
        let device = self.devices.find(name).ok_or(Error::NotFound)?;
        Ok(DEVICES + device.device)
    }

    fn parent(&self, _directory: u64) -> u64 {
        ROOT
    }

    fn attributes(&self, node: u64) -> Result<Attributes, Error> {
        let mut attributes = Attributes {
            device: NUMBER,
            node,
            mode: file_type::DIRECTORY | 0o755,
            links: 2,
            block_size: 4096,
            ..Default::default()
        };
        let Some(number) = node.checked_sub(DEVICES) else {
            return Ok(attributes);
        };
        let device = self.devices.by_number(number).ok_or(Error::NotFound)?;
        attributes.mode = device.mode | kind(device.is_block);
        attributes.links = 1;
        attributes.special_device = number;
        Ok(attributes)
    }

    fn entries(&self, directory: u64) -> Result<Vec<Entry>, Error> {
        if directory != ROOT {
            return Ok(Vec::new());
        }
        let mounts = MOUNT_POINTS.iter().map(|(name, node)| Entry {
            name: name.to_vec(),
            node: *node,
            kind: file_type::DIRECTORY,
        });
        let devices = self.devices.all().into_iter().map(|device| Entry {
            node: DEVICES + device.device,
            kind: kind(device.is_block),
            name: device.name,
        });
        Ok(mounts.chain(devices).collect())
    }

    fn cover(&self, node: u64, covered: bool) -> Result<(), Error> {
        let mut all = self.covered.borrow_mut();
        all.retain(|one| *one != node);
        if covered {
            all.push(node);
        }
        Ok(())
    }

    fn is_covered(&self, node: u64) -> bool {
        self.covered.borrow().contains(&node)
    }

    fn link(&self, _node: u64, _caller: &Caller) -> Result<Vec<u8>, Error> {
        Err(Error::BadArgument)
    }

    fn content(&self, _node: u64, _system: &SystemInfo) -> Result<Vec<u8>, Error> {
        Err(Error::NotSupported)
    }
}

fn kind(is_block: bool) -> u32 {
    if is_block {
        file_type::BLOCK
    } else {
        file_type::CHARACTER
    }
}
