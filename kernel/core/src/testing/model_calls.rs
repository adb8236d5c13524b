//! The calls that random programs make, and what they take.

use kernel_abi::{Call, ObjectKind};

/// What a call takes in a place.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A handle of this kind (if there is one).
    Of(ObjectKind),
    /// Any handle.
    Any,
    /// A process, often the caller itself.
    Process,
    /// A token that the process has taken.
    Token,
    /// An address in the buffer.
    Address,
    /// A time soon.
    Soon,
    /// A few bits.
    Bits,
    /// A number below 8.
    Small,
    /// Up to 10,000.
    Length,
    /// A page-aligned size.
    Pages,
    /// All bits set.
    All,
    /// A data object for a session, mostly none.
    Data,
}

use Kind::{Address, All, Any, Bits, Data, Length, Of, Pages, Process, Small, Soon, Token};
use ObjectKind as O;

/// Calls and what they take; the messages have places of their own.
pub const CALLS: &[(Call, &[Kind])] = &[
    (Call::Null, &[]),
    (Call::Call, &[Of(O::Session)]),
    (Call::Call, &[Of(O::Session)]),
    (Call::Call, &[Of(O::Session)]),
    (Call::ReplyReceive, &[Token]),
    (Call::ReplyReceive, &[Token]),
    (Call::ReplyReceive, &[Token]),
    (Call::Reply, &[Token]),
    (Call::MessageForward, &[Token, Of(O::Session)]),
    (Call::MessageRead, &[Token, Small, Small, Address, Length]),
    (Call::MessageWrite, &[Token, Small, Small, Address, Length]),
    (Call::EndpointCreate, &[]),
    (Call::SessionCreate, &[Of(O::Endpoint), Small, Data, Bits]),
    (
        Call::SessionCreate,
        &[Of(O::Endpoint), Small, Of(O::Cursor), Bits],
    ),
    (Call::SessionOpen, &[Of(O::Endpoint), Small]),
    (Call::SessionSignal, &[Of(O::Endpoint), Small, Bits, Bits]),
    (Call::SessionAttach, &[Of(O::Endpoint), Small, Data]),
    (Call::EndpointBind, &[Of(O::Endpoint), Any, Bits, Small]),
    (Call::HandleClose, &[Any]),
    (Call::HandleDuplicate, &[Any, Small, All, Small]),
    (Call::HandleInstall, &[Process, Any, Small, All, Small]),
    (Call::HandleInfo, &[Any, Address]),
    (Call::Read, &[Any, Address, Length]),
    (Call::Read, &[Of(O::Session), Address, Length]),
    (Call::Read, &[Of(O::Stream), Address, Length]),
    (Call::Write, &[Of(O::Stream), Address, Length]),
    (Call::Write, &[Of(O::Session), Address, Length]),
    (Call::Write, &[Any, Address, Length]),
    (Call::ReadAt, &[Of(O::Memory), Address, Length, Length]),
    (Call::WriteAt, &[Of(O::Memory), Address, Length, Length]),
    (Call::Seek, &[Of(O::Cursor), Length, Small]),
    (Call::StreamCreate, &[Small, Pages, Address, Small]),
    (Call::StreamSend, &[Of(O::Stream), Address]),
    (Call::StreamReceive, &[Of(O::Stream), Address]),
    (Call::StreamShutDown, &[Of(O::Stream), Small]),
    (Call::StreamOpen, &[Of(O::Stream), Small]),
    (Call::StreamProperty, &[Of(O::Stream), Small, Small, Length]),
    (Call::SessionSet, &[Of(O::Endpoint), Small, Small, Data]),
    (Call::SessionData, &[Of(O::Endpoint), Small, Small]),
    (Call::EventCreateCounter, &[Small, Bits]),
    (Call::EventUpcalls, &[Of(O::Event), Address, Small, Bits]),
    (Call::CursorCreate, &[Of(O::Memory), All]),
    (Call::MemoryCreate, &[Pages, Small]),
    (Call::MemoryCreatePaged, &[Of(O::Endpoint), Small, Pages]),
    (Call::MemoryChild, &[Of(O::Memory), Small, Pages]),
    (Call::MemorySupplyZero, &[Of(O::Memory), Small, Pages]),
    (Call::MemoryFail, &[Of(O::Memory), Small, Pages]),
    (Call::MemorySetLength, &[Of(O::Memory), Length]),
    (Call::ProcessFork, &[Token, Address]),
    (Call::ProcessFork, &[Token, Address]),
    (Call::ProcessOfCaller, &[Token]),
    (Call::ProcessExit, &[Small]),
    (Call::ProcessSuspend, &[Of(O::Process)]),
    (Call::ProcessResume, &[Of(O::Process)]),
    (Call::ProcessResume, &[Of(O::Process)]),
    (Call::ProcessKill, &[Of(O::Process), Small]),
    (Call::ProcessSupervise, &[Process, Of(O::Endpoint), Small]),
    (Call::ThreadExit, &[Small]),
    (Call::ThreadYield, &[]),
    (Call::ThreadSet, &[Small, Small, Bits]),
    (Call::FutexWait, &[Address, Small, Soon, Small]),
    (Call::FutexWake, &[Address, Small]),
    (Call::FutexLock, &[Address, Soon, Small]),
    (Call::FutexUnlock, &[Address, Small]),
    (Call::FutexRequeue, &[Address, Small, Small, Address, Small]),
    (Call::SleepUntil, &[Small, Soon]),
    (Call::UpcallRaise, &[Process, Small, Small, Small]),
    (Call::UpcallRaise, &[Process, Small, Small, Small]),
    (Call::UpcallMask, &[Small, Bits]),
    (Call::UpcallAction, &[Small, Address, Small]),
    (Call::UpcallSuspend, &[Bits]),
    (Call::UpcallTake, &[Bits, Address, Soon]),
    (Call::UpcallReturn, &[Address]),
    (Call::Wait, &[Address, Small, Soon]),
    (Call::EventCreate, &[Small]),
    (Call::EventSignal, &[Of(O::Event), Bits, Bits]),
    (Call::TimerCreate, &[Small]),
    (Call::TimerSet, &[Of(O::Timer), Soon, Soon, Small]),
    (Call::TimerNotify, &[Of(O::Timer), Small, Small, Small]),
    (Call::TimerState, &[Of(O::Timer), Address]),
    (Call::UpcallDiscard, &[Process, Bits]),
    (Call::HandleCopy, &[Process, Any, Process, Small]),
    (Call::HandleRevoke, &[Process, Small, Small]),
    (Call::WaitSetCreate, &[]),
    (
        Call::WaitSetChange,
        &[Of(O::WaitSet), Any, Bits, Small, Small],
    ),
    (Call::WaitSetWait, &[Of(O::WaitSet), Address, Small, Soon]),
    (Call::StatusFlags, &[Any, Small, Small]),
];
