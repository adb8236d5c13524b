//! Claims: which driver has which device.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use kernel_abi::{Handle, PAGE_SIZE};
use proto::{Answer, Call, Error, Output, Reply, hardware};
use virtio::Capabilities;

use crate::{Bar, Function, Platform};

/// Offset of the status in a virtio device's common configuration.
const VIRTIO_STATUS: u64 = 20;
const MESSAGE_SIZE: u64 = 16;

/// A device in a driver's hands.
struct Claim {
    badge: u64,
    index: u32,
    function: usize,
    domain: Handle,
}

/// The server's state.
pub struct Devices<P: Platform> {
    platform: P,
    functions: Vec<Function>,
    claims: Vec<Claim>,
}

impl<P: Platform> Devices<P> {
    /// A server for these functions.
    pub fn new(platform: P, functions: Vec<Function>) -> Devices<P> {
        Devices {
            platform,
            functions,
            claims: Vec::new(),
        }
    }

    /// The machine, for tests.
    #[cfg(test)]
    pub(crate) fn platform(&self) -> &P {
        &self.platform
    }

    /// What was found, for tests.
    #[cfg(test)]
    pub(crate) fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// Takes back everything that a session's driver had.
    pub fn release_all(&mut self, badge: u64) {
        while let Some(at) = self.claims.iter().position(|claim| claim.badge == badge) {
            self.release(at);
        }
    }

    /// Stops a device before the memory that it could reach is used for something else.
    fn release(&mut self, at: usize) {
        let claim = self.claims.swap_remove(at);
        let function = &self.functions[claim.function];
        if function.is_virtio() {
            stop_virtio(&mut self.platform, function);
        }
        function.quieten(&mut self.platform);
        self.platform.release_domain(claim.domain);
    }

    fn find(&self, badge: u64, index: u32) -> Option<usize> {
        let matching = self.functions.iter().enumerate();
        let mut matching = matching.filter(|(_, function)| u64::from(function.identity) == badge);
        matching.nth(index as usize).map(|(at, _)| at)
    }

    /// The function that this driver has claimed.
    fn claimed(&self, badge: u64, index: u32) -> Result<usize, Error> {
        let mut claims = self.claims.iter();
        let claim = claims.find(|claim| claim.badge == badge && claim.index == index);
        claim.map(|claim| claim.function).ok_or(Error::BadState)
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for (at, function) in self.functions.iter().enumerate() {
            let bars = function.bars.iter().flatten().count();
            let messages = function.messages.map_or(0, |messages| messages.count);
            let claimed = self.claims.iter().any(|claim| claim.function == at);
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} {:04x}:{:04x} class {:06x} registers {bars} messages {messages}{}",
                function.address,
                function.identity >> 16,
                function.identity & 0xffff,
                function.class,
                if claimed { " claimed" } else { "" },
            );
        }
        text
    }

    /// Programs entry `entry` of the device's table and returns the interrupt's object.
    fn make_interrupt(&mut self, function: usize, entry: u32) -> Result<Handle, Error> {
        let function = &self.functions[function];
        let messages = function.messages.ok_or(Error::NotSupported)?;
        if entry >= messages.count {
            return Err(Error::OutOfRange);
        }
        let bar = function.bars[messages.bar].ok_or(Error::NotSupported)?;
        let offset = messages.offset + u64::from(entry) * MESSAGE_SIZE;
        if offset + MESSAGE_SIZE > bar.length {
            return Err(Error::Io);
        }
        let place = bar.address + offset;
        let (interrupt, address, datum) = self.platform.interrupt()?;
        // Address, datum, then the mask bit off.
        let words = [address as u32, (address >> 32) as u32, datum, 0];
        for (at, word) in (place..).step_by(4).zip(words) {
            self.platform.register_write(at, word)?;
        }
        function.enable_messages(&mut self.platform, &messages);
        Ok(interrupt)
    }
}

/// Writes 0 to the status: a reset, after which the device has forgotten its queues. Without it
/// the device would go on with the old ones as soon as its next driver lets it reach memory.
fn stop_virtio(platform: &mut impl Platform, function: &Function) {
    let configuration = function.configuration(platform);
    let Some(capabilities) = Capabilities::parse(&configuration) else {
        return;
    };
    let common = capabilities.common;
    let bar = function.bars.get(common.bar as usize).copied().flatten();
    if let Some(Bar { address, length }) = bar
        && common.offset + VIRTIO_STATUS < length
    {
        // A device that does not answer is stopped by taking its access to memory away.
        let _ = platform.register_write_u8(address + common.offset + VIRTIO_STATUS, 0);
    }
}

impl<P: Platform, C: Call + ?Sized> hardware::Hardware<C> for Devices<P> {
    fn claim(&mut self, call: &mut C, index: u32, configuration: Output) -> Reply {
        let badge = call.badge();
        let function = self.find(badge, index).ok_or(Error::NoDevice)?;
        // A second claim comes from the next instance of a driver that died.
        let earlier = |claim: &Claim| claim.function == function;
        if let Some(at) = self.claims.iter().position(earlier) {
            self.release(at);
        }
        let (domain, drivers_domain) = self.platform.domain()?;
        self.claims.push(Claim {
            badge,
            index,
            function,
            domain,
        });
        let function = &self.functions[function];
        function.enable(&mut self.platform);
        let bytes = function.configuration(&mut self.platform);
        let count = bytes.len().min(configuration.length as usize);
        call.write(configuration, 0, &bytes[..count])?;
        let messages = function.messages.map_or(0, |messages| messages.count);
        let bars = function.bars.len() as u64;
        let answer = Answer::value(bars).with(1, messages.into());
        Ok(answer.with_handle(drivers_domain).into())
    }

    fn registers(&mut self, call: &mut C, index: u32, bar: u32) -> Reply {
        let function = &self.functions[self.claimed(call.badge(), index)?];
        let number = bar as usize;
        let found = function.bars.get(number).copied().flatten();
        let Bar { address, length } = found.ok_or(Error::OutOfRange)?;
        // Whoever writes the table can send messages to any processor. And memory is handed out in
        // pages, so a smaller range would give away its neighbours.
        let holds_table = function
            .messages
            .is_some_and(|messages| messages.bar == number);
        if holds_table || !(address | length).is_multiple_of(PAGE_SIZE) {
            return Err(Error::NotPermitted);
        }
        let memory = self.platform.registers(address, length)?;
        Ok(Answer::value(length).with_handle(memory).into())
    }

    fn interrupt(&mut self, call: &mut C, index: u32, entry: u32) -> Reply {
        let function = self.claimed(call.badge(), index)?;
        let interrupt = self.make_interrupt(function, entry)?;
        Ok(Answer::default().with_handle(interrupt).into())
    }

    fn reset(&mut self, call: &mut C, index: u32) -> Reply {
        let (badge, function) = (call.badge(), self.claimed(call.badge(), index)?);
        let own = |claim: &Claim| claim.badge == badge && claim.function == function;
        if let Some(at) = self.claims.iter().position(own) {
            self.release(at);
        }
        Ok(Answer::default().into())
    }

    fn list(&mut self, call: &mut C, offset: u64, text: Output) -> Reply {
        let all = self.describe();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = all.as_bytes().get(start..).unwrap_or(&[]);
        let count = rest.len().min(text.length as usize);
        let written = call.write(text, 0, &rest[..count])?;
        Ok(Answer::value(written as u64).into())
    }
}
