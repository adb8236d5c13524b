//! The receive loop.

use kernel_abi::message::{
    Fault, Incoming, MAX_HANDLES, ReplyTransfer, WORDS, buffer_flags, flags, kind,
};
use kernel_abi::object::handle_flags;
use kernel_abi::{Handle, Signals};
use kernel_stubs::message::{self, Received, Words};
use kernel_stubs::safe;
use proto::types::Plain;
use proto::{Answer, Call, Error, Identity, Input, Outcome, Output, Reply};

use crate::request;

/// What a server does with what its endpoint receives.
pub trait Service {
    /// A call, also the kernel's READ, WRITE and SEEK. The service dispatches to its interfaces.
    fn call(&mut self, call: &mut ServerCall) -> Reply;
    /// The last handle of a session is gone.
    fn closed(&mut self, _badge: u64) {}
    /// A caller whose token the service keeps was interrupted: answer it soon.
    fn cancelled(&mut self, _token: u64) {}
    /// A bound object raised signals; bind again to hear more.
    fn signalled(&mut self, _cookie: u64, _signals: Signals) {}
    /// Pages of a paged Memory are missing.
    fn page_request(&mut self, _key: u64, _offset: u64, _length: u64, _write: bool) {}
    /// A supervised process met a fault or an upcall without handler; answer the token.
    fn exception(&mut self, _badge: u64, _token: u64, _fault: &Fault) {}
}

/// A call as the kernel delivered it.
pub struct ServerCall {
    received: Received,
    incoming: Incoming,
    handles: [Handle; MAX_HANDLES],
    handle_count: usize,
}

impl ServerCall {
    fn new(received: Received, incoming: Incoming) -> ServerCall {
        let written = received.status & flags::INCOMING != 0;
        let incoming = if written {
            incoming
        } else {
            Incoming::default()
        };
        let handle_count = (incoming.handle_count as usize).min(MAX_HANDLES);
        ServerCall {
            received,
            incoming,
            handles: incoming.handles.map(Handle),
            handle_count,
        }
    }

    /// Takes the handles that came along, so that they are not closed after the call.
    pub fn take_handles(&mut self) -> [Handle; MAX_HANDLES] {
        self.handle_count = 0;
        core::mem::replace(&mut self.handles, [Handle::NONE; MAX_HANDLES])
    }

    /// Takes the only handle that came along.
    pub fn take_handle(&mut self) -> Handle {
        self.take_handles()[0]
    }
}

impl Drop for ServerCall {
    fn drop(&mut self) {
        for handle in &self.handles[..self.handle_count] {
            let _ = safe::handle_close(*handle);
        }
    }
}

impl Call for ServerCall {
    fn badge(&self) -> u64 {
        self.received.badge
    }
    fn label(&self) -> u64 {
        self.received.label
    }
    fn token(&self) -> u64 {
        self.received.token
    }
    fn number(&self) -> u64 {
        self.received.number
    }
    fn redelivered(&self) -> bool {
        self.received.status & flags::REDELIVERED != 0
    }
    fn words(&self) -> [u64; WORDS] {
        self.received.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        let present = index < self.incoming.buffer_count as usize;
        let length = *self.incoming.buffer_lengths.get(index)?;
        let writable = self.incoming.buffer_flags.get(index)? & buffer_flags::OUT != 0;
        present.then_some((length, writable))
    }
    fn handles(&self) -> &[Handle] {
        &self.handles[..self.handle_count]
    }
    fn identity(&self) -> Result<Identity, Error> {
        let mut bytes = [0; Identity::SIZE];
        let count = safe::message_identity(self.received.token, &mut bytes)?;
        Identity::decode(&bytes[..count.min(Identity::SIZE)]).ok_or(Error::BadMessage)
    }
    fn read(&self, input: Input, offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        Ok(safe::message_read(
            self.received.token,
            input.index as u64,
            offset,
            bytes,
        )?)
    }
    fn write(&self, output: Output, offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        Ok(safe::message_write(
            self.received.token,
            output.index as u64,
            offset,
            bytes,
        )?)
    }
}

/// A reply's words and handles. Handles are moved: the server's copies close.
fn encode(result: &Result<Answer, Error>) -> (Words, Option<ReplyTransfer>) {
    match result {
        Err(error) => ([(-(*error as i64)) as u64, 0, 0, 0, 0, 0], None),
        Ok(answer) if answer.handle_count == 0 => (answer.words, None),
        Ok(answer) => {
            let send = answer.handles.map(|handle| handle.0);
            let flags = handle_flags::MOVE as u32;
            let send_count = answer.handle_count as u32;
            (
                answer.words,
                Some(ReplyTransfer {
                    send,
                    send_count,
                    flags,
                }),
            )
        }
    }
}

/// Answers a call whose token was kept. A caller that is gone is not an error.
pub fn reply(token: u64, result: Result<Answer, Error>) {
    let (words, transfer) = encode(&result);
    let _ = message::reply(token, words, transfer.as_ref());
}

/// Receives and serves for ever.
pub fn serve(endpoint: Handle, service: &mut impl Service) -> ! {
    request::listen(endpoint);
    let mut incoming = Incoming::default();
    // The answer to the last call goes out with the next receive: one kernel entry a call.
    let mut pending: (u64, Words, Option<ReplyTransfer>) = (0, [0; WORDS], None);
    loop {
        let (token, words, transfer) = core::mem::replace(&mut pending, (0, [0; WORDS], None));
        match message::reply_receive(token, words, transfer.as_ref(), endpoint, &mut incoming) {
            Ok(received) => {
                if let Some(answer) = handle(service, endpoint, received, &incoming) {
                    pending = answer;
                }
            }
            Err(kernel_abi::Error::Interrupted) => {}
            Err(error) => {
                crate::log!("cannot receive: {}", error.name());
                safe::process_exit(crate::PANIC_STATUS);
            }
        }
    }
}

fn handle(
    service: &mut impl Service,
    endpoint: Handle,
    received: Received,
    incoming: &Incoming,
) -> Option<(u64, Words, Option<ReplyTransfer>)> {
    match received.status & 0xff {
        kind::CALL => {
            let mut call = ServerCall::new(received, *incoming);
            let result = match service.call(&mut call) {
                Ok(Outcome::Later | Outcome::Forwarded) => return None,
                Ok(Outcome::Answer(answer)) => Ok(answer),
                // The kernel's short way of answering does not look for it.
                Err(Error::Restart) => {
                    reply(received.token, Err(Error::Restart));
                    return None;
                }
                Err(error) => Err(error),
            };
            let (words, transfer) = encode(&result);
            return Some((received.token, words, transfer));
        }
        kind::SESSION_CLOSED => service.closed(received.badge),
        kind::CANCELLED => service.cancelled(received.token),
        kind::SIGNAL if received.words[0] == request::COOKIE => {
            request::answer(endpoint, Signals(received.words[1] as u32));
        }
        kind::SIGNAL => service.signalled(received.words[0], Signals(received.words[1] as u32)),
        kind::PAGE_REQUEST => {
            let [offset, length, write, ..] = received.words;
            service.page_request(received.badge, offset, length, write != 0);
        }
        kind::EXCEPTION => service.exception(received.badge, received.token, &incoming.fault),
        other => crate::log!("unknown kind of message {other}"),
    }
    None
}
