//! The compact form: little-endian numbers and length-prefixed UTF-8, in the order of the fields.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{DeclarationError, Interrupt, Ports, Server, Session, System};

const MAGIC: &[u8; 8] = b"MKSYSTM2";
/// No list of a sound declaration is longer.
const MAX_ITEMS: u64 = 256;

impl System {
    /// The compact form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        list(&mut out, &self.servers, |out, server| {
            text(out, &server.name);
            text(out, &server.program);
            list(out, &server.arguments, |out, argument| text(out, argument));
            number(out, server.priority.into());
            number(out, server.deadline_s.into());
            number(out, server.heap_mb.into());
            list(out, &server.sessions, |out, session| {
                text(out, &session.name);
                text(out, &session.server);
                number(out, session.badge);
            });
            list(out, &server.ports, |out, ports| {
                text(out, &ports.name);
                number(out, ports.base.into());
                number(out, ports.count.into());
            });
            list(out, &server.interrupts, |out, interrupt| {
                text(out, &interrupt.name);
                number(out, interrupt.line.into());
            });
            let flags = [
                server.resource,
                server.control,
                server.unmount,
                server.essential,
                server.processes,
                server.keeper,
            ];
            number(
                out,
                flags
                    .iter()
                    .enumerate()
                    .map(|(bit, on)| u64::from(*on) << bit)
                    .sum(),
            );
        });
        out
    }

    /// Decodes and validates. Zero bytes may follow (the bundle pads to pages).
    pub fn decode(bytes: &[u8]) -> Result<System, DeclarationError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(DeclarationError::Compact(0));
        }
        let servers = reader.list(Reader::server)?;
        if bytes[reader.at..].iter().any(|byte| *byte != 0) {
            return Err(DeclarationError::Compact(reader.at));
        }
        let system = System { servers };
        system.validate()?;
        Ok(system)
    }
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn list<T>(out: &mut Vec<u8>, items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    number(out, items.len() as u64);
    items.iter().for_each(|item| each(out, item));
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn damaged(&self) -> DeclarationError {
        DeclarationError::Compact(self.at)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DeclarationError> {
        let end = self.at.checked_add(length).ok_or(self.damaged())?;
        let slice = self.bytes.get(self.at..end).ok_or(self.damaged())?;
        self.at = end;
        Ok(slice)
    }

    fn number(&mut self) -> Result<u64, DeclarationError> {
        let damaged = self.damaged();
        self.take(8)?
            .try_into()
            .map(u64::from_le_bytes)
            .map_err(|_| damaged)
    }

    fn small(&mut self) -> Result<u32, DeclarationError> {
        let damaged = self.damaged();
        u32::try_from(self.number()?).map_err(|_| damaged)
    }

    fn text(&mut self) -> Result<String, DeclarationError> {
        let damaged = self.damaged();
        let length = usize::try_from(self.number()?).map_err(|_| damaged.clone())?;
        core::str::from_utf8(self.take(length)?)
            .map(|text| text.to_string())
            .map_err(|_| damaged)
    }

    fn list<T>(
        &mut self,
        each: impl Fn(&mut Self) -> Result<T, DeclarationError>,
    ) -> Result<Vec<T>, DeclarationError> {
        let damaged = self.damaged();
        let count = self.number()?;
        if count > MAX_ITEMS {
            return Err(damaged);
        }
        (0..count).map(|_| each(self)).collect()
    }

    fn server(&mut self) -> Result<Server, DeclarationError> {
        let mut server = Server {
            name: self.text()?,
            program: self.text()?,
            arguments: self.list(Reader::text)?,
            priority: self.small()?,
            deadline_s: self.small()?,
            heap_mb: self.small()?,
            sessions: self.list(|reader| {
                Ok(Session {
                    name: reader.text()?,
                    server: reader.text()?,
                    badge: reader.number()?,
                })
            })?,
            ports: self.list(|reader| {
                Ok(Ports {
                    name: reader.text()?,
                    base: reader.small()?,
                    count: reader.small()?,
                })
            })?,
            interrupts: self.list(|reader| {
                Ok(Interrupt {
                    name: reader.text()?,
                    line: reader.small()?,
                })
            })?,
            ..Server::default()
        };
        let flags = self.number()?;
        if flags > 63 {
            return Err(self.damaged());
        }
        server.resource = flags & 1 != 0;
        server.control = flags & 2 != 0;
        server.unmount = flags & 4 != 0;
        server.essential = flags & 8 != 0;
        server.processes = flags & 16 != 0;
        server.keeper = flags & 32 != 0;
        Ok(server)
    }
}
