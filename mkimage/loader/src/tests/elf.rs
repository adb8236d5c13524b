use super::kernel_file::{BASE, CODE, DATA, SegmentSpec, base_revision, build, code, data};
use crate::elf::{ElfError, Executable, MAX_SEGMENTS};
use std::vec;
use std::vec::Vec;

fn good() -> Vec<u8> {
    build(&[code(), data(&base_revision(3))])
}

fn changed(at: usize, bytes: &[u8]) -> Result<(), ElfError> {
    let mut file = good();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    Executable::parse(&file).map(|_| ())
}

fn segment(flags: u32, address: u64, memory_size: u64) -> SegmentSpec {
    SegmentSpec {
        flags,
        address,
        contents: vec![],
        memory_size,
    }
}

fn parse(segments: &[SegmentSpec]) -> Result<Executable, ElfError> {
    Executable::parse(&build(segments))
}

#[test]
fn a_good_kernel_is_accepted_with_its_span() {
    let executable = Executable::parse(&good()).unwrap();
    assert_eq!(executable.base(), BASE);
    assert_eq!(executable.entry, BASE + 0x10);
    assert_eq!(executable.segments().len(), 2);
    // Text, a gap, and four pages of data of which three have no contents.
    assert_eq!(executable.span(), 0x2000 + 0x4000);
}

#[test]
fn every_truncation_is_refused() {
    let file = good();
    for length in 0..file.len() {
        assert!(
            Executable::parse(&file[..length]).is_err(),
            "length {length}"
        );
    }
}

#[test]
fn no_single_changed_header_byte_makes_parsing_panic() {
    let good = good();
    let mut refused = 0;
    for at in 0..64 + 2 * 56 {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut file = good.clone();
            file[at] = value;
            refused += usize::from(Executable::parse(&file).is_err());
        }
    }
    assert!(refused > 100);
}

#[test]
fn files_of_another_kind_are_refused() {
    assert_eq!(changed(0, b"\x7fELE"), Err(ElfError::NotElf));
    assert_eq!(changed(4, &[1]), Err(ElfError::Not64Bit));
    assert_eq!(changed(5, &[2]), Err(ElfError::Not64Bit));
    assert_eq!(
        changed(18, &183_u16.to_le_bytes()),
        Err(ElfError::WrongMachine(183))
    );
    assert_eq!(
        changed(16, &3_u16.to_le_bytes()),
        Err(ElfError::NotExecutable)
    );
    assert_eq!(
        changed(54, &32_u16.to_le_bytes()),
        Err(ElfError::BadProgramHeaders)
    );
    assert_eq!(
        changed(64, &3_u32.to_le_bytes()),
        Err(ElfError::NeedsInterpreter)
    );
    assert_eq!(
        changed(32, &u64::MAX.to_le_bytes()),
        Err(ElfError::Truncated)
    );
    assert_eq!(
        changed(56, &u16::MAX.to_le_bytes()),
        Err(ElfError::Truncated)
    );
}

#[test]
fn a_file_with_nothing_to_load_is_refused() {
    assert_eq!(parse(&[]), Err(ElfError::NoSegments));
    assert_eq!(parse(&[segment(CODE, BASE, 0)]), Err(ElfError::NoSegments));
}

#[test]
fn segments_outside_the_file_are_refused() {
    let past_end = changed(64 + 8, &(1_u64 << 40).to_le_bytes());
    assert_eq!(past_end, Err(ElfError::SegmentOutOfBounds(0)));
    let wrapping = changed(64 + 8, &(u64::MAX - 10).to_le_bytes());
    assert_eq!(wrapping, Err(ElfError::SegmentOutOfBounds(0)));
    let larger_than_memory = changed(64 + 40, &1_u64.to_le_bytes());
    assert_eq!(larger_than_memory, Err(ElfError::SegmentOutOfBounds(0)));
}

#[test]
fn segments_below_the_top_two_gibibytes_are_refused() {
    assert_eq!(
        parse(&[segment(CODE, 0x20_0000, 1)]),
        Err(ElfError::NotHigherHalf(0))
    );
    let wrapping = [code(), segment(DATA, u64::MAX - 0x1000, 0x4000)];
    assert_eq!(parse(&wrapping), Err(ElfError::NotHigherHalf(1)));
}

#[test]
fn a_segment_may_end_at_the_end_of_the_address_space() {
    let last_page = 0xffff_ffff_ffff_f000;
    let mut file = build(&[segment(CODE, last_page, 0x1000)]);
    file[24..32].copy_from_slice(&last_page.to_le_bytes());
    assert_eq!(Executable::parse(&file).unwrap().span(), 0x1000);
}

#[test]
fn writable_code_is_refused() {
    assert_eq!(
        parse(&[segment(7, BASE, 1)]),
        Err(ElfError::WritableAndExecutable(0))
    );
}

#[test]
fn segments_that_share_a_page_are_refused_in_any_order() {
    let above = [code(), segment(DATA, BASE + 0x900, 8)];
    assert_eq!(parse(&above), Err(ElfError::Overlapping(1)));
    let below = [
        segment(DATA, BASE + 0x1000, 0x100),
        segment(CODE, BASE, 0x1001),
    ];
    assert_eq!(parse(&below), Err(ElfError::Overlapping(1)));
}

#[test]
fn too_many_or_too_large_segments_are_refused() {
    let many: Vec<_> = (0..=MAX_SEGMENTS as u64)
        .map(|n| segment(CODE, BASE + n * 0x1000, 1))
        .collect();
    assert_eq!(parse(&many), Err(ElfError::TooManySegments));
    assert_eq!(
        parse(&[segment(CODE, BASE, 1 << 30)]),
        Err(ElfError::TooLarge)
    );
    let far_apart = [code(), segment(DATA, BASE + (1 << 30), 1)];
    assert_eq!(parse(&far_apart), Err(ElfError::TooLarge));
}

#[test]
fn an_entry_point_outside_code_is_refused() {
    let in_data = BASE + 0x2000;
    let result = changed(24, &in_data.to_le_bytes());
    assert_eq!(result, Err(ElfError::EntryOutsideCode(in_data)));
}
