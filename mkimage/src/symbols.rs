//! What the kernel's backtraces need, taken from the unstripped kernel: the names of its functions,
//! and how deep the stack is at each of its instructions.
//!
//! The kernel keeps no frame pointers, which would cost instructions in every function. The
//! compiler's unwinding information says where each return address is; evaluating it is too much for
//! a kernel that is panicking, so it is evaluated here, into a table that only has to be searched.
//! `kernel/arch/x86_64/src/backtrace.rs` describes the formats and reads them.

use anyhow::{Context, Result};
use gimli::{BaseAddresses, CfaRule, CieOrFde, DebugFrame, LittleEndian, UnwindContext};
use gimli::{UnwindSection, X86_64};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::collections::BTreeMap;

/// Name of the table of functions in the bundle.
pub const SYMBOLS_NAME: &str = "kernel-symbols";
/// Name of the table of stack depths in the bundle.
pub const FRAMES_NAME: &str = "kernel-frames";
/// Where the kernel is linked.
const KERNEL_BASE: u64 = 0xffff_ffff_8000_0000;
/// Stack depth where the compiler gives none that is relative to the stack pointer.
const UNKNOWN_DEPTH: u32 = u32::MAX;

/// Both tables, with their names in the bundle.
pub fn tables(kernel: &[u8]) -> Result<[(&'static str, Vec<u8>); 2]> {
    let file = object::File::parse(kernel).context("the kernel is no object file")?;
    let frames = frame_depths(&file).context("the kernel's unwinding information")?;
    Ok([
        (SYMBOLS_NAME, encode_symbols(&functions(&file))),
        (FRAMES_NAME, encode_pairs(frames)),
    ])
}

/// An address as an offset from the kernel's base.
fn offset_of(address: u64) -> Option<u32> {
    u32::try_from(address.checked_sub(KERNEL_BASE)?).ok()
}

fn functions(file: &object::File<'_>) -> BTreeMap<u32, String> {
    file.symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter_map(|symbol| {
            // Without the hash that tells apart crates of the same name.
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?));
            Some((offset_of(symbol.address())?, name))
        })
        .collect()
}

/// First offset of each range of instructions → bytes from the stack pointer to the end of the
/// frame, just above the return address.
fn frame_depths(file: &object::File<'_>) -> Result<BTreeMap<u32, u32>> {
    let Some(section) = file.section_by_name(".debug_frame") else {
        return Ok(BTreeMap::new());
    };
    let mut frames = DebugFrame::new(section.data()?, LittleEndian);
    frames.set_address_size(8);
    let bases = BaseAddresses::default();
    let mut context = UnwindContext::new();
    let mut depths = BTreeMap::new();
    let mut entries = frames.entries(&bases);
    while let Some(entry) = entries.next()? {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let description = partial.parse(DebugFrame::cie_from_offset)?;
        // Functions that the linker dropped are at address 0.
        let Some(end) = offset_of(description.end_address()) else {
            continue;
        };
        depths.entry(end).or_insert(UNKNOWN_DEPTH);
        let mut rows = description.rows(&frames, &bases, &mut context)?;
        while let Some(row) = rows.next_row()? {
            let depth = match row.cfa() {
                CfaRule::RegisterAndOffset { register, offset } if *register == X86_64::RSP => {
                    u32::try_from(*offset).unwrap_or(UNKNOWN_DEPTH)
                }
                _ => UNKNOWN_DEPTH,
            };
            if let Some(start) = offset_of(row.start_address()) {
                depths.insert(start, depth);
            }
        }
    }
    Ok(depths)
}

fn encode_pairs(pairs: impl IntoIterator<Item = (u32, u32)>) -> Vec<u8> {
    let words: Vec<u32> = pairs
        .into_iter()
        .flat_map(|(first, second)| [first, second])
        .collect();
    // Each pair takes 8 bytes of a file that was read into memory, so the count is small.
    let count = u32::try_from(words.len() / 2).unwrap_or(u32::MAX);
    let mut bytes = count.to_le_bytes().to_vec();
    words
        .iter()
        .for_each(|word| bytes.extend(word.to_le_bytes()));
    bytes
}

fn encode_symbols(functions: &BTreeMap<u32, String>) -> Vec<u8> {
    let mut names = String::new();
    let names_offset = 4 + 8 * functions.len();
    let mut pairs = Vec::new();
    for (offset, name) in functions {
        let at = u32::try_from(names_offset + names.len()).unwrap_or(u32::MAX);
        pairs.push((*offset, at));
        names.push_str(&name.replace('\n', " "));
        names.push('\n');
    }
    let mut bytes = encode_pairs(pairs);
    bytes.extend(names.into_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_their_offsets_say() {
        let functions = BTreeMap::from([(0, "first".to_string()), (16, "second".to_string())]);
        let bytes = encode_symbols(&functions);
        let word = |index: usize| {
            u32::from_le_bytes([
                bytes[index * 4],
                bytes[index * 4 + 1],
                bytes[index * 4 + 2],
                bytes[index * 4 + 3],
            ])
        };
        assert_eq!([word(0), word(1), word(3)], [2, 0, 16]);
        assert_eq!(&bytes[word(2) as usize..], b"first\nsecond\n");
        assert_eq!(&bytes[word(4) as usize..], b"second\n");
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(tables(b"no program").is_err());
    }
}
