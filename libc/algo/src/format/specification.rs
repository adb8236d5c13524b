//! One conversion specification, parsed.

/// What an argument is fetched as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Double,
    LongDouble,
}

/// What the letter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    Signed,
    Unsigned,
    Floating,
    Character,
    WideCharacter,
    String,
    WideString,
    Pointer,
    Count,
    ErrorMessage,
}

/// `*` or `*n$`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub position: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Specification {
    pub position: Option<usize>,
    pub alternative: bool,
    pub zero: bool,
    pub left: bool,
    pub space: bool,
    pub plus: bool,
    pub width: usize,
    pub width_argument: Option<Source>,
    pub precision: Option<usize>,
    pub precision_argument: Option<Source>,
    /// The integer's size in bytes, or 16 for `long double`.
    pub size: usize,
    pub conversion: Conversion,
    pub letter: u8,
}

impl Specification {
    pub fn kind(&self) -> Kind {
        match (self.conversion, self.size) {
            (Conversion::Floating, 16) => Kind::LongDouble,
            (Conversion::Floating, _) => Kind::Double,
            _ => Kind::Integer,
        }
    }

    pub fn upper(&self) -> bool {
        self.letter.is_ascii_uppercase()
    }
}

struct Cursor<'a> {
    text: &'a [u8],
    index: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.index).copied().unwrap_or(0)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.index += usize::from(found);
        found
    }

    fn number(&mut self) -> usize {
        let mut value = 0usize;
        while self.peek().is_ascii_digit() {
            value = value
                .saturating_mul(10)
                .saturating_add(usize::from(self.peek() - b'0'));
            self.index += 1;
        }
        value
    }

    /// `n$`, or nothing.
    fn position(&mut self) -> Option<usize> {
        let start = self.index;
        let value = self.number();
        if value > 0 && self.take(b'$') {
            return Some(value);
        }
        self.index = start;
        None
    }

    fn source(&mut self) -> Option<Source> {
        self.take(b'*').then(|| Source {
            position: self.position(),
        })
    }
}

/// Parses the specification that `text` begins with (a `%`); also tells its length.
pub(super) fn parse(text: &[u8]) -> Option<(Specification, usize)> {
    let mut cursor = Cursor { text, index: 1 };
    let mut result = Specification {
        position: cursor.position(),
        alternative: false,
        zero: false,
        left: false,
        space: false,
        plus: false,
        width: 0,
        width_argument: None,
        precision: None,
        precision_argument: None,
        size: 4,
        conversion: Conversion::Signed,
        letter: 0,
    };
    loop {
        match cursor.peek() {
            b'#' => result.alternative = true,
            b'0' => result.zero = true,
            b'-' => result.left = true,
            b' ' => result.space = true,
            b'+' => result.plus = true,
            // No grouping in the C and C.UTF-8 locales.
            b'\'' => {}
            _ => break,
        }
        cursor.index += 1;
    }
    result.width_argument = cursor.source();
    if result.width_argument.is_none() {
        result.width = cursor.number();
    }
    if cursor.take(b'.') {
        result.precision_argument = cursor.source();
        if result.precision_argument.is_none() {
            // A negative precision is as if it were left out (C 7.21.6.1).
            let negative = cursor.take(b'-');
            let precision = cursor.number();
            result.precision = (!negative).then_some(precision);
        }
    }
    let modifier = length_modifier(&mut cursor);
    result.letter = cursor.peek();
    cursor.index += 1;
    finish(result, modifier).map(|result| (result, cursor.index))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Modifier {
    None,
    Bytes(usize),
    LongDouble,
}

fn length_modifier(cursor: &mut Cursor<'_>) -> Modifier {
    let first = cursor.peek();
    match first {
        b'h' | b'l' | b'j' | b'z' | b't' | b'q' | b'L' => {
            cursor.index += 1;
            match first {
                b'h' if cursor.take(b'h') => Modifier::Bytes(1),
                b'h' => Modifier::Bytes(2),
                b'L' => Modifier::LongDouble,
                b'l' => {
                    cursor.take(b'l');
                    Modifier::Bytes(8)
                }
                _ => Modifier::Bytes(8),
            }
        }
        // C23: a width in bits, of an exact (`w`) or fast (`wf`) type.
        b'w' => {
            cursor.index += 1;
            let fast = cursor.take(b'f');
            match (cursor.number(), fast) {
                (8, _) => Modifier::Bytes(1),
                (16, false) => Modifier::Bytes(2),
                (16, true) | (32, _) => Modifier::Bytes(4),
                _ => Modifier::Bytes(8),
            }
        }
        _ => Modifier::None,
    }
}

fn finish(mut result: Specification, modifier: Modifier) -> Option<Specification> {
    let long = modifier == Modifier::Bytes(8);
    if let Modifier::Bytes(size) = modifier {
        result.size = size;
    }
    result.conversion = match result.letter {
        b'd' | b'i' => Conversion::Signed,
        b'u' | b'o' | b'x' | b'X' | b'b' | b'B' => Conversion::Unsigned,
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'a' | b'A' => Conversion::Floating,
        b'c' if long => Conversion::WideCharacter,
        b'c' => Conversion::Character,
        b'C' => Conversion::WideCharacter,
        b's' if long => Conversion::WideString,
        b's' => Conversion::String,
        b'S' => Conversion::WideString,
        b'p' => Conversion::Pointer,
        b'n' => Conversion::Count,
        b'm' => Conversion::ErrorMessage,
        _ => return None,
    };
    if modifier == Modifier::LongDouble {
        // GNU's `L` before an integer conversion means `ll`.
        result.size = if result.conversion == Conversion::Floating {
            16
        } else {
            8
        };
    }
    Some(result)
}

/// The kinds of the numbered arguments of a whole format; `None` marks the first unused.
/// A hole in the numbering has no known type, so it makes the format invalid.
pub(super) fn positional_kinds<const N: usize>(format: &[u8]) -> Option<[Option<Kind>; N]> {
    let mut kinds = [None; N];
    let mut index = 0;
    while index < format.len() {
        if format[index] != b'%' {
            index += 1;
            continue;
        }
        if format.get(index + 1) == Some(&b'%') {
            index += 2;
            continue;
        }
        let (specification, length) = parse(&format[index..])?;
        let mut note = |position: Option<usize>, kind: Kind| -> Option<()> {
            *kinds.get_mut(position?.checked_sub(1)?)? = Some(kind);
            Some(())
        };
        if specification.conversion != Conversion::ErrorMessage {
            note(specification.position, specification.kind())?;
        }
        for source in [
            specification.width_argument,
            specification.precision_argument,
        ]
        .into_iter()
        .flatten()
        {
            note(source.position, Kind::Integer)?;
        }
        index += length;
    }
    let used = kinds.iter().take_while(|kind| kind.is_some()).count();
    kinds[used..].iter().all(Option::is_none).then_some(kinds)
}
