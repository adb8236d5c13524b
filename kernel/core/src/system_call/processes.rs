//! Calls about processes.

use super::Request;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::thread::Step;
use kernel_abi::Call;

impl<M: Machine> Kernel<M> {
    /// Calls on processes, most of them the process server's.
    pub(super) fn dispatch_process(&mut self, call: Call, request: &Request) -> Step {
        let &Request {
            cpu,
            thread,
            process,
            arguments,
        } = request;
        let [a, b, c, ..] = arguments;
        match call {
            Call::ProcessFork => self.process_fork(cpu, thread, process, a, b),
            Call::ProcessReplace => self.process_replace(cpu, process, a, b),
            Call::ProcessStart => self.process_start(process, arguments),
            Call::ProcessExit => self.process_exit(process, a),
            Call::ProcessKill => self.process_kill(process, a, b),
            Call::ProcessSuspend => self.process_suspend(process, a),
            Call::ProcessResume => self.process_resume(process, a),
            Call::ProcessInfo => self.process_info(thread, process, a, b),
            Call::ProcessSet => self.process_set(process, a, b, c),
            Call::ProcessSetIdentity => self.process_set_identity(thread, process, arguments),
            Call::ProcessSupervise => self.process_supervise(process, a, b, c),
            Call::ProcessOfCaller => self.process_of_caller(process, a),
            Call::ProcessCreate => self.process_create(process),
            Call::HandleCopyAll => self.handle_copy_all(process, a, b),
            Call::HandleInstall => self.handle_install(process, arguments),
            Call::HandleTake => self.handle_take(process, a, b),
            Call::HandleNext => self.handle_next(process, a, b),
            Call::HandleCopy => self.handle_copy(process, arguments),
            Call::HandleRevoke => self.handle_revoke(process, a, b, c),
            Call::ProcessInherit => self.process_inherit(process, arguments),
            _ => self.dispatch_thread(call, request),
        }
    }
}
