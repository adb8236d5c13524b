//! One console: calls that wait, and buffers on their way.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use driver_hal::Window;
use proto::{Answer, Error};
use virtio::{Queue, QueueError, Segment};

/// Bytes of an input buffer.
pub const RECEIVE_SIZE: u64 = 4096;
/// Input buffers: what the host may send ahead of the reader.
pub const RECEIVE_COUNT: usize = 16;
/// Bytes of an output buffer.
pub const TRANSMIT_SIZE: u64 = 16 * 1024;
/// Output buffers: what is on its way to the host at once.
pub const TRANSMIT_COUNT: usize = 32;

/// What a port needs of the kernel.
pub trait Kernel {
    /// Copies out of a waiting caller's buffer.
    fn read(&mut self, token: u64, offset: u64, bytes: &mut [u8]) -> Result<usize, Error>;
    /// Copies into it.
    fn write(&mut self, token: u64, offset: u64, bytes: &[u8]) -> Result<usize, Error>;
    /// Answers a call that was kept.
    fn reply(&mut self, token: u64, result: Result<Answer, Error>);
}

/// Equal pieces of memory shared with the device.
pub struct Buffers<W: Window> {
    window: W,
    address: u64,
    size: u64,
    count: usize,
}

impl<W: Window> Buffers<W> {
    /// `count` pieces of `size` bytes in `window`, which the device sees at `address`.
    pub fn new(window: W, address: u64, size: u64, count: usize) -> Buffers<W> {
        Buffers {
            window,
            address,
            size,
            count,
        }
    }

    fn segment(&self, index: usize, length: u64, device_writes: bool) -> Segment {
        Segment {
            address: self.address + index as u64 * self.size,
            length: length as u32,
            device_writes,
        }
    }

    fn offset(&self, index: usize) -> u64 {
        index as u64 * self.size
    }
}

/// A call to write that is not done.
struct Writer {
    token: u64,
    length: u64,
    copied: u64,
    sent: u64,
}

/// A call to read that found nothing.
struct Reader {
    token: u64,
    badge: u64,
    length: u64,
}

/// Input that arrived: a buffer and the part of it not read yet.
struct Input {
    buffer: usize,
    start: u64,
    end: u64,
}

/// A console.
///
/// A write is answered when the device has taken all of it, not when it has been copied: what a
/// program has written before it ends is with the host even if the machine stops at once.
pub struct Port<W: Window, K: Kernel> {
    receive: Queue<W>,
    transmit: Queue<W>,
    input_buffers: Buffers<W>,
    output_buffers: Buffers<W>,
    free_output: Vec<usize>,
    /// Writer's token and length of each output buffer on its way.
    in_flight: Vec<(u64, u64)>,
    input: VecDeque<Input>,
    readers: VecDeque<Reader>,
    writers: VecDeque<Writer>,
    kernel: K,
}

impl<W: Window, K: Kernel> Port<W, K> {
    /// A port over its two queues; offers all input buffers to the device.
    pub fn new(
        receive: Queue<W>,
        transmit: Queue<W>,
        input_buffers: Buffers<W>,
        output_buffers: Buffers<W>,
        kernel: K,
    ) -> Port<W, K> {
        let mut port = Port {
            free_output: (0..output_buffers.count).rev().collect(),
            in_flight: vec![(0, 0); output_buffers.count],
            receive,
            transmit,
            input_buffers,
            output_buffers,
            input: VecDeque::new(),
            readers: VecDeque::new(),
            writers: VecDeque::new(),
            kernel,
        };
        (0..port.input_buffers.count).for_each(|buffer| port.offer_input(buffer));
        port.receive.notify();
        port
    }

    /// Whether a read would not wait.
    pub fn is_readable(&self) -> bool {
        !self.input.is_empty()
    }

    /// Whether a write would not wait for others.
    pub fn is_writable(&self) -> bool {
        !self.free_output.is_empty() && !self.has_uncopied()
    }

    fn has_uncopied(&self) -> bool {
        let uncopied = |writer: &Writer| writer.copied < writer.length;
        self.writers.back().is_some_and(uncopied)
    }

    /// Writes `length` bytes of the caller's buffer. `None`: the call is kept.
    ///
    /// # Errors
    /// `WouldBlock` when the caller does not want to wait for room.
    pub fn write(
        &mut self,
        token: u64,
        length: u64,
        non_blocking: bool,
    ) -> Result<Option<u64>, Error> {
        if length == 0 {
            return Ok(Some(0));
        }
        if non_blocking && !self.is_writable() {
            return Err(Error::WouldBlock);
        }
        self.writers.push_back(Writer {
            token,
            length,
            copied: 0,
            sent: 0,
        });
        self.pump();
        if non_blocking
            && let Some(writer) = self.writers.back_mut()
            && writer.token == token
        {
            // Part of it is as good as all of it; the rest is not waited for.
            writer.length = writer.copied;
        }
        Ok(None)
    }

    /// Reads at most `length` bytes into the caller's buffer. `None`: the call is kept.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing and the caller does not want to wait; those of copying.
    pub fn read(
        &mut self,
        token: u64,
        badge: u64,
        length: u64,
        non_blocking: bool,
    ) -> Result<Option<u64>, Error> {
        if length == 0 {
            return Ok(Some(0));
        }
        if self.is_readable() {
            return self.take_input(token, length).map(Some);
        }
        if non_blocking {
            return Err(Error::WouldBlock);
        }
        self.readers.push_back(Reader {
            token,
            badge,
            length,
        });
        Ok(None)
    }

    /// A kept call is to be answered soon: a read has read nothing, a write what was copied.
    /// Says whether the call was this port's.
    pub fn cancel(&mut self, token: u64) -> bool {
        if let Some(at) = self.readers.iter().position(|reader| reader.token == token) {
            self.readers.remove(at);
            self.kernel.reply(token, Err(Error::Interrupted));
            return true;
        }
        let Some(at) = self.writers.iter().position(|writer| writer.token == token) else {
            return false;
        };
        self.give_up(at, Error::Interrupted);
        true
    }

    /// Forgets the reads of a session whose last handle is gone.
    pub fn closed(&mut self, badge: u64) {
        while let Some(at) = self.readers.iter().position(|reader| reader.badge == badge) {
            if let Some(reader) = self.readers.remove(at) {
                self.kernel.reply(reader.token, Err(Error::BadHandle));
            }
        }
    }

    /// Takes what the device has finished, answers calls, and goes on.
    ///
    /// # Errors
    /// [`QueueError::BrokenDevice`].
    pub fn interrupted(&mut self) -> Result<(), QueueError> {
        while let Some(completion) = self.transmit.pop()? {
            let buffer = completion.cookie as usize;
            self.free_output.push(buffer);
            let (token, length) = self.in_flight[buffer];
            self.count_sent(token, length);
        }
        while let Some(completion) = self.receive.pop()? {
            let buffer = completion.cookie as usize;
            let end = u64::from(completion.written);
            if end > self.input_buffers.size {
                return Err(QueueError::BrokenDevice);
            }
            let start = 0;
            match end {
                0 => self.offer_input(buffer),
                _ => self.input.push_back(Input { buffer, start, end }),
            }
        }
        self.receive.notify();
        self.serve_readers();
        self.pump();
        Ok(())
    }

    fn count_sent(&mut self, token: u64, length: u64) {
        let Some(at) = self.writers.iter().position(|writer| writer.token == token) else {
            return;
        };
        let writer = &mut self.writers[at];
        writer.sent += length;
        if writer.sent == writer.length {
            let answer = Answer::value(writer.length);
            self.writers.remove(at);
            self.kernel.reply(token, Ok(answer));
        }
    }

    fn serve_readers(&mut self) {
        while self.is_readable()
            && let Some(reader) = self.readers.pop_front()
        {
            let result = self.take_input(reader.token, reader.length);
            self.kernel.reply(reader.token, result.map(Answer::value));
        }
    }

    /// Copies input to a caller, and gives emptied buffers back to the device.
    fn take_input(&mut self, token: u64, length: u64) -> Result<u64, Error> {
        let mut done = 0;
        let mut returned = false;
        while done < length
            && let Some(input) = self.input.front_mut()
        {
            let count = (input.end - input.start).min(length - done);
            let mut bytes = vec![0; count as usize];
            let at = self.input_buffers.offset(input.buffer) + input.start;
            self.input_buffers.window.read_bytes(at, &mut bytes);
            // What could not be copied stays, for the next reader.
            let copied = self.kernel.write(token, done, &bytes)? as u64;
            done += copied;
            input.start += copied;
            if copied < count {
                break;
            }
            if input.start == input.end {
                let buffer = input.buffer;
                self.input.pop_front();
                self.offer_input(buffer);
                returned = true;
            }
        }
        if returned {
            self.receive.notify();
        }
        Ok(done)
    }

    fn offer_input(&mut self, buffer: usize) {
        let segment = self
            .input_buffers
            .segment(buffer, self.input_buffers.size, true);
        // There are fewer buffers than descriptors.
        let _ = self.receive.add(&[segment], buffer as u64);
    }

    /// Copies from writers, in their order, into free buffers.
    fn pump(&mut self) {
        let mut offered = false;
        let mut at = 0;
        while let Some(writer) = self.writers.get_mut(at) {
            if writer.copied == writer.length {
                at += 1;
                continue;
            }
            let Some(&buffer) = self.free_output.last() else {
                break;
            };
            let count = (writer.length - writer.copied).min(self.output_buffers.size);
            let mut bytes = vec![0; count as usize];
            let token = writer.token;
            match self.kernel.read(token, writer.copied, &mut bytes) {
                Ok(copied) if copied as u64 == count => {}
                // The caller is gone, or its memory is.
                result => {
                    self.give_up(at, result.err().unwrap_or(Error::BadAddress));
                    continue;
                }
            }
            let offset = self.output_buffers.offset(buffer);
            self.output_buffers.window.write_bytes(offset, &bytes);
            let segment = self.output_buffers.segment(buffer, count, false);
            if self.transmit.add(&[segment], buffer as u64).is_err() {
                break;
            }
            writer.copied += count;
            self.free_output.pop();
            self.in_flight[buffer] = (token, count);
            offered = true;
        }
        if offered {
            self.transmit.notify();
        }
    }

    /// Ends a writer from which no more is taken.
    fn give_up(&mut self, at: usize, error: Error) {
        let writer = &mut self.writers[at];
        if writer.copied > writer.sent {
            // Part of it is on its way: answered with that when it has arrived.
            writer.length = writer.copied;
            return;
        }
        let (token, copied) = (writer.token, writer.copied);
        self.writers.remove(at);
        let result = if copied > 0 {
            Ok(Answer::value(copied))
        } else {
            Err(error)
        };
        self.kernel.reply(token, result);
    }
}
