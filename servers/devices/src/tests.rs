use std::collections::HashMap;
use std::string::String;
use std::vec;
use std::vec::Vec;

use driver_testing::FakeCall;
use kernel_abi::Handle;
use proto::hardware::{dispatch, number};
use proto::{Error, Outcome};

use crate::acpi::{ConfigurationSpace, find_configuration};
use crate::configuration::enumerate;
use crate::{Address, Bar, Devices, Platform};

const RSDP: u64 = 0x100;
const DISK: u64 = 0x1af4_1042;

/// A machine of vectors: physical memory, and functions with their configuration space.
#[derive(Default)]
struct Machine {
    memory: Vec<u8>,
    functions: HashMap<(u8, u8, u8), Space>,
    writes: Vec<(u64, u32)>,
    released: Vec<Handle>,
    next_handle: u32,
}

struct Space {
    bytes: [u8; 256],
    /// Which bits of each base register can be set.
    masks: [u32; 6],
}

impl Space {
    fn word(&self, offset: u16) -> u32 {
        let at = offset as usize;
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    fn put(&mut self, offset: u16, value: u32) {
        let at = offset as usize;
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

impl Machine {
    fn handle(&mut self) -> Handle {
        self.next_handle += 1;
        Handle(self.next_handle)
    }

    fn put(&mut self, address: usize, bytes: &[u8]) {
        if self.memory.len() < address + bytes.len() {
            self.memory.resize(address + bytes.len(), 0);
        }
        self.memory[address..address + bytes.len()].copy_from_slice(bytes);
    }
}

impl Platform for Machine {
    fn read_physical(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let end = address as usize + bytes.len();
        let source = self
            .memory
            .get(address as usize..end)
            .ok_or(Error::BadAddress)?;
        bytes.copy_from_slice(source);
        Ok(())
    }
    fn configuration_read(&mut self, function: Address, offset: u16) -> u32 {
        let key = (function.bus, function.device, function.function);
        self.functions
            .get(&key)
            .map_or(u32::MAX, |space| space.word(offset))
    }
    fn configuration_write(&mut self, function: Address, offset: u16, value: u32) {
        let key = (function.bus, function.device, function.function);
        let Some(space) = self.functions.get_mut(&key) else {
            return;
        };
        let value = match offset {
            0x04 => space.word(4) & 0xffff_0000 | value & 0xffff,
            0x10..=0x24 => {
                let mask = space.masks[(offset as usize - 0x10) / 4];
                value & mask | space.word(offset) & 0xf
            }
            _ => value,
        };
        space.put(offset, value);
    }
    fn register_write(&mut self, address: u64, value: u32) -> Result<(), Error> {
        self.writes.push((address, value));
        Ok(())
    }
    fn register_write_u8(&mut self, address: u64, value: u8) -> Result<(), Error> {
        self.writes.push((address, value.into()));
        Ok(())
    }
    fn registers(&mut self, _address: u64, _length: u64) -> Result<Handle, Error> {
        Ok(self.handle())
    }
    fn interrupt(&mut self) -> Result<(Handle, u64, u32), Error> {
        Ok((self.handle(), 0xfee0_1000, 0x55))
    }
    fn domain(&mut self) -> Result<(Handle, Handle), Error> {
        Ok((self.handle(), self.handle()))
    }
    fn release_domain(&mut self, domain: Handle) {
        self.released.push(domain);
    }
}

fn checked(mut table: Vec<u8>) -> Vec<u8> {
    let length = table.len() as u32;
    table[4..8].copy_from_slice(&length.to_le_bytes());
    table
}

/// A machine whose ACPI tables declare configuration space for buses 0 to 255.
fn with_tables() -> Machine {
    let mut machine = Machine::default();
    let mut pointer = [0; 36];
    pointer[..8].copy_from_slice(b"RSD PTR ");
    pointer[16..20].copy_from_slice(&0x200_u32.to_le_bytes());
    let sum = pointer
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    pointer[8] = sum.wrapping_neg();
    machine.put(RSDP as usize, &pointer);
    let mut root = vec![0; 36];
    root[..4].copy_from_slice(b"RSDT");
    root.extend_from_slice(&0x300_u32.to_le_bytes());
    root.extend_from_slice(&0x400_u32.to_le_bytes());
    machine.put(0x200, &checked(root));
    machine.put(0x300, &checked([b"FACP".as_slice(), &[0; 40]].concat()));
    let mut mcfg = vec![0; 44];
    mcfg[..4].copy_from_slice(b"MCFG");
    mcfg.extend_from_slice(&0xb000_0000_u64.to_le_bytes());
    mcfg.extend_from_slice(&[0, 0, 0, 255, 0, 0, 0, 0]);
    machine.put(0x400, &checked(mcfg));
    machine
}

/// A modern virtio device: table of messages in base register 1, structures in 4 and 5.
fn virtio(identity: u32) -> Space {
    let mut space = Space {
        bytes: [0; 256],
        masks: [0, 0xffff_f000, 0, 0, 0xffff_c000, 0xffff_ffff],
    };
    space.put(0x00, identity);
    space.put(0x04, 0x0010_0000);
    space.put(0x08, 0x0180_0000);
    space.put(0x14, 0xfebd_0000);
    space.put(0x20, 0xfe00_000c);
    space.put(0x24, 0x8);
    space.put(0x34, 0x98);
    space.put(0x98, 0x0002_4011);
    space.put(0x9c, 1);
    space.put(0x40, 0x0110_5009);
    space.put(0x44, 4);
    space.put(0x4c, 56);
    space.put(0x50, 0x0210_0009);
    space.put(0x54, 4);
    space.put(0x58, 0x3000);
    space.put(0x5c, 0x1000);
    space
}

fn devices() -> Devices<Machine> {
    let mut machine = with_tables();
    machine.functions.insert((0, 2, 0), virtio(0x1042_1af4));
    machine.functions.insert((0, 3, 0), virtio(0x1042_1af4));
    machine.functions.insert((0, 4, 0), virtio(0x1043_1af4));
    let functions = enumerate(&mut machine);
    Devices::new(machine, functions)
}

fn call(devices: &mut Devices<Machine>, mut call: FakeCall) -> (proto::Reply, FakeCall) {
    let reply = dispatch(devices, &mut call);
    (reply, call)
}

fn claim(devices: &mut Devices<Machine>, badge: u64, index: u64) -> proto::Reply {
    let request = FakeCall::new(badge, 1, number::claim, &[index]).output(256);
    call(devices, request).0
}

fn answer(reply: proto::Reply) -> proto::Answer {
    match reply {
        Ok(Outcome::Answer(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn configuration_space_is_found_through_the_root_pointer() {
    let expected = ConfigurationSpace {
        base: 0xb000_0000,
        first_bus: 0,
        last_bus: 255,
    };
    assert_eq!(find_configuration(&mut with_tables(), RSDP), Some(expected));
}

#[test]
fn broken_tables_declare_nothing() {
    assert_eq!(find_configuration(&mut with_tables(), 0), None);
    assert_eq!(find_configuration(&mut with_tables(), 0x10_0000), None);
    for at in [RSDP as usize + 3, 0x203, 0x400] {
        let mut machine = with_tables();
        machine.memory[at] ^= 0x40;
        // The root table's signature does not matter; the others' do.
        let found = find_configuration(&mut machine, RSDP);
        assert_eq!(found.is_some(), at == 0x203, "{at:#x}");
    }
    let mut machine = with_tables();
    machine.memory[0x404..0x408].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(find_configuration(&mut machine, RSDP), None);
}

#[test]
fn functions_behind_bridges_and_in_multifunction_devices_are_found() {
    let mut machine = Machine::default();
    let mut bridge = virtio(0x1234_8086);
    bridge.put(0x0c, 0x0001_0000);
    bridge.put(0x18, 0x0001_0100);
    machine.functions.insert((0, 1, 0), bridge);
    machine.functions.insert((1, 0, 0), virtio(0x1041_1af4));
    let mut multifunction = virtio(0x1111_8086);
    multifunction.put(0x0c, 0x0080_0000);
    machine.functions.insert((0, 31, 0), multifunction);
    machine.functions.insert((0, 31, 3), virtio(0x2222_8086));
    // Not looked at: function 0 does not say that there are others.
    machine.functions.insert((1, 0, 1), virtio(0x3333_8086));
    let found: Vec<_> = enumerate(&mut machine).iter().map(|f| f.identity).collect();
    assert_eq!(found, [0x8086_1111, 0x8086_2222, 0x1af4_1041]);
}

#[test]
fn a_bridge_to_its_own_bus_ends() {
    let mut machine = Machine::default();
    let mut bridge = virtio(0x1234_8086);
    bridge.put(0x0c, 0x0001_0000);
    machine.functions.insert((0, 1, 0), bridge);
    assert!(enumerate(&mut machine).is_empty());
}

#[test]
fn base_registers_are_as_long_as_capabilities_say_and_are_not_written() {
    let devices = devices();
    let function = &devices.functions()[0];
    let table = Bar {
        address: 0xfebd_0000,
        length: 0x30,
    };
    let structures = Bar {
        address: 0x8_fe00_0000,
        length: 0x4000,
    };
    let expected = [None, Some(table), None, None, Some(structures), None];
    assert_eq!(function.bars, expected);
    let space = &devices.platform().functions[&(0, 2, 0)];
    assert_eq!(
        (space.word(0x14), space.word(0x20)),
        (0xfebd_0000, 0xfe00_000c)
    );
}

#[test]
fn a_transitional_device_is_known_by_its_modern_number() {
    let mut machine = Machine::default();
    let mut space = virtio(0x1001_1af4);
    space.put(0x2c, 0x0002_1af4);
    machine.functions.insert((0, 2, 0), space);
    assert_eq!(u64::from(enumerate(&mut machine)[0].identity), DISK);
}

#[test]
fn a_claim_returns_the_domain_and_the_configuration() {
    let mut devices = devices();
    let request = FakeCall::new(DISK, 1, number::claim, &[0]).output(256);
    let (reply, request) = call(&mut devices, request);
    let answer = answer(reply);
    assert_eq!((answer.words[1], answer.handle_count), (3, 1));
    assert_eq!(
        request.outputs.borrow()[0][..4],
        0x1042_1af4_u32.to_le_bytes()
    );
    let command = devices.platform().functions[&(0, 2, 0)].word(4);
    assert_eq!(command & 0b110, 0b110);
}

#[test]
fn a_driver_gets_only_devices_of_its_badge() {
    let mut devices = devices();
    assert!(claim(&mut devices, DISK, 1).is_ok());
    assert_eq!(claim(&mut devices, DISK, 2), Err(Error::NoDevice));
    assert_eq!(claim(&mut devices, 7, 0), Err(Error::NoDevice));
}

#[test]
fn nothing_is_handed_out_without_a_claim() {
    let mut devices = devices();
    assert!(claim(&mut devices, DISK, 0).is_ok());
    for (badge, index) in [(DISK, 1), (DISK + 1, 0)] {
        let registers = FakeCall::new(badge, 1, number::registers, &[index, 4]);
        assert_eq!(call(&mut devices, registers).0, Err(Error::BadState));
        let interrupt = FakeCall::new(badge, 1, number::interrupt, &[index, 0]);
        assert_eq!(call(&mut devices, interrupt).0, Err(Error::BadState));
    }
}

#[test]
fn registers_are_handed_out_but_not_the_table_of_messages() {
    let mut devices = devices();
    assert!(claim(&mut devices, DISK, 0).is_ok());
    let mut ask = |bar| {
        call(
            &mut devices,
            FakeCall::new(DISK, 1, number::registers, &[0, bar]),
        )
        .0
    };
    assert_eq!(answer(ask(4)).words[0], 0x4000);
    assert_eq!(ask(1), Err(Error::NotPermitted));
    assert_eq!(ask(0), Err(Error::OutOfRange));
    assert_eq!(ask(6), Err(Error::OutOfRange));
}

#[test]
fn registers_smaller_than_a_page_are_kept_back() {
    let mut machine = with_tables();
    let mut space = virtio(0x1042_1af4);
    space.masks[0] = 0xffff_ff00;
    space.put(0x10, 0xfebe_0000);
    machine.functions.insert((0, 2, 0), space);
    let functions = enumerate(&mut machine);
    let mut devices = Devices::new(machine, functions);
    assert!(claim(&mut devices, DISK, 0).is_ok());
    let request = FakeCall::new(DISK, 1, number::registers, &[0, 0]);
    assert_eq!(call(&mut devices, request).0, Err(Error::NotPermitted));
}

#[test]
fn an_interrupt_programs_its_entry_and_switches_messages_on() {
    let mut devices = devices();
    assert!(claim(&mut devices, DISK, 0).is_ok());
    let request = FakeCall::new(DISK, 1, number::interrupt, &[0, 2]);
    assert_eq!(answer(call(&mut devices, request).0).handle_count, 1);
    let entry = 0xfebd_0000 + 32;
    let expected = [
        (entry, 0xfee0_1000),
        (entry + 4, 0),
        (entry + 8, 0x55),
        (entry + 12, 0),
    ];
    assert_eq!(devices.platform().writes, expected);
    assert_ne!(
        devices.platform().functions[&(0, 2, 0)].word(0x98) & 1 << 31,
        0
    );
    let beyond = FakeCall::new(DISK, 1, number::interrupt, &[0, 3]);
    assert_eq!(call(&mut devices, beyond).0, Err(Error::OutOfRange));
}

fn assert_stopped(devices: &Devices<Machine>) {
    // Reset through the status register, then no access to memory and no messages.
    assert!(devices.platform().writes.contains(&(0x8_fe00_0000 + 20, 0)));
    let space = &devices.platform().functions[&(0, 2, 0)];
    assert_eq!(space.word(4) & 0b100, 0);
    assert_eq!(space.word(0x98) & 1 << 31, 0);
    assert_eq!(devices.platform().released, [Handle(1)]);
}

#[test]
fn a_device_is_stopped_before_its_memory_is_released() {
    let mut devices = devices();
    assert!(claim(&mut devices, DISK, 0).is_ok());
    let reset = FakeCall::new(DISK, 1, number::reset, &[0]);
    assert!(call(&mut devices, reset).0.is_ok());
    assert_stopped(&devices);
    let again = FakeCall::new(DISK, 1, number::reset, &[0]);
    assert_eq!(call(&mut devices, again).0, Err(Error::BadState));
}

#[test]
fn the_end_of_a_driver_stops_its_devices() {
    let mut devices = devices();
    assert!(claim(&mut devices, DISK, 0).is_ok());
    devices.release_all(DISK + 1);
    assert!(devices.platform().released.is_empty());
    devices.release_all(DISK);
    assert_stopped(&devices);
}

#[test]
fn the_next_instance_of_a_driver_claims_a_stopped_device() {
    let mut devices = devices();
    assert!(claim(&mut devices, DISK, 0).is_ok());
    assert!(claim(&mut devices, DISK, 0).is_ok());
    assert_eq!(devices.platform().released, [Handle(1)]);
    let command = devices.platform().functions[&(0, 2, 0)].word(4);
    assert_eq!(command & 0b110, 0b110);
}

#[test]
fn the_list_names_every_function_once() {
    let mut devices = devices();
    assert!(claim(&mut devices, DISK, 1).is_ok());
    let request = FakeCall::new(DISK, 1, number::list, &[0]).output(1000);
    let (reply, request) = call(&mut devices, request);
    let length = answer(reply).words[0] as usize;
    let text = String::from_utf8(request.outputs.borrow()[0][..length].to_vec()).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert_eq!(text.matches("claimed").count(), 1);
    assert!(text.starts_with("00:02.0 1af4:1042 class 018000 registers 2 messages 3\n"));
    let rest = FakeCall::new(DISK, 1, number::list, &[length as u64]).output(10);
    assert_eq!(answer(call(&mut devices, rest).0).words[0], 0);
}
