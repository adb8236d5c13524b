//! Everything that can be called, from the tables of the contract and of the interfaces: what is
//! added there is fuzzed without being named here.

use kernel_abi::Call;

/// A system call or an operation of a server.
#[derive(Clone, Debug)]
pub enum Target {
    /// A system call, with the names of its arguments.
    Call(Call, &'static str, &'static [&'static str]),
    /// An operation.
    Operation(Operation),
}

/// An operation as its interface declares it.
#[derive(Clone, Debug)]
pub struct Operation {
    pub interface: &'static str,
    pub name: &'static str,
    pub number: u64,
    /// Names and types.
    pub scalars: Vec<(&'static str, &'static str)>,
    pub inputs: Vec<&'static str>,
    pub outputs: Vec<&'static str>,
    pub sends: u64,
}

impl Target {
    /// What it is called in reports.
    pub fn name(&self) -> String {
        match self {
            Target::Call(_, name, _) => name.to_string(),
            Target::Operation(operation) => format!("{}::{}", operation.interface, operation.name),
        }
    }
}

/// All of them.
pub fn all() -> Vec<Target> {
    let calls = Call::TABLE.iter();
    let mut targets: Vec<Target> = calls
        .map(|&(call, name, arguments)| Target::Call(call, name, arguments))
        .collect();
    for &(interface, signatures) in proto::INTERFACES {
        for &(number, name, signature) in signatures {
            let operation = parse(interface, number, name, signature);
            targets.push(Target::Operation(operation));
        }
    }
    targets
}

/// Reads `(a: u32, b: u64, ) in(path, ) out(text, ) sends(1) -> (length, ) returns(0)`.
fn parse(
    interface: &'static str,
    number: u64,
    name: &'static str,
    signature: &'static str,
) -> Operation {
    let mut groups = signature
        .split('(')
        .skip(1)
        .map(|group| group.split(')').next().unwrap_or(""));
    let mut names = || -> Vec<&'static str> {
        let group = groups.next().unwrap_or("");
        group.split(", ").filter(|name| !name.is_empty()).collect()
    };
    let scalars = names()
        .into_iter()
        .map(|scalar| scalar.split_once(": ").unwrap_or((scalar, "u64")))
        .collect();
    let (inputs, outputs, sends) = (names(), names(), names());
    Operation {
        interface,
        name,
        number,
        scalars,
        inputs,
        outputs,
        sends: sends
            .first()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0),
    }
}
