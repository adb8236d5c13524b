use super::kernel_file::{BASE, base_revision, build, code, data, kernel_with, request};
use crate::requests::RequestKind;
use crate::{LoadError, check_kernel};
use std::vec::Vec;

const HHDM: [u64; 2] = [0x48dc_f1cb_8ad2_b852, 0x6398_4e95_9a98_244b];
const STACK_SIZE: [u64; 2] = [0x224e_f046_0a8e_8926, 0xe1cb_0fc2_5f46_ea3d];
const ENTRY_POINT: [u64; 2] = [0x13d8_6c03_5a1c_d3e1, 0x2b0c_aa89_d8f3_026a];
const PAGING_MODE: [u64; 2] = [0x95c1_a0ed_ab09_44cb, 0xa4e5_cb38_42f7_488a];
const MODULES: [u64; 2] = [0x3e7e_2797_02be_32af, 0xca1c_4f3b_d128_0cee];
const START: [u64; 4] = [
    0xf6b8_f4b3_9de7_d1ae,
    0xfab9_1a69_40fc_b9cf,
    0x785c_6ed0_15d3_e316,
    0x181e_920a_7852_b9d9,
];
const END: [u64; 2] = [0xadc0_e053_1bb1_0d03, 0x9572_709f_3176_4c62];

fn check(parts: &[Vec<u64>]) -> Result<crate::requests::Requests, LoadError> {
    check_kernel(&kernel_with(&parts.concat())).map(|(_, requests)| requests)
}

#[test]
fn requests_are_found_with_their_places_and_arguments() {
    let requests = check(&[
        base_revision(3),
        request(STACK_SIZE, &[0x8000]),
        request(HHDM, &[]),
    ])
    .unwrap();
    assert_eq!(requests.base_revision, 3);
    assert_eq!(requests.base_revision_offset, 0x2000);
    let stack = requests.get(RequestKind::StackSize).unwrap();
    assert_eq!((stack.offset, stack.arguments[0]), (0x2000 + 24, 0x8000));
    assert_eq!(
        requests.get(RequestKind::Hhdm).unwrap().offset,
        0x2000 + 24 + 56
    );
    assert_eq!(requests.get(RequestKind::Rsdp), None);
}

#[test]
fn a_kernel_without_the_protocol_is_refused() {
    assert_eq!(check(&[]).err(), Some(LoadError::NoBaseRevision));
    assert_eq!(
        check(&[request(HHDM, &[])]).err(),
        Some(LoadError::NoBaseRevision)
    );
}

#[test]
fn base_revisions_that_are_not_implemented_are_refused() {
    for revision in [0, 2, 7] {
        let error = check(&[base_revision(revision)]).err();
        assert_eq!(error, Some(LoadError::UnsupportedBaseRevision(revision)));
    }
    assert!((3..=6).all(|revision| check(&[base_revision(revision)]).is_ok()));
}

#[test]
fn a_request_made_twice_is_refused() {
    let parts = [base_revision(3), request(HHDM, &[]), request(HHDM, &[])];
    assert_eq!(
        check(&parts).err(),
        Some(LoadError::DuplicateRequest("direct map"))
    );
}

#[test]
fn a_request_cut_off_by_its_segment_is_refused() {
    let mut words = base_revision(3);
    words.extend_from_slice(&request(HHDM, &[])[..4]);
    assert_eq!(check(&[words]).err(), Some(LoadError::TruncatedRequest));
    assert_eq!(
        check(&[base_revision(3)[..2].to_vec()]).err(),
        Some(LoadError::TruncatedRequest)
    );
}

#[test]
fn unknown_requests_are_ignored() {
    assert!(check(&[base_revision(3), request([1, 2], &[])]).is_ok());
}

#[test]
fn only_requests_between_the_markers_count() {
    let requests = check(&[
        base_revision(3),
        request(HHDM, &[]),
        START.to_vec(),
        request(STACK_SIZE, &[1]),
        END.to_vec(),
        request(MODULES, &[0]),
    ])
    .unwrap();
    assert_eq!(requests.get(RequestKind::Hhdm), None);
    assert!(requests.get(RequestKind::StackSize).is_some());
    assert_eq!(requests.get(RequestKind::Modules), None);
}

#[test]
fn magic_numbers_in_code_are_no_requests() {
    let mut text = code();
    let magic: Vec<u8> = base_revision(3)
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    text.contents[..24].copy_from_slice(&magic);
    let error = check_kernel(&build(&[text, data(&[0; 3])])).err();
    assert_eq!(error, Some(LoadError::NoBaseRevision));
}

#[test]
fn boundaries_are_those_of_the_address() {
    let mut segment = data(&base_revision(3));
    segment.address += 4;
    segment.contents.splice(0..0, [0; 4]);
    let (_, requests) = check_kernel(&build(&[code(), segment])).unwrap();
    assert_eq!(requests.base_revision_offset, 0x2008);
}

#[test]
fn demands_that_cannot_be_met_are_refused() {
    let demand = |id, arguments: &[u64]| check(&[base_revision(3), request(id, arguments)]).err();
    let in_data = BASE + 0x2000;
    assert_eq!(
        demand(ENTRY_POINT, &[in_data]),
        Some(LoadError::EntryOutsideCode(in_data))
    );
    assert_eq!(demand(ENTRY_POINT, &[BASE + 0x20]), None);
    assert_eq!(
        demand(PAGING_MODE, &[1, 1, 1]),
        Some(LoadError::UnsupportedPagingMode)
    );
    assert_eq!(demand(PAGING_MODE, &[1, 1, 0]), None);
    assert_eq!(demand(MODULES, &[1, 0]), Some(LoadError::InternalModules));
}
