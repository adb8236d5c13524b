//! The repetition operators of a pattern: `*`, `+`, `?` and intervals.

use super::RegexError;
use super::parse::{Kind, Node, Parser};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// RE_DUP_MAX.
const REPEAT_MAX: usize = 255;

/// How often a part may repeat.
type Bounds = (usize, Option<usize>);

impl Parser<'_> {
    /// Applies the repetition operators that follow an atom, which cost `cost` nodes.
    pub(super) fn repeated(&mut self, mut node: Node, mut cost: usize) -> Result<Node, RegexError> {
        while let Some(bounds) = self.repetition()? {
            let before = self.nodes;
            node = self.repeat(node, bounds, cost)?;
            cost += self.nodes - before;
        }
        Ok(node)
    }

    fn repetition(&mut self) -> Result<Option<Bounds>, RegexError> {
        if self.take(b"*") {
            return Ok(Some((0, None)));
        }
        if self.take_operator(b'+') {
            return Ok(Some((1, None)));
        }
        if self.take_operator(b'?') {
            return Ok(Some((0, Some(1))));
        }
        if !self.operator(b'{') {
            return Ok(None);
        }
        if self.options.extended
            && !self
                .rest()
                .get(1)
                .is_some_and(|byte| byte.is_ascii_digit() || *byte == b',')
        {
            return Ok(None);
        }
        self.take_operator(b'{');
        let least = self.number()?;
        let most = if self.take(b",") {
            self.number()?
        } else {
            least
        };
        let closed = if self.options.extended {
            self.take(b"}")
        } else {
            self.take(b"\\}")
        };
        if !closed {
            return Err(if self.index >= self.pattern.len() {
                RegexError::Brace
            } else {
                RegexError::BraceContent
            });
        }
        let least = least.unwrap_or(0);
        if most.is_some_and(|most| most < least) {
            return Err(RegexError::BraceContent);
        }
        Ok(Some((least, most)))
    }

    fn number(&mut self) -> Result<Option<usize>, RegexError> {
        let digits = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let value = self.rest()[..digits].iter().fold(0usize, |value, byte| {
            (value * 10 + usize::from(byte - b'0')).min(REPEAT_MAX + 1)
        });
        self.index += digits;
        match (digits, value) {
            (0, _) => Ok(None),
            (_, value) if value > REPEAT_MAX => Err(RegexError::BraceContent),
            (_, value) => Ok(Some(value)),
        }
    }

    /// Writes a repetition as copies, options and a star.
    fn repeat(
        &mut self,
        node: Node,
        (least, most): Bounds,
        cost: usize,
    ) -> Result<Node, RegexError> {
        self.count(cost * most.unwrap_or(least).max(1) + 2)?;
        if (least, most) == (0, None) {
            return Ok(Node::new(Kind::Star(Box::new(node))));
        }
        if most == Some(0) {
            return Ok(Node::new(Kind::Empty));
        }
        let mut parts: Vec<Node> = core::iter::repeat_n(&node, least).cloned().collect();
        match most {
            None => parts.push(Node::new(Kind::Star(Box::new(node)))),
            Some(most) if most > least => {
                // x{0,3} is (x(x(x)?)?)?, so that fewer than three are still one path.
                let mut tail = Node::new(Kind::Optional(Box::new(node.clone())));
                for _ in least + 1..most {
                    tail = Node::new(Kind::Optional(Box::new(Node::new(Kind::Sequence(
                        alloc::vec![node.clone(), tail],
                    )))));
                }
                parts.push(tail);
            }
            Some(_) => {}
        }
        Ok(Node::new(Kind::Sequence(parts)))
    }
}
