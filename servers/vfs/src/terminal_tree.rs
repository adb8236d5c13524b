//! `/dev/pts`: the slaves of pseudo terminals, while their masters are open.

use alloc::rc::Rc;
use alloc::vec::Vec;
use kernel_abi::system::SystemInfo;
use proto::types::file_type;
use proto::{Attributes, Error};

use crate::devices::Devices;
use crate::permission::Caller;
use crate::tree::{Entry, ROOT, Tree};

/// Device number of this file system.
const NUMBER: u64 = 6;
/// `DEVPTS_SUPER_MAGIC`.
const KIND: u64 = 0x1cd1;
/// Nodes of slaves are their numbers above this.
const SLAVES: u64 = 3;

/// The node of a slave's file.
pub fn slave_node(number: u64) -> u64 {
    number + SLAVES
}

/// The tree of pseudo terminals.
pub struct TerminalTree {
    /// The devices, among them the server of pseudo terminals.
    pub devices: Rc<Devices>,
}

/// The number that a name is; one with needless zeros is not.
fn parse(name: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(name).ok()?;
    let number = text.parse::<u64>().ok()?;
    (alloc::format!("{number}").as_bytes() == name).then_some(number)
}

impl Tree for TerminalTree {
    fn device(&self) -> u64 {
        NUMBER
    }

    fn kind(&self) -> u64 {
        KIND
    }

    fn lookup(&self, _directory: u64, name: &[u8]) -> Result<u64, Error> {
        let number = parse(name).ok_or(Error::NotFound)?;
        self.devices.slave_status(number)?;
        number.checked_add(SLAVES).ok_or(Error::NotFound)
    }

    fn parent(&self, _directory: u64) -> u64 {
        ROOT
    }

    fn attributes(&self, node: u64) -> Result<Attributes, Error> {
        if let Some(number) = node.checked_sub(SLAVES) {
            let mut attributes = self.devices.slave_status(number)?;
            (attributes.device, attributes.node) = (NUMBER, node);
            return Ok(attributes);
        }
        Ok(Attributes {
            device: NUMBER,
            node,
            mode: file_type::DIRECTORY | 0o755,
            links: 2,
            block_size: 4096,
            ..Default::default()
        })
    }

    fn entries(&self, _directory: u64) -> Result<Vec<Entry>, Error> {
        let numbers = self.devices.slaves()?;
        let entry = |number: u64| Entry {
            name: alloc::format!("{number}").into_bytes(),
            node: slave_node(number),
            kind: file_type::CHARACTER,
        };
        Ok(numbers.into_iter().map(entry).collect())
    }

    fn link(&self, _node: u64, _caller: &Caller) -> Result<Vec<u8>, Error> {
        Err(Error::BadArgument)
    }

    fn content(&self, _node: u64, _: &SystemInfo, _: i64) -> Result<Vec<u8>, Error> {
        Err(Error::NotSupported)
    }

    fn set_attributes(
        &self,
        node: u64,
        mask: u64,
        attributes: &[u8],
        caller: &Caller,
        _now_ns: i64,
    ) -> Result<(), Error> {
        let number = node.checked_sub(SLAVES).ok_or(Error::NotPermitted)?;
        self.devices
            .set_slave_attributes(number, mask, attributes, &caller.identity)
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use crate::backend::Peer;
    use kernel_abi::Handle;
    use proto::types::Plain;
    use proto::{Answer, Identity, Request, Transport};

    /// A server with the pseudo terminals 0 and 7.
    struct Terminals;

    impl Transport for Terminals {
        fn call(&self, request: Request<'_>) -> Result<Answer, Error> {
            use proto::terminals::number as n;
            let known = [0u64, 7];
            let number = request.words[1];
            match request.words[0] {
                n::list => {
                    let left = known.iter().filter(|one| **one >= number);
                    let bytes: Vec<u8> = left.flat_map(|one| one.to_le_bytes()).collect();
                    request.outputs[0][..bytes.len()].copy_from_slice(&bytes);
                    Ok(Answer::value(bytes.len() as u64))
                }
                _ if !known.contains(&number) => Err(Error::NotFound),
                n::status => {
                    let attributes = Attributes {
                        mode: file_type::CHARACTER | 0o620,
                        special_device: 136 << 8 | number,
                        ..Default::default()
                    };
                    attributes.encode(request.outputs[0]).unwrap();
                    Ok(Answer::default())
                }
                n::open => Ok(Answer::default().with_handle(Handle(number as u32 + 50))),
                _ => Err(Error::Unsupported),
            }
        }
    }

    fn devices() -> Rc<Devices> {
        let peer = Peer::new(Rc::new(Terminals), 0);
        Rc::new(Devices::new(Vec::new(), None).with_terminals(Some(peer)))
    }

    #[test]
    fn terminals_are_names_while_they_are_open() {
        let tree = TerminalTree { devices: devices() };
        let names: Vec<Vec<u8>> = tree
            .entries(ROOT)
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names, [b"0", b"7"]);
        let node = tree.lookup(ROOT, b"7").unwrap();
        let attributes = tree.attributes(node).unwrap();
        assert_eq!((attributes.device, attributes.node), (NUMBER, node));
        assert_eq!(attributes.special_device, 136 << 8 | 7);
        assert_eq!(tree.lookup(ROOT, b"1"), Err(Error::NotFound));
    }

    #[test]
    fn a_slave_is_opened_by_its_number_wherever_its_node_is() {
        let identity = Identity::decode(&[0; Identity::SIZE]).unwrap();
        let open = |device| devices().open(device, 2, &identity);
        assert_eq!(open(136 << 8 | 7), Ok(Handle(57)));
        assert_eq!(open(136 << 8 | 1), Err(Error::NotFound));
        let without = Devices::new(Vec::new(), None).open(136 << 8, 2, &identity);
        assert_eq!(without, Err(Error::NoDeviceAddress));
    }

    #[test]
    fn a_covered_directory_of_devices_leads_to_what_is_mounted_there() {
        use crate::backend::Stop;
        let tree = crate::device_tree::DeviceTree {
            devices: devices(),
            covered: core::cell::RefCell::default(),
        };
        let caller = Caller {
            identity: Identity::decode(&[0; Identity::SIZE]).unwrap(),
            token: 0,
        };
        let walk = || {
            crate::tree::walk(&tree, ROOT, true, b"pts/7", &caller).map(|at| (at.stop, at.consumed))
        };
        assert_eq!(walk(), Ok((Stop::Missing, 4)));
        let node = tree.lookup(ROOT, b"pts").unwrap();
        tree.cover(node, true).unwrap();
        assert_eq!(walk(), Ok((Stop::Covered, 3)));
        tree.cover(node, false).unwrap();
        assert_eq!(walk(), Ok((Stop::Missing, 4)));
    }

    #[test]
    fn only_plain_numbers_are_names_of_terminals() {
        assert_eq!(parse(b"0"), Some(0));
        assert_eq!(parse(b"1024"), Some(1024));
        for bad in [
            &b""[..],
            b"00",
            b"01",
            b"+1",
            b"x",
            b"\xff",
            b"99999999999999999999",
        ] {
            assert_eq!(parse(bad), None);
        }
    }
}
