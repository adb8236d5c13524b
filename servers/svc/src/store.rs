//! The handle store: what servers park for their next instance.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use kernel_abi::Handle;

/// Most handles one server may park.
pub const MAX_PARKED: usize = 256;
/// Longest name.
pub const MAX_NAME: usize = 64;

/// Why a handle is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The name is empty, too long or not UTF-8.
    BadName,
    /// The server has parked [`MAX_PARKED`] already.
    Full,
    /// Nothing of that name.
    NotFound,
}

struct Parked {
    server: usize,
    name: String,
    handle: Handle,
}

/// Handles by server and name.
#[derive(Default)]
pub struct Store {
    parked: Vec<Parked>,
}

impl Store {
    fn position(&self, server: usize, name: &[u8]) -> Option<usize> {
        self.parked
            .iter()
            .position(|parked| parked.server == server && parked.name.as_bytes() == name)
    }

    /// Keeps a handle. Returns the one it replaces, for the caller to close.
    pub fn park(
        &mut self,
        server: usize,
        name: &[u8],
        handle: Handle,
    ) -> Result<Option<Handle>, StoreError> {
        let text = core::str::from_utf8(name).map_err(|_| StoreError::BadName)?;
        if text.is_empty() || text.len() > MAX_NAME {
            return Err(StoreError::BadName);
        }
        if let Some(index) = self.position(server, name) {
            return Ok(Some(core::mem::replace(
                &mut self.parked[index].handle,
                handle,
            )));
        }
        if self
            .parked
            .iter()
            .filter(|parked| parked.server == server)
            .count()
            >= MAX_PARKED
        {
            return Err(StoreError::Full);
        }
        self.parked.push(Parked {
            server,
            name: text.to_string(),
            handle,
        });
        Ok(None)
    }

    /// The handle kept under a name.
    pub fn find(&self, server: usize, name: &[u8]) -> Result<Handle, StoreError> {
        let index = self.position(server, name).ok_or(StoreError::NotFound)?;
        Ok(self.parked[index].handle)
    }

    /// Forgets a name and returns its handle, for the caller to close.
    pub fn forget(&mut self, server: usize, name: &[u8]) -> Result<Handle, StoreError> {
        let index = self.position(server, name).ok_or(StoreError::NotFound)?;
        Ok(self.parked.swap_remove(index).handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_handle_is_found_by_its_server_only() {
        let mut store = Store::default();
        assert_eq!(store.park(1, b"rings", Handle(7)), Ok(None));
        assert_eq!(store.find(1, b"rings"), Ok(Handle(7)));
        assert_eq!(store.find(2, b"rings"), Err(StoreError::NotFound));
    }

    #[test]
    fn parking_again_gives_the_old_handle_back() {
        let mut store = Store::default();
        store.park(1, b"state", Handle(7)).unwrap();
        assert_eq!(store.park(1, b"state", Handle(8)), Ok(Some(Handle(7))));
        assert_eq!(store.forget(1, b"state"), Ok(Handle(8)));
        assert_eq!(store.forget(1, b"state"), Err(StoreError::NotFound));
    }

    #[test]
    fn bad_names_and_too_many_handles_are_refused() {
        let mut store = Store::default();
        assert_eq!(store.park(1, b"", Handle(7)), Err(StoreError::BadName));
        assert_eq!(
            store.park(1, &[b'x'; 65], Handle(7)),
            Err(StoreError::BadName)
        );
        assert_eq!(store.park(1, b"\xff", Handle(7)), Err(StoreError::BadName));
        for index in 0..MAX_PARKED {
            store
                .park(1, std::format!("h{index}").as_bytes(), Handle(7))
                .unwrap();
        }
        assert_eq!(store.park(1, b"one more", Handle(7)), Err(StoreError::Full));
        assert_eq!(store.park(2, b"another's", Handle(7)), Ok(None));
    }
}
