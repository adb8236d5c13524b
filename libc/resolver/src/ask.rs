//! Asking name servers: datagrams to all of them, again when no answer comes, TCP for what does not
//! fit (RFC 1035, section 4.2).

use crate::configuration::Configuration;
use crate::message::{Answer, code};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

/// The port of name servers.
pub const PORT: u16 = 53;
/// Longest datagram that is looked at.
pub const MAX_DATAGRAM: usize = 4096;
/// A server that could not find out is asked so many times more in each attempt.
const SECOND_CHANCES: u8 = 1;

/// The way to the name servers, and time.
pub trait Wire {
    /// Milliseconds since any moment in the past.
    fn now_ms(&mut self) -> u64;

    /// A number that nobody can guess.
    fn random(&mut self) -> u16;

    /// Sends a datagram. One that cannot be sent is as good as lost.
    fn send(&mut self, server: &SocketAddr, message: &[u8]);

    /// Waits until then for a datagram: its length and sender.
    fn receive(&mut self, buffer: &mut [u8], until_ms: u64) -> Option<(usize, SocketAddr)>;

    /// Sends a query by TCP and waits until then for the answer.
    fn exchange(&mut self, server: &SocketAddr, query: &[u8], until_ms: u64) -> Option<Vec<u8>>;
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// None came in time, or every server could not find out: another time it may come.
    Temporary,
    /// Every server refused.
    Refused,
}

/// How far a query has got.
struct State<'a> {
    query: &'a [u8],
    answer: Option<Vec<u8>>,
    /// For each server: how often it could not find out in this attempt.
    failures: Vec<u8>,
    /// For each server: whether it is of no use for this query.
    useless: Vec<bool>,
    refused: usize,
}

impl<'a> State<'a> {
    fn new(query: &'a [u8], servers: usize) -> State<'a> {
        State {
            query,
            answer: None,
            failures: alloc::vec![0; servers],
            useless: alloc::vec![false; servers],
            refused: 0,
        }
    }

    fn is_settled(&self) -> bool {
        self.answer.is_some() || self.useless.iter().all(|useless| *useless)
    }

    fn result(self) -> Result<Vec<u8>, Failure> {
        let all_refused = self.refused == self.useless.len();
        let failure = if all_refused {
            Failure::Refused
        } else {
            Failure::Temporary
        };
        self.answer.ok_or(failure)
    }
}

/// What is to be done after a datagram.
enum Next {
    /// It was for no query, or nothing is left to do.
    Nothing,
    /// Ask this server once more.
    Again,
    /// Ask this server by TCP.
    ByTcp,
}

/// Asks all servers several queries at once; answers each with a message that
/// [`Answer::new`] takes for its answer, with the codes `NO_ERROR` and `NO_NAME` only.
pub fn ask(
    wire: &mut dyn Wire,
    configuration: &Configuration,
    queries: &[Vec<u8>],
) -> Vec<Result<Vec<u8>, Failure>> {
    let servers: Vec<SocketAddr> = (configuration.servers().iter())
        .map(|server| with_port(server.address, server.scope))
        .collect();
    let mut states: Vec<State<'_>> = queries
        .iter()
        .map(|query| State::new(query, servers.len()))
        .collect();
    let interval_ms = configuration.timeout_ms / configuration.attempts.max(1);
    let mut buffer = alloc::vec![0; MAX_DATAGRAM];
    for _ in 0..configuration.attempts {
        if states.iter().all(State::is_settled) {
            break;
        }
        for state in &mut states {
            state.failures.fill(0);
            send_to_all(wire, &servers, state);
        }
        let until_ms = wire.now_ms().saturating_add(interval_ms);
        listen(wire, &servers, &mut states, &mut buffer, until_ms);
    }
    states.into_iter().map(State::result).collect()
}

fn with_port(address: IpAddr, scope: u32) -> SocketAddr {
    let mut whole = SocketAddr::new(address, PORT);
    if let SocketAddr::V6(six) = &mut whole {
        six.set_scope_id(scope);
    }
    whole
}

fn send_to_all(wire: &mut dyn Wire, servers: &[SocketAddr], state: &State<'_>) {
    if state.answer.is_some() {
        return;
    }
    for (server, useless) in servers.iter().zip(&state.useless) {
        if !useless {
            wire.send(server, state.query);
        }
    }
}

/// Takes in answers until every query is settled or time is up.
fn listen(
    wire: &mut dyn Wire,
    servers: &[SocketAddr],
    states: &mut [State<'_>],
    buffer: &mut [u8],
    until_ms: u64,
) {
    // A flood of datagrams must not keep this going.
    while !states.iter().all(State::is_settled) && wire.now_ms() < until_ms {
        let Some((length, from)) = wire.receive(buffer, until_ms) else {
            return;
        };
        let message = buffer.get(..length).unwrap_or_default();
        // Others than who was asked may send anything.
        let sender = servers.iter().position(|server| is_same(server, &from));
        let Some((index, server)) = sender.and_then(|index| Some((index, servers.get(index)?)))
        else {
            continue;
        };
        for state in states.iter_mut().filter(|state| !state.is_settled()) {
            match take(state, index, message) {
                Next::Nothing => {}
                Next::Again => wire.send(server, state.query),
                Next::ByTcp => by_tcp(wire, server, state, message, until_ms),
            }
        }
    }
}

/// Whether two ends are the same; where an address holds on one link only, that link is the socket's
/// business.
fn is_same(first: &SocketAddr, second: &SocketAddr) -> bool {
    (first.ip(), first.port()) == (second.ip(), second.port())
}

fn take(state: &mut State<'_>, server: usize, message: &[u8]) -> Next {
    let Some(answer) = Answer::new(message, state.query) else {
        return Next::Nothing;
    };
    let (Some(failures), Some(useless)) = (
        state.failures.get_mut(server),
        state.useless.get_mut(server),
    ) else {
        return Next::Nothing;
    };
    if *useless {
        return Next::Nothing;
    }
    match answer.code() {
        code::NO_ERROR | code::NO_NAME if answer.is_truncated() => return Next::ByTcp,
        code::NO_ERROR | code::NO_NAME => state.answer = Some(Vec::from(message)),
        code::SERVER_FAILURE if *failures < SECOND_CHANCES => {
            *failures += 1;
            return Next::Again;
        }
        code::SERVER_FAILURE => *useless = true,
        _ => {
            *useless = true;
            state.refused += 1;
        }
    }
    Next::Nothing
}

/// Gets the whole of an answer that was cut; what there is of it must do if that fails.
fn by_tcp(
    wire: &mut dyn Wire,
    server: &SocketAddr,
    state: &mut State<'_>,
    cut: &[u8],
    until_ms: u64,
) {
    let whole = wire.exchange(server, state.query, until_ms);
    let is_good = |message: &Vec<u8>| {
        Answer::new(message, state.query)
            .is_some_and(|answer| matches!(answer.code(), code::NO_ERROR | code::NO_NAME))
    };
    state.answer = Some(whole.filter(is_good).unwrap_or_else(|| Vec::from(cut)));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::message::kind;
    use crate::message::tests::{Builder, question};
    use proptest::prelude::*;
    use std::boxed::Box;
    use std::collections::VecDeque;
    use std::vec;

    /// What a pretended network does with each datagram that is sent: the datagrams that come back.
    type Behaviour = Box<dyn FnMut(&SocketAddr, &[u8]) -> Vec<(Vec<u8>, SocketAddr)>>;

    /// A network whose time passes only while someone waits.
    pub struct Network {
        pub now_ms: u64,
        pub sent: Vec<(SocketAddr, Vec<u8>)>,
        pub exchanged: usize,
        waiting: VecDeque<(Vec<u8>, SocketAddr)>,
        behaviour: Behaviour,
        whole: Option<Vec<u8>>,
        next_id: u16,
    }

    impl Network {
        pub fn new(
            behaviour: impl FnMut(&SocketAddr, &[u8]) -> Vec<(Vec<u8>, SocketAddr)> + 'static,
        ) -> Network {
            Network {
                now_ms: 1000,
                sent: Vec::new(),
                exchanged: 0,
                waiting: VecDeque::new(),
                behaviour: Box::new(behaviour),
                whole: None,
                next_id: 0x4321,
            }
        }
    }

    impl Wire for Network {
        fn now_ms(&mut self) -> u64 {
            self.now_ms
        }

        fn random(&mut self) -> u16 {
            self.next_id = self.next_id.wrapping_mul(31).wrapping_add(7);
            self.next_id
        }

        fn send(&mut self, server: &SocketAddr, message: &[u8]) {
            self.sent.push((*server, message.to_vec()));
            self.waiting.extend((self.behaviour)(server, message));
        }

        fn receive(&mut self, buffer: &mut [u8], until_ms: u64) -> Option<(usize, SocketAddr)> {
            match self.waiting.pop_front() {
                Some((message, from)) => {
                    self.now_ms += 1;
                    let length = message.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&message[..length]);
                    Some((length, from))
                }
                None => {
                    self.now_ms = self.now_ms.max(until_ms);
                    None
                }
            }
        }

        fn exchange(&mut self, _: &SocketAddr, _: &[u8], _: u64) -> Option<Vec<u8>> {
            self.exchanged += 1;
            self.whole.clone()
        }
    }

    pub fn configured(servers: &[&str]) -> Configuration {
        let mut configuration = Configuration::default();
        for server in servers {
            configuration.line(std::format!("nameserver {server}").as_bytes(), &mut |_| {
                None
            });
        }
        configuration
    }

    fn good(query: &[u8]) -> Vec<u8> {
        Builder::new(query)
            .record("a.example", kind::A, &[1, 2, 3, 4])
            .build()
    }

    fn ask_one(network: &mut Network, servers: &[&str]) -> Result<Vec<u8>, Failure> {
        let query = question("a.example", kind::A);
        ask(network, &configured(servers), &[query]).pop().unwrap()
    }

    #[test]
    fn the_first_answer_of_any_server_is_taken() {
        let mut network = Network::new(|server, query| {
            if server.ip().to_string_is("10.0.0.2") {
                vec![(good(query), *server)]
            } else {
                vec![]
            }
        });
        let query = question("a.example", kind::A);
        assert_eq!(
            ask_one(&mut network, &["10.0.0.1", "10.0.0.2"]),
            Ok(good(&query))
        );
        assert_eq!(network.sent.len(), 2);
    }

    trait IsText {
        fn to_string_is(&self, text: &str) -> bool;
    }
    impl IsText for IpAddr {
        fn to_string_is(&self, text: &str) -> bool {
            std::string::ToString::to_string(self) == text
        }
    }

    #[test]
    fn a_lost_datagram_is_sent_again_and_silence_ends_in_time() {
        let mut count = 0;
        let mut network = Network::new(move |server, query| {
            count += 1;
            if count == 2 {
                vec![(good(query), *server)]
            } else {
                vec![]
            }
        });
        assert!(ask_one(&mut network, &["10.0.0.1"]).is_ok());
        assert_eq!((network.sent.len(), network.now_ms), (2, 1000 + 2500 + 1));
        let mut silent = Network::new(|_, _| vec![]);
        assert_eq!(ask_one(&mut silent, &["10.0.0.1"]), Err(Failure::Temporary));
        assert_eq!(silent.now_ms, 1000 + 5000);
    }

    #[test]
    fn an_answer_from_another_address_or_port_is_not_looked_at() {
        let mut network = Network::new(|server, query| {
            let other_port = SocketAddr::new(server.ip(), 5353);
            let other_host = SocketAddr::new("10.0.0.9".parse().unwrap(), PORT);
            let bad = Builder::new(query)
                .record("a.example", kind::A, &[6, 6, 6, 6])
                .build();
            vec![
                (bad.clone(), other_port),
                (bad, other_host),
                (good(query), *server),
            ]
        });
        let query = question("a.example", kind::A);
        assert_eq!(ask_one(&mut network, &["10.0.0.1"]), Ok(good(&query)));
    }

    #[test]
    fn an_answer_with_a_wrong_id_is_not_looked_at() {
        let mut network = Network::new(|server, query| {
            let mut bad = good(query);
            bad[0] ^= 1;
            vec![(bad, *server), (good(query), *server)]
        });
        let query = question("a.example", kind::A);
        assert_eq!(ask_one(&mut network, &["10.0.0.1"]), Ok(good(&query)));
    }

    #[test]
    fn a_server_that_fails_gets_a_second_chance_and_another_is_waited_for() {
        let mut network = Network::new(|server, query| {
            let failed = Builder::new(query).code(code::SERVER_FAILURE).build();
            vec![(failed, *server)]
        });
        assert_eq!(
            ask_one(&mut network, &["10.0.0.1"]),
            Err(Failure::Temporary)
        );
        // It was asked twice, and then there was nobody left to wait for.
        assert_eq!(network.sent.len(), 2);
        assert!(network.now_ms < 1100);
        let mut second = Network::new(|server, query| {
            let failed = Builder::new(query).code(code::SERVER_FAILURE).build();
            let message = if server.ip().to_string_is("10.0.0.1") {
                failed
            } else {
                good(query)
            };
            vec![(message, *server)]
        });
        assert!(ask_one(&mut second, &["10.0.0.1", "10.0.0.2"]).is_ok());
    }

    #[test]
    fn when_all_refuse_the_failure_says_so() {
        let mut network =
            Network::new(|server, query| vec![(Builder::new(query).code(5).build(), *server)]);
        assert_eq!(
            ask_one(&mut network, &["10.0.0.1", "10.0.0.2"]),
            Err(Failure::Refused)
        );
    }

    #[test]
    fn what_does_not_fit_is_fetched_by_tcp() {
        let cut = |query: &[u8]| Builder::new(query).truncated().build();
        let mut network = Network::new(move |server, query| vec![(cut(query), *server)]);
        let query = question("a.example", kind::A);
        network.whole = Some(good(&query));
        assert_eq!(ask_one(&mut network, &["10.0.0.1"]), Ok(good(&query)));
        network.whole = None;
        assert_eq!(ask_one(&mut network, &["10.0.0.1"]), Ok(cut(&query)));
        network.whole = Some(b"nonsense".to_vec());
        assert_eq!(ask_one(&mut network, &["10.0.0.1"]), Ok(cut(&query)));
        assert_eq!(network.exchanged, 3);
    }

    #[test]
    fn queries_travel_side_by_side_and_answers_may_come_in_any_order() {
        let mut held = vec![];
        let mut network = Network::new(move |server, query| {
            held.insert(0, (good(query), *server));
            if held.len() == 2 {
                core::mem::take(&mut held)
            } else {
                vec![]
            }
        });
        let mut queries = [
            question("a.example", kind::A),
            question("a.example", kind::AAAA),
        ];
        queries[1][1] ^= 0xff;
        let answers = ask(&mut network, &configured(&["10.0.0.1"]), &queries);
        for (query, answer) in queries.iter().zip(&answers) {
            assert!(Answer::new(answer.as_ref().unwrap(), query).is_some());
        }
        assert_eq!(network.sent.len(), 2);
    }

    #[test]
    fn a_flood_of_foreign_datagrams_does_not_keep_it_going() {
        let mut network = Network::new(|_, _| {
            let from = SocketAddr::new("10.9.9.9".parse().unwrap(), PORT);
            vec![(vec![0; 20], from); 100_000]
        });
        assert_eq!(
            ask_one(&mut network, &["10.0.0.1"]),
            Err(Failure::Temporary)
        );
        assert!(network.now_ms <= 1000 + 5001);
    }

    proptest! {
        #[test]
        fn whatever_servers_send_the_answer_fits_the_query(
            messages in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..80), any::<bool>(), 0u8..32), 0..12)
        ) {
            let mut network = Network::new(move |server, query| {
                let make = |(tail, is_prefixed, flags): &(Vec<u8>, bool, u8)| {
                    let mut message = if *is_prefixed { good(query) } else { vec![] };
                    if *is_prefixed {
                        message[3] = flags & 0xf;
                        message[2] |= (flags >> 4) << 1;
                    }
                    message.extend(tail);
                    (message, *server)
                };
                messages.iter().map(make).collect()
            });
            let query = question("a.example", kind::A);
            if let Ok(message) = ask_one(&mut network, &["10.0.0.1"]) {
                prop_assert!(Answer::new(&message, &query).is_some());
            }
            prop_assert!(network.now_ms <= 1000 + 5001);
        }
    }
}
