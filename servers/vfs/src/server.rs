//! The server: its state and where calls go.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use kernel_abi::message::operation;
use proto::{Answer, Call, Error, Identity, Reply, directory, file, socket_space};
use server_rt::{ServerCall, Service};

use crate::ROOT_BADGE;
use crate::backend::{Backend, Peer};
use crate::device_tree::DeviceTree;
use crate::devices::Devices;
use crate::fifo::Fifo;
use crate::kernel::Kernel;
pub use crate::mounting::Offered;
use crate::mounting::{Mount, MountTexts};
use crate::opened::{Opened, Table};
use crate::process_tree::ProcessTree;
pub use crate::sockets::Domain;
use crate::state::State;
use crate::terminal_tree::TerminalTree;
use crate::tree::Tree;
use crate::walk::Place;

/// Other servers, as the declaration gives them.
pub struct Peers {
    /// Name and session of the root's file system.
    pub root: (Vec<u8>, Peer),
    /// File systems that `mount` may take.
    pub offered: Vec<Offered>,
    /// The process server.
    pub processes: Peer,
    /// The supervisor.
    pub supervisor: Peer,
    /// Device servers and the supervisor's control.
    pub devices: Devices,
    /// The servers of sockets.
    pub domains: Vec<Domain>,
}

/// Identity of this server itself, which acts as root.
pub(crate) const OWN_IDENTITY: Identity = Identity {
    process: 0,
    parent: 0,
    group: 0,
    session: 0,
    real_user: 0,
    saved_user: 0,
    real_group: 0,
    saved_group: 0,
    credentials: crate::open::OWN,
    terminal: 0,
    flags: 0,
};

/// The name space.
pub struct Server<K> {
    /// Effects.
    pub kernel: K,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) last_mount: u64,
    pub(crate) root: Place,
    pub(crate) mounts_text: Rc<RefCell<MountTexts>>,
    pub(crate) offered: Vec<Offered>,
    pub(crate) processes: Peer,
    supervisor: Peer,
    pub(crate) devices: Rc<Devices>,
    pub(crate) opened: Table,
    pub(crate) fifos: Vec<Fifo>,
    pub(crate) domains: Vec<Domain>,
    is_fresh: bool,
}

impl<K: Kernel> Server<K> {
    /// A name space with its root mounted, and `/dev` and `/proc` where the root has such
    /// directories.
    pub fn new(kernel: K, peers: Peers) -> Result<Server<K>, Error> {
        let mut server = Server {
            kernel,
            mounts: Vec::new(),
            last_mount: 0,
            root: Place { mount: 0, node: 0 },
            mounts_text: Rc::default(),
            offered: peers.offered,
            processes: peers.processes,
            supervisor: peers.supervisor,
            devices: Rc::new(peers.devices),
            opened: Table::default(),
            fifos: Vec::new(),
            domains: peers.domains,
            is_fresh: false,
        };
        let (kind, session) = peers.root;
        let root = Backend::Remote(session);
        let saved = server.kernel.saved();
        match saved.and_then(|state| State::decode(&state)) {
            Some(state) => server.restore(state, root)?,
            None => {
                server.add_mount(root, None, [b"/dev/root", b"/", &kind], 0)?;
                server.is_fresh = true;
            }
        }
        let first = server.mounts.first().ok_or(Error::BadState)?;
        server.root = Place {
            mount: first.number,
            node: first.root,
        };
        let object = server.kernel.session_object(ROOT_BADGE);
        if let Ok(object) = object {
            server.opened.name_object(object, ROOT_BADGE);
        }
        Ok(server)
    }

    /// Whether no instance before this one left its state: the declared mounts are to be made.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Mounts a file system on a directory of the root, by this server's own authority.
    pub fn mount_at(&mut self, kind: &[u8], target: &[u8]) -> Result<(), Error> {
        let view = crate::walk::View {
            start: self.root,
            root: self.root,
        };
        let own = crate::permission::Caller {
            identity: OWN_IDENTITY,
            token: 0,
        };
        self.mount_kind(view, [b"", target, kind], 0, &own)
    }

    /// A tree of this server by the kind's name.
    pub(crate) fn make_tree(&self, kind: &[u8]) -> Option<Box<dyn Tree>> {
        match kind {
            b"devtmpfs" => Some(Box::new(DeviceTree {
                devices: self.devices.clone(),
                covered: RefCell::default(),
            })),
            b"devpts" => Some(Box::new(TerminalTree {
                devices: self.devices.clone(),
            })),
            b"proc" => Some(Box::new(ProcessTree {
                processes: self.processes.clone(),
                supervisor: self.supervisor.clone(),
                network: self.network(),
                mounts: self.mounts_text.clone(),
            })),
            _ => None,
        }
    }

    /// Serves a call of any interface.
    pub fn serve<C: Call + ?Sized>(&mut self, call: &mut C) -> Reply {
        let number = call.words()[0];
        if directory::contains(number) {
            let reply = directory::dispatch(self, call);
            if call.redelivered() {
                return done_before(number, reply);
            }
            reply
        } else if file::contains(number) {
            file::dispatch(self, call)
        } else if socket_space::contains(number) {
            socket_space::dispatch(self, call)
        } else if (operation::READ..=operation::SEEK).contains(&number) {
            self.transfer(call)
        } else {
            Err(Error::Unsupported)
        }
    }

    /// The last handle of a session is gone.
    pub fn session_closed(&mut self, badge: u64) {
        match self.opened.remove(badge) {
            Some(Opened::Directory(view)) => {
                if let Ok(mount) = self.mounted(view.start.mount) {
                    // A file system that fails to let go keeps a node too long; no caller waits.
                    let _ = mount.backend.hold(view.start.node, false);
                }
            }
            Some(Opened::Pipe(place, _)) => self.close_pipe(place, badge),
            _ => {}
        }
    }
}

impl<K: Kernel> Service for Server<K> {
    fn call(&mut self, call: &mut ServerCall) -> Reply {
        let reply = self.serve(call);
        self.save();
        reply
    }
    fn closed(&mut self, badge: u64) {
        self.session_closed(badge);
        self.save();
    }
    fn cancelled(&mut self, token: u64) {
        self.open_cancelled(token);
        self.save();
    }
}

/// A call that an instance before this one had taken may have had its effect: a name that was to
/// be made is there, one that was to go is gone.
fn done_before(number: u64, reply: Reply) -> Reply {
    use directory::number as n;
    let makes = [n::make_directory, n::make_node, n::make_symlink, n::link].contains(&number);
    let removes = [n::unlink, n::rename].contains(&number);
    match reply {
        Err(Error::Exists) if makes => Ok(Answer::default().into()),
        Err(Error::NotFound) if removes => Ok(Answer::default().into()),
        reply => reply,
    }
}
