use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use crate::{ALIGNMENT, Bundle, BundleError, ENTRY_SIZE, HEADER_SIZE, WriteError, write};

fn two_files() -> Vec<u8> {
    write(&[("kernel", b"an ELF file"), ("svc", &[7; 5000])]).unwrap()
}

/// Overwrites `field` of entry `index` and returns what parsing makes of it.
fn parse_with(index: usize, field: usize, bytes: &[u8]) -> Result<(), BundleError> {
    let mut bundle = two_files();
    let at = HEADER_SIZE + index * ENTRY_SIZE + field;
    bundle[at..at + bytes.len()].copy_from_slice(bytes);
    Bundle::parse(&bundle).map(|_| ())
}

#[test]
fn what_was_written_is_found_again() {
    let bytes = two_files();
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.find("kernel"), Some(&b"an ELF file"[..]));
    assert_eq!(bundle.find("svc"), Some(&[7; 5000][..]));
    assert_eq!(bundle.find("sv"), None);
    let names: Vec<_> = bundle.entries().map(|entry| entry.name).collect();
    assert_eq!(names, ["kernel", "svc"]);
}

#[test]
fn contents_and_the_whole_are_page_aligned() {
    let bytes = two_files();
    assert_eq!(bytes.len(), 4096 + 4096 + 8192);
    let bundle = Bundle::parse(&bytes).unwrap();
    assert!(
        bundle
            .entries()
            .all(|entry| entry.offset.is_multiple_of(ALIGNMENT))
    );
}

#[test]
fn a_bundle_without_files_is_valid() {
    let bytes = write(&[]).unwrap();
    assert_eq!(bytes.len(), 4096);
    assert_eq!(Bundle::parse(&bytes).unwrap().entries().count(), 0);
}

#[test]
fn an_empty_file_is_kept() {
    let bytes = write(&[("empty", b""), ("last", b"")]).unwrap();
    assert_eq!(Bundle::parse(&bytes).unwrap().find("last"), Some(&b""[..]));
}

#[test]
fn a_table_longer_than_a_page_is_kept() {
    let names: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), name.as_bytes()))
        .collect();
    let bytes = write(&files).unwrap();
    let bundle = Bundle::parse(&bytes).unwrap();
    assert!(
        names
            .iter()
            .all(|name| bundle.find(name) == Some(name.as_bytes()))
    );
}

#[test]
fn a_name_of_forty_bytes_fits_and_one_more_does_not() {
    let longest = "n".repeat(40);
    let bytes = write(&[(&longest, b"x")]).unwrap();
    assert_eq!(
        Bundle::parse(&bytes).unwrap().find(&longest),
        Some(&b"x"[..])
    );
    let too_long = "n".repeat(41);
    assert_eq!(
        write(&[(&too_long, b"x")]),
        Err(WriteError::BadName(too_long))
    );
}

#[test]
fn the_writer_refuses_names_that_cannot_be_read_back() {
    assert_eq!(write(&[("", b"")]), Err(WriteError::BadName("".into())));
    assert_eq!(
        write(&[("a\0b", b"")]),
        Err(WriteError::BadName("a\0b".into()))
    );
    assert_eq!(
        write(&[("a", b""), ("a", b"")]),
        Err(WriteError::DuplicateName("a".into()))
    );
}

#[test]
fn every_truncation_is_refused_or_keeps_all_contents() {
    let bytes = two_files();
    // Only the padding behind the last file may be missing.
    let last_byte = 8192 + 5000;
    for length in 0..last_byte {
        assert!(Bundle::parse(&bytes[..length]).is_err(), "length {length}");
    }
    assert!(Bundle::parse(&bytes[..last_byte]).is_ok());
}

#[test]
fn a_wrong_magic_or_version_is_refused() {
    let mut bytes = two_files();
    bytes[8] = 2;
    assert_eq!(
        Bundle::parse(&bytes).err(),
        Some(BundleError::UnknownVersion(2))
    );
    bytes[0] = b'm';
    assert_eq!(Bundle::parse(&bytes).err(), Some(BundleError::BadMagic));
}

#[test]
fn a_count_larger_than_the_file_is_refused() {
    let mut bytes = two_files();
    bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Bundle::parse(&bytes).err(), Some(BundleError::Truncated));
}

#[test]
fn names_that_are_not_names_are_refused() {
    assert_eq!(parse_with(1, 0, &[0; 40]), Err(BundleError::BadName(1)));
    assert_eq!(parse_with(1, 0, &[0xff]), Err(BundleError::BadName(1)));
    assert_eq!(parse_with(1, 39, b"x"), Err(BundleError::BadName(1)));
    assert_eq!(
        parse_with(1, 0, b"kernel"),
        Err(BundleError::DuplicateName(1))
    );
}

#[test]
fn contents_outside_the_bundle_are_refused() {
    let misaligned = 4097_u64.to_le_bytes();
    let inside_header = 0_u64.to_le_bytes();
    let behind_end = (1_u64 << 20).to_le_bytes();
    let huge = u64::MAX.to_le_bytes();
    let last_page = (u64::MAX - 4095).to_le_bytes();
    assert_eq!(
        parse_with(0, 40, &misaligned),
        Err(BundleError::Misaligned(0))
    );
    assert_eq!(
        parse_with(0, 40, &inside_header),
        Err(BundleError::OutOfBounds(0))
    );
    assert_eq!(
        parse_with(0, 40, &behind_end),
        Err(BundleError::OutOfBounds(0))
    );
    assert_eq!(
        parse_with(0, 40, &last_page),
        Err(BundleError::OutOfBounds(0))
    );
    assert_eq!(parse_with(0, 48, &huge), Err(BundleError::OutOfBounds(0)));
}

#[test]
fn a_reserved_field_in_use_is_refused() {
    assert_eq!(
        parse_with(1, 56, &[1]),
        Err(BundleError::ReservedNotZero(1))
    );
}

#[test]
fn no_single_changed_byte_of_the_table_makes_parsing_panic() {
    let good = two_files();
    for at in 0..HEADER_SIZE + 2 * ENTRY_SIZE {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            if let Ok(bundle) = Bundle::parse(&bytes) {
                let count = bundle.entries().count();
                assert_eq!(count, read_count(&bytes), "byte {at}");
            }
        }
    }
    assert!(Bundle::parse(&vec![0xff; 8192]).is_err());
}

fn read_count(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize
}
