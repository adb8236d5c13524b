//! Fakes that the drivers' host tests share: memory, the device's side of a virtqueue, and calls.

mod call;
mod queue;
mod ram;

pub use call::FakeCall;
pub use queue::FakeQueue;
pub use ram::Ram;
