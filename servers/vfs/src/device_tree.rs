//! `/dev`.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use kernel_abi::system::SystemInfo;
use proto::types::{Plain, file_type};
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

/// Links to what a process has open.
const LINKS: [(&[u8], u64, &[u8]); 4] = [
    (b"fd", 4, b"/proc/self/fd"),
    (b"stdin", 5, b"/proc/self/fd/0"),
    (b"stdout", 6, b"/proc/self/fd/1"),
    (b"stderr", 7, b"/proc/self/fd/2"),
];

/// The node of a device's file.
pub fn device_node(device: u64) -> u64 {
    DEVICES + device
}

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
        if let Some((_, node, _)) = LINKS.iter().find(|(known, ..)| *known == name) {
            return Ok(*node);
        }
        let device = self.devices.find(name).ok_or(Error::NotFound)?;
        Ok(device_node(device.device))
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
            if LINKS.iter().any(|(_, known, _)| *known == node) {
                (attributes.mode, attributes.links) = (file_type::SYMLINK | 0o777, 1);
            }
            return Ok(attributes);
        };
        let device = self.devices.by_number(number).ok_or(Error::NotFound)?;
        if let Some(changed) = self.devices.changed_attributes(number) {
            return Ok(changed);
        }
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
            node: device_node(device.device),
            kind: kind(device.is_block),
            name: device.name,
        });
        let links = LINKS.iter().map(|(name, node, _)| Entry {
            name: name.to_vec(),
            node: *node,
            kind: file_type::SYMLINK,
        });
        Ok(mounts.chain(links).chain(devices).collect())
    }

    fn set_attributes(
        &self,
        node: u64,
        mask: u64,
        attributes: &[u8],
        caller: &Caller,
        now_ns: i64,
    ) -> Result<(), Error> {
        let number = node.checked_sub(DEVICES).ok_or(Error::ReadOnly)?;
        let wanted = Attributes::decode(attributes).ok_or(Error::BadArgument)?;
        let before = self.attributes(node)?;
        let after = caller.change(&before, mask, &wanted, now_ns)?;
        self.devices.set_changed(number, after);
        Ok(())
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

    fn link(&self, node: u64, _caller: &Caller) -> Result<Vec<u8>, Error> {
        let found = LINKS.iter().find(|(_, known, _)| *known == node);
        let (_, _, target) = found.ok_or(Error::BadArgument)?;
        Ok(target.to_vec())
    }

    fn content(&self, _node: u64, _: &SystemInfo, _: i64) -> Result<Vec<u8>, Error> {
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
