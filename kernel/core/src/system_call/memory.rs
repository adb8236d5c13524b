//! Calls on memory.
use super::Request;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::thread::Step;
use kernel_abi::{Call, Error};
impl<M: Machine> Kernel<M> {
    pub(super) fn dispatch_memory(&mut self, call: Call, request: &Request) -> Step {
        let _ = (call, request);
        Err(Error::Unsupported.into())
    }
}
