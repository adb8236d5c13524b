//! From a tree to instructions; each node knows its own, which are contiguous.

use super::parse::{Assertion, Kind, Node};
use super::set::Set;
use super::{Options, RegexError};
use crate::character::{to_lower, to_upper};
use alloc::vec::Vec;

#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    Character(u32),
    /// Either of two forms, for patterns without regard to case.
    Either(u32, u32),
    Any,
    Set(usize),
    Assertion(Assertion),
    /// Goes on at both places.
    Split(usize, usize),
    Jump(usize),
    /// Only [`super::backtrack`] knows what it matches.
    Reference,
}

#[derive(Debug)]
pub(super) struct Program {
    pub code: Vec<Instruction>,
    pub sets: Vec<Set>,
    pub options: Options,
    /// The bytes a match can begin with; `None` when it can be empty or begin anywhere.
    pub first: Option<[bool; 256]>,
}

const CODE_MAX: usize = 200_000;

impl Program {
    pub fn compile(tree: &mut Node, sets: Vec<Set>, options: Options) -> Result<Self, RegexError> {
        let mut program = Program {
            code: Vec::new(),
            sets,
            options,
            first: None,
        };
        program.emit(tree)?;
        program.first = program.first_bytes();
        Ok(program)
    }

    fn emit(&mut self, node: &mut Node) -> Result<(), RegexError> {
        if self.code.len() > CODE_MAX {
            return Err(RegexError::TooLarge);
        }
        node.start = self.code.len();
        match &mut node.kind {
            Kind::Empty => {}
            Kind::Character(character) => self.code.push(self.character(*character)),
            Kind::Any => self.code.push(Instruction::Any),
            Kind::Set(index) => self.code.push(Instruction::Set(*index)),
            Kind::Assertion(assertion) => self.code.push(Instruction::Assertion(*assertion)),
            Kind::Reference(_) => self.code.push(Instruction::Reference),
            Kind::Group(inner, _) => self.emit(inner)?,
            Kind::Sequence(parts) => {
                for part in parts {
                    self.emit(part)?;
                }
            }
            Kind::Alternatives(branches) => self.emit_alternatives(branches)?,
            Kind::Star(inner) => {
                let split = self.code.len();
                self.code.push(Instruction::Jump(0));
                self.emit(inner)?;
                self.code.push(Instruction::Jump(split));
                self.code[split] = Instruction::Split(split + 1, self.code.len());
            }
            Kind::Optional(inner) => {
                let split = self.code.len();
                self.code.push(Instruction::Jump(0));
                self.emit(inner)?;
                self.code[split] = Instruction::Split(split + 1, self.code.len());
            }
        }
        node.end = self.code.len();
        Ok(())
    }

    fn emit_alternatives(&mut self, branches: &mut [Node]) -> Result<(), RegexError> {
        let mut jumps = Vec::new();
        let last = branches.len() - 1;
        for (index, branch) in branches.iter_mut().enumerate() {
            if index == last {
                self.emit(branch)?;
                continue;
            }
            let split = self.code.len();
            self.code.push(Instruction::Jump(0));
            self.emit(branch)?;
            jumps.push(self.code.len());
            self.code.push(Instruction::Jump(0));
            self.code[split] = Instruction::Split(split + 1, self.code.len());
        }
        for jump in jumps {
            self.code[jump] = Instruction::Jump(self.code.len());
        }
        Ok(())
    }

    fn character(&self, character: u32) -> Instruction {
        if self.options.fold_case {
            let (lower, upper) = (to_lower(character), to_upper(character));
            if lower != upper {
                return Instruction::Either(lower, upper);
            }
        }
        Instruction::Character(character)
    }

    /// Whether an instruction takes `character`.
    pub fn takes(&self, instruction: Instruction, character: u32) -> bool {
        match instruction {
            Instruction::Character(wanted) => wanted == character,
            Instruction::Either(lower, upper) => lower == character || upper == character,
            Instruction::Any => !(self.options.newline && character == 10),
            Instruction::Set(index) => self.sets[index].contains(character, self.options.fold_case),
            _ => false,
        }
    }

    fn first_bytes(&self) -> Option<[bool; 256]> {
        let mut bytes = [false; 256];
        let mut seen = alloc::vec![false; self.code.len() + 1];
        let mut stack = alloc::vec![0];
        while let Some(place) = stack.pop() {
            if core::mem::replace(&mut seen[place], true) {
                continue;
            }
            match *self.code.get(place)? {
                Instruction::Jump(to) => stack.push(to),
                Instruction::Split(left, right) => stack.extend([left, right]),
                Instruction::Assertion(_) => stack.push(place + 1),
                Instruction::Reference => return None,
                instruction => self.add_first(instruction, &mut bytes),
            }
        }
        Some(bytes)
    }

    fn add_first(&self, instruction: Instruction, bytes: &mut [bool; 256]) {
        let mut add = |character: u32| match character {
            0..=0x7f => bytes[character as usize] = true,
            // The first byte of a longer character, or a byte that is no character.
            _ => bytes[0x80..].fill(true),
        };
        match instruction {
            Instruction::Character(character) => add(character),
            Instruction::Either(lower, upper) => {
                add(lower);
                add(upper);
            }
            Instruction::Set(index) => {
                let ascii = self.sets[index].ascii();
                (0..128)
                    .filter(|character| ascii >> character & 1 != 0)
                    .for_each(&mut add);
                add(0x80);
            }
            _ => bytes.fill(true),
        }
    }
}
