//! The conversions that read numbers.

use super::{Directive, Scanner, Stop};
use crate::number;
use alloc::vec::Vec;

impl Scanner<'_> {
    /// Collects what may begin a number: with one byte of look-ahead, the longest prefix of
    /// a number, not the longest number, is what is consumed (C 7.21.6.2 footnote).
    fn number_text(
        &mut self,
        limit: usize,
        goes_on: impl Fn(&[u8], u8) -> bool,
    ) -> Result<Vec<u8>, Stop> {
        if self.source.peek().is_none() {
            return Err(Stop::Input);
        }
        let mut text = Vec::new();
        while let Some(byte) = self.source.peek() {
            if text.len() >= limit || !goes_on(&text, byte) {
                break;
            }
            text.push(byte);
            self.take();
        }
        Ok(text)
    }

    pub(super) fn integer(&mut self, directive: &Directive, base: u32) -> Result<(), Stop> {
        let text = self.number_text(Self::limit(directive), |text, byte| {
            integer_goes_on(text, byte, base)
        })?;
        let digits = text
            .strip_prefix(b"-")
            .or(text.strip_prefix(b"+"))
            .unwrap_or(&text);
        // A bare prefix is no number: "0x" is a matching failure.
        if digits.len() == 2
            && matches!(digits[1] | 0x20, b'x' | b'b')
            && base != 10
            && !char::from(digits[1]).is_digit(base.max(2))
        {
            return Err(Stop::Matching);
        }
        let found = number::integer(|index| text.get(index).copied().unwrap_or(0), base)
            .ok_or(Stop::Matching)?;
        if directive.suppress {
            return Ok(());
        }
        let value = if matches!(directive.letter, b'd' | b'i') {
            found.signed(i64::MIN, i64::MAX).0 as u64
        } else {
            found.unsigned(u64::MAX).0
        };
        let place = self.place(directive);
        self.targets.integer(place, directive.size.min(8), value);
        self.assigned += 1;
        Ok(())
    }

    pub(super) fn floating(&mut self, directive: &Directive) -> Result<(), Stop> {
        let text = self.number_text(Self::limit(directive), float_goes_on)?;
        let span = number::float_span(|index| text.get(index).copied().unwrap_or(0))
            .ok_or(Stop::Matching)?;
        // "1e+" was consumed, but it is no number.
        if span.end != text.len() {
            return Err(Stop::Matching);
        }
        if directive.suppress {
            return Ok(());
        }
        let digits = &text[span.start..span.end];
        let place = self.place(directive);
        match directive.size {
            16 => self
                .targets
                .extended(place, number::to_extended(digits, span).0),
            8 => self
                .targets
                .double(place, number::to_double(digits, span).0),
            _ => self
                .targets
                .single(place, number::to_single(digits, span).0),
        }
        self.assigned += 1;
        Ok(())
    }
}

fn integer_goes_on(text: &[u8], byte: u8, base: u32) -> bool {
    let signed = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let digits = &text[signed..];
    match digits {
        [] if matches!(byte, b'-' | b'+') => signed == 0,
        [b'0'] if byte | 0x20 == b'x' => matches!(base, 0 | 16),
        [b'0'] if byte | 0x20 == b'b' && matches!(base, 0 | 2) => true,
        _ => {
            let base = match (base, digits) {
                (0, [b'0', letter, ..]) if letter | 0x20 == b'x' => 16,
                (0, [b'0', letter, ..]) if letter | 0x20 == b'b' => 2,
                (0, [b'0', ..]) => 8,
                (0, _) => 10,
                (base, _) => base,
            };
            char::from(byte).is_digit(base)
        }
    }
}

fn float_goes_on(text: &[u8], byte: u8) -> bool {
    let signed = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let body = &text[signed..];
    let lower = byte | 0x20;
    if let Some(first) = body
        .first()
        .map(|byte| byte | 0x20)
        .filter(|first| matches!(first, b'i' | b'n'))
    {
        let word: &[u8] = if first == b'i' { b"infinity" } else { b"nan" };
        return match word.get(body.len()) {
            Some(&letter) => lower == letter,
            None if first == b'n' => {
                let closed = body.contains(&b')');
                if body.len() == 3 {
                    byte == b'('
                } else {
                    !closed && (byte.is_ascii_alphanumeric() || byte == b'_' || byte == b')')
                }
            }
            None => false,
        };
    }
    let hexadecimal = body.len() >= 2 && body[0] == b'0' && body[1] | 0x20 == b'x';
    let exponent_letter = if hexadecimal { b'p' } else { b'e' };
    let exponent = body
        .iter()
        .skip(if hexadecimal { 2 } else { 0 })
        .position(|byte| byte | 0x20 == exponent_letter);
    match (body.len(), byte) {
        (0, b'-' | b'+') => return signed == 0,
        (0, _) => return byte.is_ascii_digit() || byte == b'.' || matches!(lower, b'i' | b'n'),
        (1, _) if body[0] == b'0' && lower == b'x' => return true,
        _ => {}
    }
    if let Some(at) = exponent {
        let after = body.len() - at - 1 - if hexadecimal { 2 } else { 0 };
        return byte.is_ascii_digit() || after == 0 && matches!(byte, b'-' | b'+');
    }
    let has_digits = body
        .iter()
        .any(|byte| byte.is_ascii_digit() || hexadecimal && byte.is_ascii_hexdigit());
    match byte {
        b'.' => !body.contains(&b'.'),
        _ if lower == exponent_letter => has_digits,
        _ => byte.is_ascii_digit() || hexadecimal && byte.is_ascii_hexdigit(),
    }
}
