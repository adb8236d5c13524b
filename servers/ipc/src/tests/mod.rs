//! Tests over a loopback: calls as the C library makes them, on a kernel that is made up.

mod kernel;
mod objects;
mod queues;
mod surviving;

use std::cell::RefCell;
use std::rc::Rc;

use kernel_abi::Handle;
use kernel_abi::message::WORDS;
use proto::types::MAX_GROUPS;
use proto::{Answer, Call, Credentials, Error, Identity, Input, Outcome, Output};

use crate::Server;
use kernel::{FakeKernel, World};

/// A server and the world that it is in.
pub struct Harness {
    pub server: Server<FakeKernel>,
    pub world: Rc<RefCell<World>>,
    calls: u64,
}

/// Who calls.
#[derive(Clone, Copy)]
pub struct Client {
    pub process: u64,
    pub user: u32,
    pub badge: u64,
}

/// A call: words, then what is lent.
#[derive(Clone, Default)]
pub struct Request {
    pub words: Vec<u64>,
    pub input: Option<Vec<u8>>,
    pub output: Option<usize>,
}

/// A call under way.
struct Loopback {
    client: Client,
    token: u64,
    number: u64,
    redelivered: bool,
    words: [u64; WORDS],
    input: Option<Vec<u8>>,
    output: Option<usize>,
    world: Rc<RefCell<World>>,
}

impl Call for Loopback {
    fn badge(&self) -> u64 {
        self.client.badge
    }
    fn label(&self) -> u64 {
        self.client.process
    }
    fn token(&self) -> u64 {
        self.token
    }
    fn number(&self) -> u64 {
        self.number
    }
    fn redelivered(&self) -> bool {
        self.redelivered
    }
    fn words(&self) -> [u64; WORDS] {
        self.words
    }
    fn buffer(&self, index: usize) -> Option<(u64, bool)> {
        let input = self.input.as_ref().map(|bytes| (bytes.len() as u64, false));
        let output = self.output.map(|length| (length as u64, true));
        [input, output].into_iter().flatten().nth(index)
    }
    fn handles(&self) -> &[Handle] {
        &[]
    }
    fn identity(&self) -> Result<Identity, Error> {
        let user = self.client.user;
        Ok(Identity {
            process: self.client.process,
            parent: 1,
            group: 1,
            session: 1,
            real_user: user,
            saved_user: user,
            real_group: user,
            saved_group: user,
            credentials: Credentials {
                user,
                group: user,
                group_count: 0,
                umask: 0,
                groups: [0; MAX_GROUPS],
            },
            terminal: 0,
            flags: 0,
        })
    }
    fn read(&self, _input: Input, _offset: u64, bytes: &mut [u8]) -> Result<usize, Error> {
        let source = self.input.as_ref().ok_or(Error::BadAddress)?;
        bytes.copy_from_slice(&source[..bytes.len()]);
        Ok(bytes.len())
    }
    fn write(&self, _output: Output, _offset: u64, bytes: &[u8]) -> Result<usize, Error> {
        let mut world = self.world.borrow_mut();
        world.written.insert(self.token, bytes.to_vec());
        Ok(bytes.len())
    }
}

impl Harness {
    pub fn new() -> Harness {
        let world = Rc::new(RefCell::new(World::default()));
        Harness {
            server: Server::new(FakeKernel(world.clone())),
            world,
            calls: 0,
        }
    }

    /// The next instance of the server.
    pub fn restart(&mut self) {
        self.server = Server::new(FakeKernel(self.world.clone()));
    }

    /// A client with a session of the device.
    pub fn client(&mut self, process: u64, user: u32) -> Client {
        let opener = Client {
            process: 0,
            user: 0,
            badge: 1,
        };
        let words = vec![proto::device::number::open, 240, 2];
        let input = Some(Vec::new());
        let request = Request {
            words,
            input,
            output: None,
        };
        self.call(opener, &request)
            .expect("opened")
            .expect("at once");
        let badge = self.world.borrow().last_session;
        Client {
            process,
            user,
            badge,
        }
    }

    /// Makes a call: its answer, or `None` while it waits.
    pub fn call(&mut self, client: Client, request: &Request) -> Option<Result<Answer, Error>> {
        self.calls += 1;
        let number = self.calls;
        self.deliver(client, request, number, false)
    }

    /// Number and token of the last call.
    pub fn last_call(&self) -> u64 {
        self.calls
    }

    /// Delivers a call, for the second time perhaps.
    pub fn deliver(
        &mut self,
        client: Client,
        request: &Request,
        number: u64,
        redelivered: bool,
    ) -> Option<Result<Answer, Error>> {
        let mut words = [0; WORDS];
        words[..request.words.len()].copy_from_slice(&request.words);
        if let Some(input) = &request.input {
            self.world.borrow_mut().lent.insert(number, input.clone());
        }
        let mut call = Loopback {
            client,
            token: number,
            number,
            redelivered,
            words,
            input: request.input.clone(),
            output: request.output,
            world: self.world.clone(),
        };
        match self.server.serve(&mut call) {
            Ok(Outcome::Answer(answer)) => Some(Ok(answer)),
            Ok(_) => self.answer_to(number),
            Err(error) => Some(Err(error)),
        }
    }

    /// The answer that a kept call has got.
    pub fn answer_to(&self, number: u64) -> Option<Result<Answer, Error>> {
        self.world.borrow_mut().replies.remove(&number)
    }

    /// What was written for a call.
    pub fn written(&self, number: u64) -> Vec<u8> {
        self.world
            .borrow()
            .written
            .get(&number)
            .cloned()
            .unwrap_or_default()
    }
}

/// A call's value.
pub fn value(answer: Option<Result<Answer, Error>>) -> u64 {
    answer.expect("at once").expect("answered").words[0]
}

/// A call's error.
pub fn error(answer: Option<Result<Answer, Error>>) -> Error {
    answer.expect("at once").expect_err("refused")
}
