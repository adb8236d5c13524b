//! What the supervisor asks of a server: signals on the server's session with it, which the
//! runtime hears (`servers/rt`) and servers do not.

use kernel_abi::Signals;

/// Say that you serve: answered by `supervisor::ready`.
pub const HEARTBEAT: Signals = Signals(Signals::USER_0.0);
/// End between two calls: another program goes on.
pub const STOP: Signals = Signals(Signals::USER_0.0 << 1);
/// Everything that may be asked.
pub const ALL: Signals = Signals(Signals::USER_0.0 * 0x3ff);

/// Ways for a server to go wrong, which operators ask for to see what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// A panic.
    Panic,
    /// An exit without a reason.
    Exit,
    /// A read where nothing is mapped.
    BadAddress,
    /// An instruction that does not exist.
    BadInstruction,
    /// Recursion without an end.
    StackOverflow,
    /// Memory that is taken and never given back, to the server's limit.
    Leak,
    /// A loop that serves no more.
    Hang,
}

impl Crash {
    /// All, in the order of their signals.
    pub const ALL: [Crash; 7] = [
        Crash::Panic,
        Crash::Exit,
        Crash::BadAddress,
        Crash::BadInstruction,
        Crash::StackOverflow,
        Crash::Leak,
        Crash::Hang,
    ];

    /// What operators call it.
    pub fn name(self) -> &'static str {
        match self {
            Crash::Panic => "panic",
            Crash::Exit => "exit",
            Crash::BadAddress => "bad-address",
            Crash::BadInstruction => "bad-instruction",
            Crash::StackOverflow => "stack-overflow",
            Crash::Leak => "leak",
            Crash::Hang => "hang",
        }
    }

    /// The one of this name.
    pub fn of_name(name: &[u8]) -> Option<Crash> {
        Crash::ALL
            .into_iter()
            .find(|kind| kind.name().as_bytes() == name)
    }

    /// The signal that asks for it.
    pub fn signal(self) -> Signals {
        Signals(Signals::USER_0.0 << (2 + self as u32))
    }

    /// What signals ask for.
    pub fn of_signals(signals: Signals) -> Option<Crash> {
        Crash::ALL
            .into_iter()
            .find(|kind| !signals.and(kind.signal()).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_a_signal_of_its_own() {
        let mut seen = HEARTBEAT.or(STOP);
        for kind in Crash::ALL {
            assert!(seen.and(kind.signal()).is_empty(), "{}", kind.name());
            seen = seen.or(kind.signal());
            assert_eq!(Crash::of_signals(kind.signal()), Some(kind));
            assert_eq!(Crash::of_name(kind.name().as_bytes()), Some(kind));
        }
        assert_eq!(seen.and(ALL), seen);
        assert_eq!(Crash::of_signals(HEARTBEAT), None);
        assert_eq!(Crash::of_name(b"earthquake"), None);
    }
}
