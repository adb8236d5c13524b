//! Calls about devices and the machine.

use super::Request;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::thread::Step;
use kernel_abi::Call;

impl<M: Machine> Kernel<M> {
    /// Calls that need the right to a device, and those about the machine.
    pub(super) fn dispatch_device(&mut self, call: Call, request: &Request) -> Step {
        let &Request {
            thread,
            process,
            arguments,
            ..
        } = request;
        let [a, b, c, d, ..] = arguments;
        match call {
            Call::InterruptCreate => self.interrupt_create(thread, process, a, b),
            Call::InterruptAcknowledge => self.interrupt_acknowledge(process, a),
            Call::PortsCreate => self.ports_create(process, a, b, c),
            Call::PortRead => self.port_read(process, a, b, c),
            Call::PortWrite => self.port_write(process, a, b, c, d),
            Call::PortWriteBytes => self.port_write_bytes(thread, process, arguments),
            Call::DmaDomainCreate => self.dma_domain_create(process, a),
            Call::DmaPin => self.dma_pin(thread, process, arguments),
            Call::DmaUnpin => self.dma_unpin(process, arguments),
            Call::DmaRelease => self.dma_release(process, a),
            Call::SystemControl => self.system_control(thread, process, arguments),
            Call::DebugWrite => self.debug_write(thread, a, b),
            Call::Random => self.random(thread, a, b),
            _ => self.dispatch_memory(call, request),
        }
    }
}
