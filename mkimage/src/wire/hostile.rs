//! Frames that no honest peer sends: cut short, overlapping, with lengths that lie, without end.
//!
//! None of them names the peer's own addresses as a new place or as a sender, so that its honest
//! connections go on beside them.

use super::peer::{ADDRESS, GUEST, HARDWARE};
use super::random::Random;

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SYN: u8 = 2;
/// The guest's ports that are aimed at most.
const PORTS: [u16; 6] = [80, 22, 53, 68, 5201, 99];

/// A generator of hostile frames.
pub struct Hostile {
    random: Random,
    /// The guest's hardware address, as it was seen last.
    target: [u8; 6],
}

impl Hostile {
    /// A generator.
    pub fn new(seed: u64) -> Hostile {
        Hostile {
            random: Random::new(seed),
            target: [0xff; 6],
        }
    }

    /// Looks at a frame of the guest's, for its address.
    pub fn learn(&mut self, frame: &[u8]) {
        if let Some(source) = frame.get(6..).and_then(|rest| rest.first_chunk()) {
            self.target = *source;
        }
    }

    /// The next frame.
    pub fn frame(&mut self) -> Vec<u8> {
        let mut frame = match self.random.below(12) {
            0 => self.noise(),
            1 | 2 => self.connection_attempt(),
            3 => self.segment(),
            4 | 5 => self.fragment(),
            6 => self.datagram(),
            7 => self.control_message(),
            8 => self.lying_header(),
            9 => self.address_resolution(),
            10 => self.six(),
            _ => self.neighbour(),
        };
        // Cut anywhere, or with bytes that are not what they should be.
        if self.random.percent(15) {
            let length = self.random.below(frame.len() as u64) as usize;
            frame.truncate(length.max(14));
        }
        if self.random.percent(15) {
            for _ in 0..1 + self.random.below(4) {
                let at = self.random.below(frame.len() as u64) as usize;
                // The destination stays, so that the frame gets as far as it can.
                if at >= 12 {
                    frame[at] = self.random.next() as u8;
                }
            }
        }
        frame
    }

    fn ethernet(&self, kind: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.target.to_vec();
        let [a, b, c, d, e, _] = HARDWARE.0;
        // Others than the peer, so that nobody learns a wrong place for it.
        frame.extend([a, b, c, d, e, 66]);
        frame.extend(kind.to_be_bytes());
        frame.extend(payload);
        frame
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let mut bytes = vec![0; self.random.below(most + 1) as usize];
        self.random.fill(&mut bytes);
        bytes
    }

    /// Someone on the guest's network or far away, never the peer.
    fn stranger(&mut self) -> [u8; 4] {
        let number = self.random.next().to_be_bytes();
        if self.random.percent(50) {
            [10, 9, 0, 20 + number[0] % 200]
        } else {
            [number[0], number[1], number[2], number[3] | 2]
        }
    }

    fn port(&mut self) -> u16 {
        match self.random.below(8) {
            index @ 0..6 => PORTS[index as usize],
            _ => self.random.next() as u16,
        }
    }

    fn noise(&mut self) -> Vec<u8> {
        let kind = match self.random.below(4) {
            0 => IPV4,
            1 => IPV6,
            2 => ARP,
            _ => self.random.next() as u16,
        };
        let payload = self.bytes(1500);
        self.ethernet(kind, &payload)
    }

    /// A packet of IPv4 with right sums; `fragment` is flags and offset.
    fn four(&mut self, protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let from = self.stranger();
        self.four_from(from, protocol, fragment, payload)
    }

    fn four_from(&mut self, from: [u8; 4], protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend((20 + payload.len() as u16).to_be_bytes());
        // Few numbers, so that fragments of different packets meet.
        packet.extend((self.random.below(4) as u16).to_be_bytes());
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0]);
        packet.extend(from);
        packet.extend(GUEST);
        let sum = checksum(&[&packet]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(payload);
        self.ethernet(IPV4, &packet)
    }

    /// A TCP segment in a packet, with right sums.
    fn tcp(&mut self, flags: u8, offset_words: u8, rest: &[u8]) -> Vec<u8> {
        let from = self.stranger();
        let mut segment = (self.random.next() as u16).to_be_bytes().to_vec();
        segment.extend(self.port().to_be_bytes());
        segment.extend((self.random.next() as u32).to_be_bytes());
        segment.extend((self.random.next() as u32).to_be_bytes());
        segment.extend([offset_words << 4, flags]);
        segment.extend((self.random.next() as u16).to_be_bytes());
        segment.extend([0, 0, 0, 0]);
        segment.extend(rest);
        let sum = checksum(&[&pseudo_header(from, TCP, segment.len()), &segment]);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        self.four_from(from, TCP, 0, &segment)
    }

    /// One of a flood of beginnings of connections that never go on.
    fn connection_attempt(&mut self) -> Vec<u8> {
        self.tcp(SYN, 6, &[2, 4, 5, 0xb4])
    }

    /// Any flags, any options, a header length that may lie.
    fn segment(&mut self) -> Vec<u8> {
        let (flags, words) = (self.random.next() as u8, self.random.below(16) as u8);
        let rest = self.bytes(100);
        self.tcp(flags, words, &rest)
    }

    /// A piece of a packet that never becomes whole: overlapping others, or beyond the longest packet.
    fn fragment(&mut self) -> Vec<u8> {
        const MORE: u16 = 0x2000;
        let offset = match self.random.below(3) {
            0 => self.random.below(8) as u16,
            1 => 0x1fff,
            _ => self.random.below(0x2000) as u16,
        };
        let more = if self.random.percent(70) { MORE } else { 0 };
        let protocol = [UDP, ICMP, TCP][self.random.below(3) as usize];
        let payload = self.bytes(1400);
        self.four(protocol, more | offset, &payload)
    }

    /// A datagram whose length may lie, for services that parse what comes.
    fn datagram(&mut self) -> Vec<u8> {
        let payload = self.bytes(600);
        let length = match self.random.below(3) {
            0 => 8 + payload.len() as u16,
            1 => self.random.below(8) as u16,
            _ => self.random.next() as u16,
        };
        let source = [53, 67, 123][self.random.below(3) as usize];
        let mut datagram = u16::to_be_bytes(source).to_vec();
        datagram.extend(self.port().to_be_bytes());
        datagram.extend(length.to_be_bytes());
        // No sum: it is not looked at then.
        datagram.extend([0, 0]);
        datagram.extend(payload);
        self.four(UDP, 0, &datagram)
    }

    /// ICMP of any type, the errors with a packet in them that was never sent.
    fn control_message(&mut self) -> Vec<u8> {
        let kind = [0, 3, 4, 5, 8, 11, 12, 13, 17][self.random.below(9) as usize];
        let mut message = vec![kind, self.random.next() as u8, 0, 0];
        message.extend(self.bytes(1400));
        let sum = checksum(&[&message]);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        self.four(ICMP, 0, &message)
    }

    /// A header whose lengths and version are anything, with a right sum over what it claims to be.
    fn lying_header(&mut self) -> Vec<u8> {
        let payload = self.bytes(200);
        let mut frame = self.four(TCP, 0, &payload);
        let packet = &mut frame[14..];
        packet[0] = self.random.next() as u8;
        packet[2..4].copy_from_slice(&(self.random.next() as u16).to_be_bytes());
        packet[10..12].fill(0);
        let claimed = (usize::from(packet[0] & 0xf) * 4).clamp(20, packet.len());
        let sum = checksum(&[&packet[..claimed]]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        frame
    }

    fn address_resolution(&mut self) -> Vec<u8> {
        let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1 + self.random.below(3) as u8];
        packet.extend([0x52, 0x54, 0, 9, 1, self.random.next() as u8]);
        packet.extend(self.stranger());
        packet.extend([0; 6]);
        packet.extend(if self.random.percent(80) {
            GUEST
        } else {
            self.stranger()
        });
        if self.random.percent(20) {
            packet[4] = self.random.next() as u8;
        }
        self.ethernet(ARP, &packet)
    }

    fn six_with(&mut self, next: u8, payload: &[u8], length: u16) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([next, 255]);
        packet.extend(stranger_6(self.random.next()));
        packet.extend(all_nodes());
        packet.extend(payload);
        self.ethernet(IPV6, &packet)
    }

    /// Chains of extension headers, with lengths that may lie.
    fn six(&mut self) -> Vec<u8> {
        let mut payload = Vec::new();
        let first = [0, 43, 44, 60][self.random.below(4) as usize];
        for _ in 0..self.random.below(20) {
            let next = [0, 43, 44, 51, 60, 59, TCP, UDP][self.random.below(8) as usize];
            payload.extend([next, self.random.below(3) as u8]);
            payload.extend(self.bytes(14));
        }
        let length = if self.random.percent(50) {
            payload.len() as u16
        } else {
            self.random.next() as u16
        };
        self.six_with(first, &payload, length)
    }

    /// Discovery of neighbours and routers, with options of any length, 0 among them.
    fn neighbour(&mut self) -> Vec<u8> {
        let kind = 133 + self.random.below(5) as u8;
        let mut message = vec![kind, 0, 0, 0];
        message.extend(self.bytes(20));
        message.extend([1 + self.random.below(5) as u8, self.random.below(3) as u8]);
        message.extend(self.bytes(60));
        let length = message.len();
        let source = stranger_6(7);
        let mut pseudo = source.to_vec();
        pseudo.extend(all_nodes());
        pseudo.extend((length as u32).to_be_bytes());
        pseudo.extend([0, 0, 0, ICMPV6]);
        let sum = checksum(&[&pseudo, &message]);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let mut frame = self.six_with(ICMPV6, &message, length as u16);
        frame[22..38].copy_from_slice(&source);
        frame
    }
}

/// Some address on the link.
fn stranger_6(number: u64) -> [u8; 16] {
    let mut address = [0; 16];
    address[..2].copy_from_slice(&[0xfe, 0x80]);
    address[8..].copy_from_slice(&number.to_be_bytes());
    address
}

fn all_nodes() -> [u8; 16] {
    let mut address = [0; 16];
    (address[0], address[1], address[15]) = (0xff, 2, 1);
    address
}

fn pseudo_header(from: [u8; 4], protocol: u8, length: usize) -> [u8; 12] {
    let [a, b, c, d] = from;
    let [e, f, g, h] = GUEST;
    let [high, low] = (length as u16).to_be_bytes();
    [a, b, c, d, e, f, g, h, 0, protocol, high, low]
}

/// The Internet's checksum (RFC 1071) over parts of even length but for the last.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
        }
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// What the peer is never said to be.
const _: () = assert!(ADDRESS[3] != GUEST[3]);

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::wire::{EthernetFrame, Ipv4Packet, TcpPacket};

    #[test]
    fn frames_go_to_the_guest_and_not_from_the_peer() {
        let mut hostile = Hostile::new(1);
        let guest = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
        let mut frame = vec![0xff; 6];
        frame.extend(guest);
        hostile.learn(&frame);
        for _ in 0..20_000 {
            let frame = hostile.frame();
            assert!((14..=1514).contains(&frame.len()), "{}", frame.len());
            assert_eq!(frame[..6], guest);
            assert_ne!(frame[6..12], HARDWARE.0);
            if let Ok(packet) = Ipv4Packet::new_checked(&frame[14..]) {
                assert!(
                    packet.src_addr().octets() != ADDRESS
                        || packet.version() != 4
                        || !packet.verify_checksum()
                );
            }
        }
    }

    #[test]
    fn connection_attempts_have_right_sums() {
        let frame = Hostile::new(2).connection_attempt();
        let ethernet = EthernetFrame::new_checked(&frame[..]).unwrap();
        let packet = Ipv4Packet::new_checked(ethernet.payload()).unwrap();
        assert!(packet.verify_checksum());
        let segment = TcpPacket::new_checked(packet.payload()).unwrap();
        assert!(
            segment.syn()
                && segment.verify_checksum(&packet.src_addr().into(), &packet.dst_addr().into())
        );
    }
}
