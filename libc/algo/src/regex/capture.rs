//! Which part of a match each subexpression took.

use super::parse::{Kind, Node};
use super::program::Program;
use super::search::ends;
use super::{Span, Text};

/// Fills `spans[1..]` for a match of the whole tree over `span`.
pub(super) fn capture(
    tree: &Node,
    program: &Program,
    text: &Text<'_>,
    span: Span,
    spans: &mut [Option<Span>],
) {
    Walk {
        program,
        text,
        spans,
    }
    .walk(tree, span);
}

struct Walk<'a, 'b> {
    program: &'a Program,
    text: &'a Text<'b>,
    spans: &'a mut [Option<Span>],
}

impl Walk<'_, '_> {
    /// Whether instructions can match exactly this span.
    fn can(&self, code: (usize, usize), (from, to): Span) -> bool {
        ends(self.program, self.text, code, from, to).last() == Some(&to)
    }

    /// Walks a node that is known to match exactly `span`.
    fn walk(&mut self, node: &Node, span: Span) {
        match &node.kind {
            Kind::Group(inner, number) => {
                if let Some(place) = self.spans.get_mut(*number) {
                    *place = Some(span);
                }
                self.walk(inner, span);
            }
            Kind::Sequence(parts) => self.sequence(parts, node.end, span),
            Kind::Alternatives(branches) => {
                if let Some(branch) = branches
                    .iter()
                    .find(|branch| self.can((branch.start, branch.end), span))
                {
                    self.walk(branch, span);
                }
            }
            Kind::Optional(inner) => {
                if span.0 < span.1 || self.can((inner.start, inner.end), span) {
                    self.walk(inner, span);
                }
            }
            Kind::Star(inner) => self.star(node, inner, span),
            _ => {}
        }
    }

    /// Each part takes the most that lets the parts behind it match the rest.
    fn sequence(&mut self, parts: &[Node], end: usize, (mut from, to): Span) {
        for (index, part) in parts.iter().enumerate() {
            if !has_group(&parts[index..]) {
                return;
            }
            let rest = (part.end, end);
            let taken = ends(self.program, self.text, (part.start, part.end), from, to)
                .into_iter()
                .rev()
                .find(|&place| {
                    if index + 1 == parts.len() {
                        place == to
                    } else {
                        self.can(rest, (place, to))
                    }
                });
            let Some(place) = taken else { return };
            self.walk(part, (from, place));
            from = place;
        }
    }

    fn star(&mut self, node: &Node, inner: &Node, (mut from, to): Span) {
        if !has_group(core::slice::from_ref(inner)) {
            return;
        }
        // No iteration but an empty one: it counts, unless a copy before the star (of `+`
        // or an interval) has matched already.
        if from == to && !self.is_set(inner) && self.can((inner.start, inner.end), (from, to)) {
            self.walk(inner, (from, to));
        }
        while from < to {
            let taken = ends(self.program, self.text, (inner.start, inner.end), from, to)
                .into_iter()
                .rev()
                .find(|&place| {
                    place > from && (place == to || self.can((node.start, node.end), (place, to)))
                });
            let Some(place) = taken else { return };
            // An iteration's groups are its own: what an earlier one matched is forgotten.
            self.forget(inner);
            self.walk(inner, (from, place));
            from = place;
        }
    }

    fn is_set(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Group(inner, number) => {
                self.spans.get(*number).is_some_and(Option::is_some) || self.is_set(inner)
            }
            Kind::Sequence(parts) | Kind::Alternatives(parts) => {
                parts.iter().any(|part| self.is_set(part))
            }
            Kind::Star(inner) | Kind::Optional(inner) => self.is_set(inner),
            _ => false,
        }
    }

    fn forget(&mut self, node: &Node) {
        match &node.kind {
            Kind::Group(inner, number) => {
                if let Some(place) = self.spans.get_mut(*number) {
                    *place = None;
                }
                self.forget(inner);
            }
            Kind::Sequence(parts) | Kind::Alternatives(parts) => {
                parts.iter().for_each(|part| self.forget(part))
            }
            Kind::Star(inner) | Kind::Optional(inner) => self.forget(inner),
            _ => {}
        }
    }
}

fn has_group(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match &node.kind {
        Kind::Group(..) => true,
        Kind::Sequence(parts) | Kind::Alternatives(parts) => has_group(parts),
        Kind::Star(inner) | Kind::Optional(inner) => has_group(core::slice::from_ref(inner)),
        _ => false,
    })
}
