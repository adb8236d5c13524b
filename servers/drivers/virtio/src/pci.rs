//! Where a device's registers are (Virtio 1.2, 4.1.4).

const CAPABILITIES_POINTER: usize = 0x34;
const VENDOR_SPECIFIC: u8 = 9;
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const DEVICE: u8 = 4;
const COMMON_SIZE: u32 = 56;
/// A list of capabilities longer than this is a loop.
const MAX_CAPABILITIES: usize = 48;

/// Part of a base register's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Which base register.
    pub bar: u32,
    /// Offset in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

/// The structures of a modern virtio device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Common configuration.
    pub common: Location,
    /// Notification area ...
    pub notify: Location,
    /// ... and the bytes between the places of two queues with successive offsets.
    pub notify_multiplier: u32,
    /// The device type's own configuration.
    pub device: Option<Location>,
}

impl Capabilities {
    /// Reads them from the first 256 bytes of configuration space. `None`: not a modern virtio
    /// device, or a broken one.
    pub fn parse(configuration: &[u8]) -> Option<Capabilities> {
        let (mut common, mut notify, mut device) = (None, None, None);
        let mut at = *configuration.get(CAPABILITIES_POINTER)? as usize & !3;
        for _ in 0..MAX_CAPABILITIES {
            if at == 0 {
                break;
            }
            let capability = configuration.get(at..)?;
            if *capability.first()? == VENDOR_SPECIFIC {
                let kind = *capability.get(3)?;
                let location = location(capability)?;
                // The first one of a kind counts: devices list the preferred one first.
                match kind {
                    COMMON => common = common.or(Some(location)),
                    NOTIFY => notify = notify.or(Some((location, word(capability, 16)?))),
                    DEVICE => device = device.or(Some(location)),
                    _ => {}
                }
            }
            at = *capability.get(1)? as usize & !3;
        }
        let (notify, notify_multiplier) = notify?;
        let common = common.filter(|common| common.length >= u64::from(COMMON_SIZE))?;
        Some(Capabilities {
            common,
            notify,
            notify_multiplier,
            device,
        })
    }
}

fn location(capability: &[u8]) -> Option<Location> {
    let bar = u32::from(*capability.get(4)?);
    Some(Location {
        bar,
        offset: u64::from(word(capability, 8)?),
        length: u64::from(word(capability, 12)?),
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// Capability at `at` with its fields, and the pointer to the next one.
    fn put(space: &mut [u8], at: usize, next: u8, kind: u8, bar: u8, offset: u32, length: u32) {
        space[at..at + 8].copy_from_slice(&[9, next, 20, kind, bar, 0, 0, 0]);
        space[at + 8..at + 12].copy_from_slice(&offset.to_le_bytes());
        space[at + 12..at + 16].copy_from_slice(&length.to_le_bytes());
        space[at + 16..at + 20].copy_from_slice(&4_u32.to_le_bytes());
    }

    fn space() -> Vec<u8> {
        let mut space = vec![0; 256];
        space[0x34] = 0x40;
        put(&mut space, 0x40, 0x60, COMMON, 4, 0, 56);
        put(&mut space, 0x60, 0x80, NOTIFY, 4, 0x3000, 0x1000);
        put(&mut space, 0x80, 0xa0, DEVICE, 4, 0x2000, 0x40);
        put(&mut space, 0xa0, 0, COMMON, 2, 0, 56);
        space
    }

    #[test]
    fn the_first_structure_of_each_kind_is_found() {
        let found = Capabilities::parse(&space()).unwrap();
        let location = |offset, length| Location {
            bar: 4,
            offset,
            length,
        };
        assert_eq!(found.common, location(0, 56));
        assert_eq!(found.notify, location(0x3000, 0x1000));
        assert_eq!(found.notify_multiplier, 4);
        assert_eq!(found.device, Some(location(0x2000, 0x40)));
    }

    #[test]
    fn a_device_without_the_needed_structures_is_refused() {
        assert_eq!(Capabilities::parse(&[0; 256]), None);
        let mut no_notify = space();
        no_notify[0x63] = 3;
        assert_eq!(Capabilities::parse(&no_notify), None);
        let mut short_common = space();
        short_common[0x4c] = 8;
        assert_eq!(Capabilities::parse(&short_common), None);
    }

    #[test]
    fn a_looping_or_cut_list_ends() {
        let mut looping = space();
        looping[0xa1] = 0x40;
        assert!(Capabilities::parse(&looping).is_some());
        for length in 0..256 {
            let _ = Capabilities::parse(&space()[..length]);
        }
        assert_eq!(Capabilities::parse(&space()[..0x50]), None);
    }
}
