//! The conversion engine of the `printf` family (C 7.21.6.1, POSIX `fprintf`).
//!
//! The engine sees neither memory nor streams: it reads arguments through [`Arguments`]
//! and writes through [`Output`], so that one engine serves strings, streams and wide
//! streams, and runs on the host.

mod floating;
mod integer;
mod specification;

use crate::float::Extended;
use specification::{Conversion, Kind, Specification};

/// Where formatted bytes go. It remembers its own failure; the engine goes on counting.
pub trait Output {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]);
}

/// The caller's arguments, in order, and the memory they point to.
pub trait Arguments {
    /// The next integer or pointer argument's slot; only the low bits of a narrow type count.
    fn integer(&mut self) -> u64;
    /// The next `double`.
    fn double(&mut self) -> f64;
    /// The next `long double`.
    fn long_double(&mut self) -> Extended;
    /// The bytes at `address` up to a NUL or `limit`.
    fn string(&self, address: u64, limit: usize) -> &[u8];
    /// The wide character at `address[index]`.
    fn wide(&self, address: u64, index: usize) -> u32;
    /// Stores a count of `size` bytes at `address`, for `%n`.
    fn store(&mut self, address: u64, size: usize, value: u64);
    /// The text for `%m`, the error number's message.
    fn error_message(&self) -> &[u8];
}

/// What widths, precisions of strings and the result are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes (`printf`).
    Byte,
    /// Characters (`wprintf`): the engine still writes UTF-8.
    Character,
}

/// Why nothing more was formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// The result does not fit an `int` (EOVERFLOW).
    Overflow,
    /// A wide character that has no encoding (EILSEQ).
    IllegalSequence,
    /// A conversion specification that means nothing (EINVAL).
    Invalid,
}

/// Positions `%n$` may name.
const POSITIONS: usize = 32;
/// The largest count the functions can return.
const COUNT_MAX: usize = i32::MAX as usize;

#[derive(Clone, Copy)]
enum Value {
    Integer(u64),
    Double(f64),
    LongDouble(Extended),
}

/// A part of a padded field.
enum Piece<'a> {
    Bytes(&'a [u8]),
    Zeros(usize),
}

impl Piece<'_> {
    fn length(&self) -> usize {
        match self {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Zeros(count) => *count,
        }
    }
}

/// Formats `format` and returns how much was written, in `unit`s.
///
/// # Errors
/// See [`FormatError`]; what came before the error has been written.
pub fn format(
    output: &mut dyn Output,
    format: &[u8],
    arguments: &mut dyn Arguments,
    unit: Unit,
) -> Result<usize, FormatError> {
    let mut engine = Engine {
        output,
        arguments,
        unit,
        count: 0,
        positional: None,
    };
    engine.run(format)?;
    Ok(engine.count)
}

struct Engine<'a> {
    output: &'a mut dyn Output,
    arguments: &'a mut dyn Arguments,
    unit: Unit,
    count: usize,
    positional: Option<[Value; POSITIONS]>,
}

impl Engine<'_> {
    fn run(&mut self, format: &[u8]) -> Result<(), FormatError> {
        let mut rest = format;
        while !rest.is_empty() {
            let plain = rest
                .iter()
                .position(|&byte| byte == b'%')
                .unwrap_or(rest.len());
            if plain > 0 {
                self.emit_text(&rest[..plain])?;
                rest = &rest[plain..];
                continue;
            }
            if rest.get(1) == Some(&b'%') {
                self.emit(b"%")?;
                rest = &rest[2..];
                continue;
            }
            let (specification, length) = specification::parse(rest).ok_or(FormatError::Invalid)?;
            if specification.position.is_some() && self.positional.is_none() {
                self.positional = Some(self.collect(rest)?);
            }
            self.convert(specification)?;
            rest = &rest[length..];
        }
        Ok(())
    }

    /// Reads all numbered arguments in order, with the types that the whole format tells.
    fn collect(&mut self, format: &[u8]) -> Result<[Value; POSITIONS], FormatError> {
        let kinds =
            specification::positional_kinds::<POSITIONS>(format).ok_or(FormatError::Invalid)?;
        let mut values = [Value::Integer(0); POSITIONS];
        for (value, kind) in values.iter_mut().zip(kinds) {
            match kind {
                None => break,
                Some(kind) => *value = self.next(kind),
            }
        }
        Ok(values)
    }

    fn next(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Integer => Value::Integer(self.arguments.integer()),
            Kind::Double => Value::Double(self.arguments.double()),
            Kind::LongDouble => Value::LongDouble(self.arguments.long_double()),
        }
    }

    fn argument(&mut self, position: Option<usize>, kind: Kind) -> Result<Value, FormatError> {
        match (position, &self.positional) {
            (None, None) => Ok(self.next(kind)),
            (Some(position), Some(values)) => values
                .get(position - 1)
                .copied()
                .ok_or(FormatError::Invalid),
            // Numbered and unnumbered arguments must not be mixed.
            _ => Err(FormatError::Invalid),
        }
    }

    fn integer_argument(&mut self, position: Option<usize>) -> Result<u64, FormatError> {
        match self.argument(position, Kind::Integer)? {
            Value::Integer(value) => Ok(value),
            _ => Err(FormatError::Invalid),
        }
    }

    fn convert(&mut self, mut specification: Specification) -> Result<(), FormatError> {
        if let Some(source) = specification.width_argument {
            let width = self.integer_argument(source.position)? as i32;
            specification.left |= width < 0;
            specification.width = width.unsigned_abs() as usize;
        }
        if let Some(source) = specification.precision_argument {
            specification.precision =
                usize::try_from(self.integer_argument(source.position)? as i32).ok();
        }
        if specification.width > COUNT_MAX
            || specification
                .precision
                .is_some_and(|precision| precision > COUNT_MAX)
        {
            return Err(FormatError::Overflow);
        }
        match specification.conversion {
            Conversion::Floating => {
                match self.argument(specification.position, specification.kind())? {
                    Value::Double(value) => self.floating_double(&specification, value),
                    Value::LongDouble(value) => self.floating_extended(&specification, value),
                    Value::Integer(_) => Err(FormatError::Invalid),
                }
            }
            Conversion::ErrorMessage => self.message(&specification),
            conversion => {
                let value = self.integer_argument(specification.position)?;
                self.convert_slot(conversion, &specification, value)
            }
        }
    }

    fn convert_slot(
        &mut self,
        conversion: Conversion,
        specification: &Specification,
        value: u64,
    ) -> Result<(), FormatError> {
        match conversion {
            Conversion::Signed => self.signed(specification, value),
            Conversion::Unsigned => self.unsigned(specification, value),
            Conversion::Pointer => self.pointer(specification, value),
            Conversion::Character => self.field_text(specification, &[value as u8]),
            Conversion::WideCharacter => self.wide_character(specification, value as u32),
            Conversion::String => self.string(specification, value),
            Conversion::WideString => self.wide_string(specification, value),
            Conversion::Count => {
                self.arguments
                    .store(value, specification.size, self.count as u64);
                Ok(())
            }
            Conversion::Floating | Conversion::ErrorMessage => Err(FormatError::Invalid),
        }
    }

    fn add(&mut self, count: usize) -> Result<(), FormatError> {
        self.count = self
            .count
            .checked_add(count)
            .filter(|&count| count <= COUNT_MAX)
            .ok_or(FormatError::Overflow)?;
        Ok(())
    }

    /// ASCII of the engine's own making: a byte is a character.
    fn emit(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        self.add(bytes.len())?;
        self.output.write(bytes);
        Ok(())
    }

    /// The caller's text, which may hold multibyte characters.
    fn emit_text(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        self.add(self.length_of(bytes))?;
        self.output.write(bytes);
        Ok(())
    }

    fn length_of(&self, bytes: &[u8]) -> usize {
        match self.unit {
            Unit::Byte => bytes.len(),
            Unit::Character => bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count(),
        }
    }

    fn repeat(&mut self, byte: u8, mut count: usize) -> Result<(), FormatError> {
        self.add(count)?;
        let run = [byte; 64];
        while count > 0 {
            let now = count.min(run.len());
            self.output.write(&run[..now]);
            count -= now;
        }
        Ok(())
    }

    /// A number: spaces or zeros on the left, sign or base prefix, pieces, spaces on the right.
    fn field_number(
        &mut self,
        specification: &Specification,
        zero: bool,
        prefix: &[u8],
        pieces: &[Piece<'_>],
    ) -> Result<(), FormatError> {
        let length = pieces.iter().map(Piece::length).sum::<usize>() + prefix.len();
        let padding = specification.width.saturating_sub(length);
        let (before, zeros, after) = match (specification.left, zero) {
            (true, _) => (0, 0, padding),
            (false, true) => (0, padding, 0),
            (false, false) => (padding, 0, 0),
        };
        self.repeat(b' ', before)?;
        self.emit(prefix)?;
        self.repeat(b'0', zeros)?;
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => self.emit(bytes)?,
                Piece::Zeros(count) => self.repeat(b'0', *count)?,
            }
        }
        self.repeat(b' ', after)
    }

    fn field_text(
        &mut self,
        specification: &Specification,
        text: &[u8],
    ) -> Result<(), FormatError> {
        let padding = specification.width.saturating_sub(self.length_of(text));
        if !specification.left {
            self.repeat(b' ', padding)?;
        }
        self.emit_text(text)?;
        if specification.left {
            self.repeat(b' ', padding)?;
        }
        Ok(())
    }

    fn string(&mut self, specification: &Specification, address: u64) -> Result<(), FormatError> {
        if address == 0 {
            let limit = specification.precision.unwrap_or(6).min(6);
            return self.field_text(specification, &b"(null)"[..limit]);
        }
        // A precision in characters cannot bound the bytes that are looked at.
        let byte_limit = match self.unit {
            Unit::Byte => specification.precision.unwrap_or(usize::MAX),
            Unit::Character => usize::MAX,
        };
        let text = self.arguments.string(address, byte_limit);
        let text = match (self.unit, specification.precision) {
            (Unit::Character, Some(limit)) => first_characters(text, limit),
            _ => text,
        };
        // The text borrows the arguments, which padding does not need: write in place.
        let shown = self.length_of(text);
        let (address_length, padding) = (text.len(), specification.width.saturating_sub(shown));
        if !specification.left {
            self.repeat(b' ', padding)?;
        }
        self.add(shown)?;
        let text = self.arguments.string(address, address_length);
        self.output.write(text);
        if specification.left {
            self.repeat(b' ', padding)?;
        }
        Ok(())
    }

    fn message(&mut self, specification: &Specification) -> Result<(), FormatError> {
        let text = self.arguments.error_message();
        let length = text
            .len()
            .min(specification.precision.unwrap_or(usize::MAX));
        let padding = specification.width.saturating_sub(length);
        if !specification.left {
            self.repeat(b' ', padding)?;
        }
        self.add(length)?;
        let text = self.arguments.error_message();
        self.output.write(&text[..length]);
        if specification.left {
            self.repeat(b' ', padding)?;
        }
        Ok(())
    }

    fn wide_character(
        &mut self,
        specification: &Specification,
        value: u32,
    ) -> Result<(), FormatError> {
        let (bytes, length) = crate::utf8::encode(value).ok_or(FormatError::IllegalSequence)?;
        self.field_text(specification, &bytes[..length])
    }

    fn wide_string(
        &mut self,
        specification: &Specification,
        address: u64,
    ) -> Result<(), FormatError> {
        if address == 0 {
            let limit = specification.precision.unwrap_or(6).min(6);
            return self.field_text(specification, &b"(null)"[..limit]);
        }
        let limit = specification.precision.unwrap_or(usize::MAX);
        let (mut shown, mut characters) = (0usize, 0usize);
        while shown < limit {
            let value = self.arguments.wide(address, characters);
            if value == 0 {
                break;
            }
            let (_, length) = crate::utf8::encode(value).ok_or(FormatError::IllegalSequence)?;
            let length = if self.unit == Unit::Character {
                1
            } else {
                length
            };
            // Never part of a character (C 7.21.6.1, conversion `s` with `l`).
            if length > limit - shown {
                break;
            }
            shown += length;
            characters += 1;
        }
        let padding = specification.width.saturating_sub(shown);
        if !specification.left {
            self.repeat(b' ', padding)?;
        }
        self.add(shown)?;
        for index in 0..characters {
            let value = self.arguments.wide(address, index);
            let (bytes, length) = crate::utf8::encode(value).ok_or(FormatError::IllegalSequence)?;
            self.output.write(&bytes[..length]);
        }
        if specification.left {
            self.repeat(b' ', padding)?;
        }
        Ok(())
    }
}

fn first_characters(text: &[u8], limit: usize) -> &[u8] {
    let mut starts = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte & 0xc0 != 0x80);
    match starts.nth(limit) {
        Some((index, _)) => &text[..index],
        None => text,
    }
}

#[cfg(test)]
mod tests;
