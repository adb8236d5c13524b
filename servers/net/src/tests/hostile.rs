//! Frames that mean no good.

use std::vec;
use std::vec::Vec;

use proto::{Error, socket};

use super::wire::Wire;
use crate::address::{Family, encode};

/// A stream of numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A segment to port 80 of 10.0.0.2 that asks for a connection, from a port of a stranger.
fn request(number: u32) -> Vec<u8> {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{
        EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpProtocol, IpRepr,
        TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
    };
    let checks = ChecksumCapabilities::default();
    let from = std::net::Ipv4Addr::from(0x0a00_0000 + 10 + number % 200);
    let to = std::net::Ipv4Addr::new(10, 0, 0, 2);
    let segment = TcpRepr {
        src_port: 1024 + (number % 60_000) as u16,
        dst_port: 80,
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber(number as i32),
        ack_number: None,
        window_len: 1000,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let length = segment.buffer_len();
    let header = IpRepr::new(from.into(), to.into(), IpProtocol::Tcp, length, 64);
    let mut frame = vec![0; 14 + header.buffer_len()];
    EthernetRepr {
        src_addr: EthernetAddress([2, 0, 0, 0, 0, 99]),
        dst_addr: EthernetAddress([2, 0, 0, 0, 0, 2]),
        ethertype: EthernetProtocol::Ipv4,
    }
    .emit(&mut EthernetFrame::new_unchecked(&mut frame));
    header.emit(&mut frame[14..], &checks);
    let place = &mut frame[14 + header.header_len()..];
    segment.emit(
        &mut TcpPacket::new_unchecked(place),
        &from.into(),
        &to.into(),
        &checks,
    );
    frame
}

#[test]
fn a_flood_of_requests_does_not_grow_the_server_and_others_are_served() {
    let mut wire = Wire::new([0; 3]);
    let listener = wire.hosts[1].socket(1, 0).badge;
    let name = encode("0.0.0.0:80".parse().unwrap(), Family::V4);
    socket::bind(&wire.hosts[1].at(listener), &name, &[]).unwrap();
    socket::listen(&wire.hosts[1].at(listener), 8, &[]).unwrap();
    for number in 0..5000 {
        wire.hosts[1]
            .card
            .arrived
            .borrow_mut()
            .push_back(request(number));
        if number % 50 == 0 {
            wire.step();
        }
    }
    wire.steps(20);
    let half_open = wire.hosts[1].server.borrow().connections.len();
    assert!(half_open > 100 && half_open <= 512, "{half_open}");
    let client = wire.hosts[0].socket(1, 0).badge;
    let to = encode("10.0.0.2:80".parse().unwrap(), Family::V4);
    let kept = socket::connect(&wire.hosts[0].at(client), 1, &to, &[]);
    assert_eq!(kept, Err(Error::Interrupted));
    wire.steps(3000);
    assert!(wire.hosts[1].world.accept(listener).is_some());
    wire.wait_s(200);
    assert!(wire.hosts[1].server.borrow().connections.len() <= 1);
}

#[test]
fn frames_of_noise_and_damaged_ones_change_nothing() {
    let mut wire = Wire::new([0; 3]);
    let (mut random, mut good) = (Random(88), Vec::new());
    let listener = wire.hosts[1].socket(1, 0).badge;
    let name = encode("0.0.0.0:80".parse().unwrap(), Family::V4);
    socket::bind(&wire.hosts[1].at(listener), &name, &[]).unwrap();
    socket::listen(&wire.hosts[1].at(listener), 8, &[]).unwrap();
    let before = wire.hosts[1].world.open_handles();
    for number in 0..20_000_u32 {
        let mut frame = match number % 3 {
            0 => (0..random.next() % 200)
                .map(|_| random.next() as u8)
                .collect(),
            _ => request(number),
        };
        if number % 3 == 0 && frame.len() > 14 {
            // Noise that looks like IP for this host.
            frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
            frame[12..14].copy_from_slice(if number % 2 == 0 {
                &[8, 0]
            } else {
                &[0x86, 0xdd]
            });
            frame[14] = if number % 2 == 0 { 0x45 } else { 0x60 };
        } else if number % 3 == 1 {
            for _ in 0..1 + random.next() % 4 {
                let place = random.next() as usize % frame.len();
                frame[place] ^= 1 << (random.next() % 8);
            }
        } else {
            frame.truncate(random.next() as usize % (frame.len() + 1));
        }
        good.push(frame.len());
        wire.hosts[1].card.arrived.borrow_mut().push_back(frame);
        if number % 32 == 0 {
            wire.step();
        }
    }
    wire.wait_s(200);
    assert_eq!(wire.hosts[1].server.borrow().connections.len(), 0);
    assert_eq!(wire.hosts[1].world.open_handles(), before);
}
