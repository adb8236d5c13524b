//! Room for the strings and lists of entries that the library gives to programs in their buffers.

use core::ffi::c_char;

/// Room for an entry's strings, taken piece by piece.
pub(super) struct Room {
    next: *mut u8,
    left: usize,
}

impl Room {
    /// The whole of a buffer of the caller's.
    pub(super) fn new(buffer: *mut c_char, size: usize) -> Room {
        Room {
            next: buffer.cast(),
            left: size,
        }
    }

    /// A NUL-ended copy of a text, if there is room.
    pub(super) unsafe fn string(&mut self, text: &[u8]) -> Option<*mut c_char> {
        if text.len() + 1 > self.left {
            return None;
        }
        let place = self.next;
        // SAFETY: `left` bytes are at `next`.
        unsafe {
            core::ptr::copy_nonoverlapping(text.as_ptr(), place, text.len());
            *place.add(text.len()) = 0;
            self.next = place.add(text.len() + 1);
        }
        self.left -= text.len() + 1;
        Some(place.cast())
    }

    /// A list of so many pointers, if there is room.
    pub(super) unsafe fn pointers(&mut self, count: usize) -> Option<*mut *mut c_char> {
        let padding = (self.next as usize).wrapping_neg() & 7;
        let size = padding + count * 8;
        if size > self.left {
            return None;
        }
        let place = self.next.wrapping_add(padding);
        self.next = self.next.wrapping_add(size);
        self.left -= size;
        Some(place.cast())
    }

    /// A list of strings, ended by a null pointer.
    pub(super) unsafe fn list<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Option<*mut *mut c_char> {
        let count = texts.clone().count();
        // SAFETY: there is room for `count + 1` pointers.
        unsafe {
            let list = self.pointers(count + 1)?;
            for (index, text) in texts.enumerate() {
                *list.add(index) = self.string(text)?;
            }
            *list.add(count) = core::ptr::null_mut();
            Some(list)
        }
    }
}
