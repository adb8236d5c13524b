//! Processes as kernel objects (`pidfd_open`).

use kernel_abi::Handle;
use proto::{Answer, Call, Error, Reply, process_handle};

use crate::kernel::Kernel;
use crate::server::Server;

impl<K: Kernel, C: Call + ?Sized> process_handle::ProcessHandle<C> for Server<K> {
    fn open(&mut self, call: &mut C, process: u64) -> Reply {
        self.caller(call)?;
        let handle = self.table.get(process)?.handle;
        // One whose end an instance before this one has seen may be without.
        if handle == Handle::NONE {
            return Err(Error::NoProcess);
        }
        let shared = self.kernel.share(handle)?;
        Ok(Answer::default().with_handle(shared).into())
    }
}
