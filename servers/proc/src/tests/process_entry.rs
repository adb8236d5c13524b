//! What the name space learns of processes for `/proc`.

use super::*;
use proto::process_entry::number as n;

fn ask(machine: &mut Machine, words: &[u64], length: usize) -> Result<Vec<u8>, Error> {
    let outputs: &[usize] = if length == 0 { &[] } else { &[length] };
    let (reply, outputs) = machine.call(NAME_SPACE_BADGE, words, &[], outputs, &[]);
    match reply? {
        Outcome::Answer(answer) if length == 0 => Ok(answer.words.map(|word| word as u8).to_vec()),
        Outcome::Answer(answer) => Ok(outputs[0][..answer.words[0] as usize].to_vec()),
        other => panic!("{other:?}"),
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

#[test]
fn only_the_name_space_asks_for_handles_of_processes() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    for badge in [PROCESS_BADGE | 1, TERMINAL_BADGE] {
        let (reply, _) = machine.call(badge, &[n::descriptor, child, 0], &[], &[], &[]);
        assert_eq!(reply, Err(Error::NotPermitted));
    }
}

#[test]
fn descriptors_are_listed_without_the_runtimes_handles() {
    let mut machine = Machine::new();
    let slots = ask(&mut machine, &[n::descriptors, 1, 1], 64).unwrap();
    assert_eq!(slots, [1, 0, 0, 0, 5, 0, 0, 0]);
    let runtimes = [n::descriptor, 1, Handle::PROCESS_SERVER.0.into()];
    assert_eq!(ask(&mut machine, &runtimes, 0), Err(Error::BadHandle));
    let working = [n::descriptor, 1, Handle::WORKING_DIRECTORY.0.into()];
    assert!(ask(&mut machine, &working, 0).is_ok());
}

#[test]
fn the_first_thread_has_the_processs_id_and_the_others_their_numbers() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    let handle = machine.handle(child);
    machine
        .server
        .kernel
        .threads
        .insert(handle.0, vec![1, 6, 9]);
    let threads = ask(&mut machine, &[n::threads, child, 0], 64).unwrap();
    assert_eq!(numbers(&threads), [child, 6, 9]);
    let after = ask(&mut machine, &[n::threads, child, 6], 64).unwrap();
    assert_eq!(numbers(&after), [9]);
    let stat = ask(&mut machine, &[n::describe_thread, child, 6, 0, 0], 512).unwrap();
    let stat = String::from_utf8(stat).unwrap();
    let fields: Vec<&str> = stat.split_ascii_whitespace().collect();
    assert_eq!((fields[0], fields[2]), ("6", "S"));
    assert_eq!((fields[13], fields[14]), ("3", "2"), "its own times");
    assert_eq!(fields.len(), 52);
    let missing = ask(&mut machine, &[n::describe_thread, child, 7, 0, 0], 512);
    assert_eq!(missing, Err(Error::NoProcess));
}

#[test]
fn a_set_id_program_belongs_to_root() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    let identity = &mut machine.server.table.get_mut(child).unwrap().identity;
    (identity.credentials.user, identity.credentials.group) = (7, 8);
    assert_eq!(
        ask(&mut machine, &[n::owner, child], 0).unwrap()[..2],
        [7, 8]
    );
    machine.server.table.get_mut(child).unwrap().identity.flags = 1;
    assert_eq!(
        ask(&mut machine, &[n::owner, child], 0).unwrap()[..2],
        [0, 0]
    );
}

#[test]
fn a_process_that_has_ended_has_no_handles_but_a_status() {
    let mut machine = Machine::new();
    let child = machine.fork(1);
    machine.end(child, 3);
    assert_eq!(
        ask(&mut machine, &[n::descriptors, child, 0], 64),
        Err(Error::NoProcess)
    );
    let stat = ask(&mut machine, &[process::number::describe, child, 0, 0], 512).unwrap();
    let stat = String::from_utf8(stat).unwrap();
    let fields: Vec<&str> = stat.split_ascii_whitespace().collect();
    assert_eq!((fields[2], fields[51]), ("Z", "768"));
}
