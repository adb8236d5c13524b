//! A virtual wire to a guest's network card, with a peer at its other end that tests drive.
//!
//! The peer is 10.9.0.1. It gives the guest its address (DHCP), answers names in `test.` (DNS) and
//! serves what `services` lists. It can lose, double and reorder frames, and send such as no honest
//! peer would; the guest asks for that itself, by HTTP.

mod hostile;
mod link;
mod names;
mod peer;
mod random;
mod services;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};
use std::io::Read;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

/// Longest frame that is taken; what claims to be longer ends the connection.
const MAX_FRAME: usize = 1 << 16;

/// A peer that waits for a guest.
pub struct Wire {
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
    /// What ends the thread: the guest's end, once it is there.
    stream: std::sync::Arc<std::sync::OnceLock<UnixStream>>,
}

impl Wire {
    /// Listens in `folder`, on a socket to which QEMU is to connect.
    pub fn start(folder: &Path) -> Result<Wire> {
        let path = folder.join("wire");
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        let stream = std::sync::Arc::new(std::sync::OnceLock::new());
        let shared = std::sync::Arc::clone(&stream);
        let thread = std::thread::spawn(move || {
            if let Ok((accepted, _)) = listener.accept() {
                if let Ok(copy) = accepted.try_clone() {
                    let _ = shared.set(copy);
                }
                run(accepted);
            }
        });
        Ok(Wire {
            path,
            thread: Some(thread),
            stream,
        })
    }

    /// Where the socket is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // Either ends a wait of the thread's: for a guest, or for its frames.
        match self.stream.get() {
            Some(stream) => drop(stream.shutdown(Shutdown::Both)),
            None => drop(UnixStream::connect(&self.path)),
        }
        if let Some(stream) = self.stream.get() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves one guest until its end of the wire is gone.
fn run(stream: UnixStream) {
    let Ok(reading) = stream.try_clone() else {
        return;
    };
    let (sender, frames) = mpsc::sync_channel(1024);
    // Whatever the guest does with our frames, its own are taken, so that neither waits for the other.
    let reader = std::thread::spawn(move || read_frames(reading, &sender));
    peer::Peer::new(stream, frames).run();
    let _ = reader.join();
}

fn read_frames(mut stream: UnixStream, frames: &mpsc::SyncSender<Vec<u8>>) {
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let length = u32::from_be_bytes(length) as usize;
        let mut frame = vec![0; length.min(MAX_FRAME)];
        if length > MAX_FRAME
            || stream.read_exact(&mut frame).is_err()
            || frames.send(frame).is_err()
        {
            break;
        }
    }
    // The peer's writes must end, too.
    let _ = stream.shutdown(Shutdown::Both);
}
