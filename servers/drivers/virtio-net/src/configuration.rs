//! What the device says of itself (Virtio 1.2, 5.1.3 and 5.1.4).

/// Feature bit: it knows its hardware address.
pub const ADDRESS: u32 = 5;
/// Feature bit: it tells its largest packet.
pub const PACKET_SIZE: u32 = 3;
/// Feature bit: it spreads a frame over several buffers if it must.
pub const MERGEABLE: u32 = 15;
/// Feature bit: it tells whether there is a link.
pub const STATUS: u32 = 16;
/// Bytes of the configuration that are looked at.
pub const SIZE: usize = 12;

/// Largest packet of Ethernet.
const ETHERNET_PACKET: u64 = 1500;
/// Smallest one that IPv6 can live with (RFC 8200, 5).
const SMALLEST_PACKET: u64 = 1280;

/// What an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Hardware address, little endian.
    pub address: u64,
    /// Bytes of its largest packet.
    pub packet_size: u64,
    /// Whether there is a link.
    pub has_link: bool,
}

impl Configuration {
    /// From the device's configuration and the features in force. A device without an address
    /// gets one that is locally administered, made from `number`.
    pub fn parse(bytes: &[u8; SIZE], features: u64, number: u32) -> Configuration {
        let [a, b, c, d, e, f, status, _, _, _, low, high] = *bytes;
        let has = |feature: u32| features & 1 << feature != 0;
        let told = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
        let [w, x, y, z] = number.to_be_bytes();
        let made = u64::from_le_bytes([0x52, 0x54, w, x, y, z, 0, 0]);
        let packet_size = match has(PACKET_SIZE) {
            true => u64::from(u16::from_le_bytes([low, high])),
            false => ETHERNET_PACKET,
        };
        Configuration {
            address: if has(ADDRESS) { told } else { made },
            packet_size: packet_size.clamp(SMALLEST_PACKET, ETHERNET_PACKET),
            has_link: !has(STATUS) || status & 1 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; SIZE] = [2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0x78, 5];

    #[test]
    fn address_packet_size_and_link_are_what_the_device_says() {
        let all = 1 << ADDRESS | 1 << PACKET_SIZE | 1 << STATUS;
        let found = Configuration::parse(&BYTES, all, 1);
        assert_eq!(found.address.to_le_bytes(), [2, 0, 0, 0, 0, 9, 0, 0]);
        assert_eq!(found.packet_size, 1400);
        assert!(!found.has_link);
    }

    #[test]
    fn a_device_that_says_nothing_is_an_ethernet_with_a_link() {
        let found = Configuration::parse(&BYTES, 0, 7);
        let [first, .., last, _, _] = found.address.to_le_bytes();
        assert_eq!((first & 3, last), (2, 7), "unicast, locally administered");
        assert_eq!(found.packet_size, 1500);
        assert!(found.has_link);
    }
}
