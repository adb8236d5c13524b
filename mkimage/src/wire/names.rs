//! The peer's name server: a few names in `test.`, and answers such as resolvers should not trust.

/// What is sent back for a query: messages, each perhaps from a port that was not asked.
pub struct Reply {
    /// The message.
    pub message: Vec<u8>,
    /// Whether it is sent from another port than 53.
    pub is_spoofed: bool,
}

const A: u16 = 1;
const CNAME: u16 = 5;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const NO_SUCH_NAME: u8 = 3;
const TRUNCATED: u8 = 2;
/// The name of the question, as a pointer.
const ASKED: [u8; 2] = [0xc0, 12];
/// Length of a header.
const HEADER: usize = 12;
/// The peer's addresses.
const HOST: [u8; 4] = [10, 9, 0, 1];
const HOST_6: [u8; 16] = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// So many addresses do not fit into a datagram.
const MANY: u8 = 40;

/// What a query asks for: the name as text, the type, and where the question ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let mut name = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(query.get(at..at + length)?);
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    let text = String::from_utf8(name).ok()?.to_ascii_lowercase();
    query.get(at + 2..at + 4)?;
    Some((text, kind, at + 4))
}

struct Answer {
    message: Vec<u8>,
}

impl Answer {
    fn new(query: &[u8], end: usize) -> Answer {
        let mut message = query[..end].to_vec();
        message[2] = 0x85;
        message[3] = 0x80;
        message[6..HEADER].fill(0);
        Answer { message }
    }

    fn record(&mut self, name: &[u8], kind: u16, data: &[u8]) {
        self.message[7] += 1;
        self.message.extend_from_slice(name);
        self.message.extend_from_slice(&kind.to_be_bytes());
        self.message.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        self.message
            .extend_from_slice(&(data.len() as u16).to_be_bytes());
        self.message.extend_from_slice(data);
    }

    fn address(&mut self, kind: u16) {
        match kind {
            A => self.record(&ASKED, A, &HOST),
            AAAA => self.record(&ASKED, AAAA, &HOST_6),
            _ => {}
        }
    }

    fn sent(self) -> Reply {
        Reply {
            message: self.message,
            is_spoofed: false,
        }
    }
}

/// Answers a query, by TCP or not; `count` is how many queries there have been before. Nothing for
/// what is no query.
pub fn answers(query: &[u8], by_tcp: bool, count: u64) -> Vec<Reply> {
    let Some((name, kind, end)) = question(query) else {
        return Vec::new();
    };
    let mut answer = Answer::new(query, end);
    match name.as_str() {
        "host.test" => answer.address(kind),
        "four.test" if kind == A => answer.address(A),
        "four.test" => {}
        "alias.test" => {
            answer.record(&ASKED, CNAME, b"\x04host\x04test\0");
            if kind == A {
                answer.record(b"\x04host\x04test\0", A, &HOST);
            }
        }
        "many.test" if by_tcp && kind == A => {
            (1..=MANY).for_each(|last| answer.record(&ASKED, A, &[10, 9, 1, last]))
        }
        "many.test" if kind == A => answer.message[2] |= TRUNCATED,
        "many.test" => {}
        // Of the queries for this name every second is lost.
        "lossy.test" if count.is_multiple_of(2) => return Vec::new(),
        "lossy.test" => answer.address(kind),
        "spoofed.test" => return spoofed(query, end, kind),
        "loop.test" => answer.record(&ASKED, CNAME, &ASKED),
        "1.0.9.10.in-addr.arpa" if kind == PTR => answer.record(&ASKED, PTR, b"\x04host\x04test\0"),
        _ => answer.message[3] |= NO_SUCH_NAME,
    }
    vec![answer.sent()]
}

/// The right answer behind wrong ones: of another number, from another port, cut short.
fn spoofed(query: &[u8], end: usize, kind: u16) -> Vec<Reply> {
    let forged = || {
        let mut answer = Answer::new(query, end);
        answer.record(&ASKED, A, &[6, 6, 6, 6]);
        answer.sent()
    };
    let mut other_number = forged();
    other_number.message[0] ^= 0x5a;
    let mut other_port = forged();
    other_port.is_spoofed = true;
    let mut cut = forged();
    cut.message.truncate(end + 7);
    let mut right = Answer::new(query, end);
    right.address(kind);
    vec![other_number, other_port, cut, right.sent()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut message = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        message
    }

    #[test]
    fn a_name_has_its_address() {
        let replies = answers(&query("HOST.test", A), false, 0);
        assert_eq!(replies.len(), 1);
        assert!(replies[0].message.ends_with(&HOST));
        assert_eq!(replies[0].message[7], 1);
    }

    #[test]
    fn other_names_are_not_there() {
        assert_eq!(
            answers(&query("other.test", A), false, 0)[0].message[3] & 0xf,
            NO_SUCH_NAME
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_and_whole_by_tcp() {
        assert_eq!(
            answers(&query("many.test", A), false, 0)[0].message[2] & TRUNCATED,
            TRUNCATED
        );
        assert_eq!(answers(&query("many.test", A), true, 0)[0].message[7], MANY);
    }

    #[test]
    fn what_is_no_query_has_no_answer() {
        let whole = query("host.test", A);
        for length in 0..whole.len() {
            assert!(answers(&whole[..length], false, 0).is_empty());
        }
    }
}
