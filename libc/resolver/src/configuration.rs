//! `/etc/resolv.conf`: which name servers are asked, and how.

use crate::address::{self, ScopedAddress};
use crate::tables::words;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

/// So many name servers are asked.
pub const MAX_SERVERS: usize = 3;
/// So many domains are tried (`MAXDNSRCH`).
pub const MAX_DOMAINS: usize = 6;
/// Longest domain that is kept.
const MAX_DOMAIN: usize = 253;

/// What the file says.
#[derive(Clone, Debug)]
pub struct Configuration {
    servers: Vec<ScopedAddress>,
    /// Domains that a name may be completed with, in the order they are tried.
    pub domains: Vec<Vec<u8>>,
    /// A name with fewer dots is tried with the domains first.
    pub dots: usize,
    /// For all attempts together.
    pub timeout_ms: u64,
    /// How often a query is sent.
    pub attempts: u64,
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration {
            servers: Vec::new(),
            domains: Vec::new(),
            dots: 1,
            timeout_ms: 5000,
            attempts: 2,
        }
    }
}

impl Configuration {
    /// Takes in a line; one that says nothing known is no error. `index` tells an interface's number.
    pub fn line(&mut self, line: &[u8], index: &mut dyn FnMut(&[u8]) -> Option<u32>) {
        // A semicolon makes a comment where a line begins only.
        if line.first() == Some(&b';') {
            return;
        }
        let mut words = words(line);
        match words.next() {
            Some(b"nameserver") => {
                let found = words.next().and_then(|word| address::parse(word, index));
                if let Some(server) = found.filter(|_| self.servers.len() < MAX_SERVERS) {
                    self.servers.push(server);
                }
            }
            // The last of these lines holds.
            Some(b"search" | b"domain") => {
                let fits = |word: &&[u8]| word.len() <= MAX_DOMAIN;
                self.domains = words
                    .filter(fits)
                    .take(MAX_DOMAINS)
                    .map(Vec::from)
                    .collect();
            }
            Some(b"options") => words.for_each(|option| self.option(option)),
            _ => {}
        }
    }

    fn option(&mut self, option: &[u8]) {
        let value = |name: &[u8], most: u64| {
            let digits = core::str::from_utf8(option.strip_prefix(name)?).ok()?;
            digits.parse::<u64>().ok().map(|value| value.min(most))
        };
        if let Some(dots) = value(b"ndots:", 15) {
            self.dots = dots as usize;
        } else if let Some(seconds) = value(b"timeout:", 60) {
            self.timeout_ms = seconds.max(1) * 1000;
        } else if let Some(attempts) = value(b"attempts:", 10) {
            self.attempts = attempts.max(1);
        }
    }

    /// The name servers' addresses; this machine's own if none is named.
    pub fn servers(&self) -> &[ScopedAddress] {
        const OWN: &[ScopedAddress] = &[ScopedAddress {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            scope: 0,
        }];
        if self.servers.is_empty() {
            OWN
        } else {
            &self.servers
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    fn read(text: &[u8]) -> Configuration {
        let mut configuration = Configuration::default();
        for line in text.split(|byte| *byte == b'\n') {
            configuration.line(line, &mut |name| (name == b"eth0").then_some(2));
        }
        configuration
    }

    #[test]
    fn a_file_says_servers_domains_and_options() {
        let found = read(
            b"# comment\n; comment\nnameserver 10.0.2.3\nnameserver fe80::1%eth0 # ours\nnameserver nonsense\n\
              domain old.example\nsearch a.example b.example\noptions ndots:2 timeout:3 attempts:4 rotate\n",
        );
        let addresses: Vec<_> = found
            .servers()
            .iter()
            .map(|server| server.address.to_string())
            .collect();
        assert_eq!(addresses, ["10.0.2.3", "fe80::1"]);
        assert_eq!(found.servers()[1].scope, 2);
        assert_eq!(found.domains, [&b"a.example"[..], b"b.example"]);
        assert_eq!((found.dots, found.timeout_ms, found.attempts), (2, 3000, 4));
    }

    #[test]
    fn without_a_server_this_machine_is_asked() {
        assert_eq!(read(b"").servers()[0].address.to_string(), "127.0.0.1");
    }

    #[test]
    fn what_is_too_much_is_cut() {
        let found = read(
            b"nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\n\
              search a b c d e f g h\noptions ndots:99 timeout:0 attempts:0\noptions timeout:x ndots:\n",
        );
        assert_eq!((found.servers().len(), found.domains.len()), (3, 6));
        assert_eq!(
            (found.dots, found.timeout_ms, found.attempts),
            (15, 1000, 1)
        );
    }

    proptest! {
        #[test]
        fn any_file_is_read(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let found = read(&text);
            prop_assert!(found.attempts >= 1 && found.timeout_ms >= 1000);
        }
    }
}
