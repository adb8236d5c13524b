//! Bytes under way in a stream: a ring that grows as it needs to, filled and emptied in place, so
//! that what a program writes is copied once in and once out.

use alloc::boxed::Box;

/// Bytes that the ring has room for at least, once there is one.
const SMALLEST: usize = 256;

/// The ring. Its size is 0 or a power of two.
#[derive(Debug, Default)]
pub(crate) struct ByteQueue {
    storage: Box<[u8]>,
    first: usize,
    length: usize,
}

impl ByteQueue {
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The place of a byte, counted from the first one.
    #[inline]
    fn place(&self, index: usize) -> usize {
        self.first.wrapping_add(index) & self.storage.len().wrapping_sub(1)
    }

    /// Room for `count` more bytes, as two pieces, the second of which is mostly empty. What is
    /// written there counts only when [`ByteQueue::extend`] says so.
    pub fn room(&mut self, count: usize) -> [&mut [u8]; 2] {
        if self.storage.len() - self.length < count {
            self.grow(self.length + count);
        }
        let start = self.place(self.length);
        let (before, after) = self.storage.split_at_mut(start);
        let straight = count.min(after.len());
        let first = after.get_mut(..straight).unwrap_or_default();
        let second = before.get_mut(..count - straight).unwrap_or_default();
        [first, second]
    }

    /// The first `count` bytes of the room are data now.
    #[inline]
    pub fn extend(&mut self, count: usize) {
        self.length += count;
    }

    /// The first `count` bytes, or as many as there are, as two pieces.
    pub fn front(&self, count: usize) -> [&[u8]; 2] {
        let count = count.min(self.length);
        let after = self.storage.get(self.first..).unwrap_or_default();
        let straight = count.min(after.len());
        [
            after.get(..straight).unwrap_or_default(),
            self.storage.get(..count - straight).unwrap_or_default(),
        ]
    }

    /// Drops the first `count` bytes.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.length);
        self.length -= count;
        // An empty ring starts anew, so that the next bytes are in one piece.
        self.first = match self.length {
            0 => 0,
            _ => self.place(count),
        };
    }

    fn grow(&mut self, size: usize) {
        let size = size.next_power_of_two().max(SMALLEST);
        let mut storage = alloc::vec![0; size].into_boxed_slice();
        let pieces = self.front(self.length);
        let mut at = 0;
        for piece in pieces {
            if let Some(place) = storage.get_mut(at..at + piece.len()) {
                place.copy_from_slice(piece);
            }
            at += piece.len();
        }
        self.storage = storage;
        self.first = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::ByteQueue;
    use std::collections::VecDeque;
    use std::vec::Vec;

    fn push(queue: &mut ByteQueue, bytes: &[u8]) {
        let [first, second] = queue.room(bytes.len());
        let (left, right) = bytes.split_at(first.len());
        first.copy_from_slice(left);
        second.copy_from_slice(right);
        queue.extend(bytes.len());
    }

    fn front(queue: &ByteQueue, count: usize) -> Vec<u8> {
        queue.front(count).concat()
    }

    #[test]
    fn it_gives_the_bytes_in_the_order_they_came_however_it_wraps_and_grows() {
        let (mut queue, mut model) = (ByteQueue::default(), VecDeque::new());
        let mut next = 0u8;
        for step in 0..2000usize {
            let bytes: Vec<u8> = (0..step * 37 % 200)
                .map(|_| {
                    next = next.wrapping_add(1);
                    next
                })
                .collect();
            push(&mut queue, &bytes);
            model.extend(bytes);
            let count = (step * 53 % 230).min(model.len());
            let expected: Vec<u8> = model.drain(..count).collect();
            assert_eq!(front(&queue, count), expected);
            queue.consume(count);
            assert_eq!(
                (queue.len(), queue.is_empty()),
                (model.len(), model.is_empty())
            );
        }
    }

    #[test]
    fn what_is_written_to_the_room_counts_only_when_it_is_said_to() {
        let mut queue = ByteQueue::default();
        queue.room(3)[0].copy_from_slice(b"abc");
        assert!(queue.is_empty());
        queue.extend(2);
        assert_eq!(front(&queue, 10), b"ab");
        queue.consume(10);
        assert_eq!(queue.len(), 0);
    }
}
