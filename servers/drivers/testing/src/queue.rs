//! The device's side of a split virtqueue.

use driver_hal::Window;

use crate::Ram;

/// A device that serves one queue in `ram`.
pub struct FakeQueue {
    /// All memory, at physical addresses.
    pub ram: Ram,
    size: u16,
    descriptors: u64,
    available: u64,
    used: u64,
    available_index: u16,
    used_index: u16,
}

/// A descriptor: address, length, whether the device writes it.
type Descriptor = (u64, u32, bool);

impl FakeQueue {
    /// A device for rings at these addresses.
    pub fn new(ram: Ram, size: u16, descriptors: u64, available: u64, used: u64) -> FakeQueue {
        FakeQueue {
            ram,
            size,
            descriptors,
            available,
            used,
            available_index: 0,
            used_index: 0,
        }
    }

    /// Sets the used ring's flags.
    pub fn set_flags(&self, flags: u16) {
        self.ram.write_u16(self.used, flags);
    }

    /// Takes all requests that were offered: head and descriptors of each.
    pub fn take(&mut self) -> Vec<(u16, Vec<Descriptor>)> {
        let mut requests = Vec::new();
        while self.available_index != self.ram.read_u16(self.available + 2) {
            let slot = u64::from(self.available_index % self.size);
            let head = self.ram.read_u16(self.available + 4 + 2 * slot);
            self.available_index = self.available_index.wrapping_add(1);
            requests.push((head, self.chain(head)));
        }
        requests
    }

    fn chain(&self, head: u16) -> Vec<Descriptor> {
        let mut chain = Vec::new();
        let mut index = head;
        loop {
            let at = self.descriptors + 16 * u64::from(index);
            let flags = self.ram.read_u16(at + 12);
            let (address, length) = (self.ram.read_u64(at), self.ram.read_u32(at + 8));
            chain.push((address, length, flags & 2 != 0));
            if flags & 1 == 0 {
                return chain;
            }
            index = self.ram.read_u16(at + 14);
            assert!(index < self.size && chain.len() <= self.size as usize);
        }
    }

    /// What the driver wrote for the device, in one piece.
    pub fn input(&self, chain: &[Descriptor]) -> Vec<u8> {
        let mut input = Vec::new();
        for &(address, length, _) in chain.iter().filter(|(_, _, writes)| !writes) {
            let mut bytes = vec![0; length as usize];
            assert!(self.ram.read_bytes(address, &mut bytes));
            input.extend_from_slice(&bytes);
        }
        input
    }

    /// Room for the device's answer.
    pub fn room(chain: &[Descriptor]) -> usize {
        let writable = chain.iter().filter(|(_, _, writes)| *writes);
        writable.map(|(_, length, _)| *length as usize).sum()
    }

    /// Answers a request: scatters `output` and returns the request to the driver.
    pub fn finish(&mut self, head: u16, chain: &[Descriptor], output: &[u8]) {
        assert!(output.len() <= Self::room(chain));
        let mut rest = output;
        for &(address, length, _) in chain.iter().filter(|(_, _, writes)| *writes) {
            let (now, later) = rest.split_at(rest.len().min(length as usize));
            assert!(self.ram.write_bytes(address, now));
            rest = later;
        }
        self.push_used(head.into(), output.len() as u32);
    }

    /// Puts an entry into the used ring, right or wrong.
    pub fn push_used(&mut self, head: u32, written: u32) {
        let slot = u64::from(self.used_index % self.size);
        self.ram.write_u32(self.used + 4 + 8 * slot, head);
        self.ram.write_u32(self.used + 8 + 8 * slot, written);
        self.used_index = self.used_index.wrapping_add(1);
        self.ram.write_u16(self.used + 2, self.used_index);
    }

    /// Answers every request by a function from input to output; returns how many.
    pub fn serve(&mut self, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> usize {
        let requests = self.take();
        for (head, chain) in &requests {
            let output = answer(&self.input(chain));
            self.finish(*head, chain, &output);
        }
        requests.len()
    }

    /// The same, the last request first.
    pub fn serve_reversed(&mut self, mut answer: impl FnMut(&[u8]) -> Vec<u8>) {
        for (head, chain) in self.take().iter().rev() {
            let output = answer(&self.input(chain));
            self.finish(*head, chain, &output);
        }
    }
}
