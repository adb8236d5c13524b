//! `interfaces.lock` is generated from the interfaces; these tests keep it up to date, so that a
//! change of what travels shows in review.
//!
//! `mkimage check --update` (or `UPDATE_LOCK=1 cargo test -p proto`) writes it anew.

use proto::INTERFACES;
use proto::types::LAYOUTS;
use std::collections::HashSet;
use std::fmt::Write;

/// An operation a line, then a structure a line.
fn lock() -> String {
    let mut text = String::new();
    for &(interface, signatures) in INTERFACES {
        for (number, name, signature) in signatures {
            writeln!(text, "{interface} {number} {name}{signature}").unwrap();
        }
    }
    for (name, fields) in LAYOUTS {
        let fields: Vec<String> = fields
            .iter()
            .map(|(field, kind)| format!("{field}: {kind}"))
            .collect();
        writeln!(text, "structure {name} {{ {} }}", fields.join(", ")).unwrap();
    }
    text
}

#[test]
fn the_interfaces_are_what_the_committed_lock_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/interfaces.lock");
    let wanted = lock();
    if std::env::var_os("UPDATE_LOCK").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(
        found == wanted,
        "what travels between servers and clients has changed: if it was meant to, \
         run mkimage check --update and look at the difference in servers/proto/interfaces.lock"
    );
}

#[test]
fn every_declared_interface_is_locked() {
    let source = include_str!("../src/interfaces.rs");
    let declared: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("    mod ")?.split(',').next())
        .collect();
    let locked: Vec<&str> = INTERFACES.iter().map(|(name, _)| *name).collect();
    assert_eq!(declared, locked);
}

#[test]
fn no_operation_number_is_used_twice_or_reserved_by_the_kernel() {
    let mut seen = HashSet::new();
    for (number, name, _) in INTERFACES.iter().flat_map(|(_, signatures)| *signatures) {
        assert!(
            *number >= kernel_abi::message::operation::FIRST_FREE,
            "{name}"
        );
        assert!(seen.insert(*number), "{name} uses {number} again");
    }
}

#[test]
fn the_table_of_interfaces_has_each_that_is_declared() {
    let source = include_str!("../src/interfaces.rs");
    let declared: Vec<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("mod ")?.split(',').next())
        .collect();
    let listed: Vec<&str> = INTERFACES.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, declared);
}
