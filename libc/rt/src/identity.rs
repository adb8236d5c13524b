//! Who the process is, read from the identity page without entering the kernel.

use kernel_abi::IDENTITY_PAGE;
use proto::Identity;
use proto::types::Plain;

fn page() -> &'static [u8; Identity::SIZE] {
    // SAFETY: the kernel maps this page, readable, into every process. It is bytes here; words
    // that the process server changes meanwhile are read again by the next caller.
    unsafe { &*(IDENTITY_PAGE as *const [u8; Identity::SIZE]) }
}

/// The whole of it.
pub fn identity() -> Identity {
    // The page is as long as the structure, so that this cannot fail.
    Identity::decode(page()).unwrap_or_else(|| unreachable!())
}

fn word(offset: usize) -> u64 {
    // SAFETY: within the page, which is aligned to more than 8 bytes.
    unsafe { core::ptr::read_volatile((IDENTITY_PAGE as usize + offset) as *const u64) }
}

fn half(offset: usize) -> u32 {
    // SAFETY: as above.
    unsafe { core::ptr::read_volatile((IDENTITY_PAGE as usize + offset) as *const u32) }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $read:ident -> $type:ty = $($field:ident).+;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name() -> $type {
            $read(core::mem::offset_of!(Identity, $($field).+))
        }
    )*};
}

fields! {
    /// Process id.
    process: word -> u64 = process;
    /// Parent's id.
    parent: word -> u64 = parent;
    /// Process group.
    group: word -> u64 = group;
    /// Session.
    session: word -> u64 = session;
    /// Real user.
    real_user: half -> u32 = real_user;
    /// Effective user.
    effective_user: half -> u32 = credentials.user;
    /// Saved user.
    saved_user: half -> u32 = saved_user;
    /// Real group.
    real_group: half -> u32 = real_group;
    /// Effective group.
    effective_group: half -> u32 = credentials.group;
    /// Saved group.
    saved_group: half -> u32 = saved_group;
    /// File-mode creation mask.
    umask: half -> u32 = credentials.umask;
    /// Controlling terminal's device number.
    terminal: word -> u64 = terminal;
}
