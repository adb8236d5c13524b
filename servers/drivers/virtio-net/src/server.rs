//! The interface `proto::adapter`, and what an adapter needs of the kernel.

use alloc::vec;
use alloc::vec::Vec;

use driver_hal::{DmaMemory, Registers, Window};
use kernel_abi::object::ObjectKind;
use kernel_abi::{Handle, PAGE_SIZE, Rights, Signals};
use kernel_stubs::safe;
use proto::frames::{RECEIVE_SLOTS, SEND_SLOTS, place};
use proto::{Answer, Error, Reply, adapter, supervisor};
use server_rt::{ServerCall, Session, log};
use virtio::{Feature, Opened, Queue, QueueError};

use crate::configuration::{self, Configuration};
use crate::{Adapter, Shared};

/// Cookies of the events of `net`: the device's number beyond those of interrupts.
const EVENTS: u64 = 1 << 32;
/// Names under which the supervisor keeps what `net` sent for an adapter.
const PARTS: [&str; 3] = ["memory", "news", "request"];

/// A device, at work once `net` has opened it.
pub struct Device {
    opened: Opened,
    rings: [DmaMemory; 2],
    configuration: Configuration,
    work: Option<(Adapter<Registers>, Shared)>,
}

impl Device {
    /// Looks at a device and makes its rings.
    ///
    /// # Errors
    /// `Io` when it refuses, and those of making memory.
    pub fn bring_up(opened: Opened) -> Result<Device, Error> {
        let ring = |size: u32| {
            let bytes = Queue::<Registers>::memory_size(size as u16);
            DmaMemory::new(opened.domain, bytes)
        };
        let rings = [ring(RECEIVE_SLOTS)?, ring(SEND_SLOTS)?];
        let configuration = negotiate(&opened)?;
        Ok(Device {
            opened,
            rings,
            configuration,
            work: None,
        })
    }

    /// Puts the device to work with frames in `shared`. What it had before is let go.
    fn start(&mut self, shared: Shared) -> Result<(), Error> {
        self.stop()?;
        self.configuration = negotiate(&self.opened)?;
        let mut pages = vec![0; (place::SIZE.div_ceil(PAGE_SIZE)) as usize];
        let length = pages.len() as u64 * PAGE_SIZE;
        safe::dma_pin(self.opened.domain, shared.memory, 0, length, &mut pages)?;
        match self.queues(shared, pages) {
            Ok(adapter) => {
                self.work = Some((adapter, shared));
                self.show_link();
                Ok(())
            }
            Err(error) => {
                let _ = safe::dma_unpin(self.opened.domain, shared.memory, 0, length);
                Err(error)
            }
        }
    }

    fn queues(&self, shared: Shared, pages: Vec<u64>) -> Result<Adapter<Registers>, Error> {
        let window = Registers::map(shared.memory, place::SIZE)?;
        let device = &self.opened.device;
        let queue = |number: u16, size: u32| {
            let ring = &self.rings[usize::from(number)];
            let bytes = Queue::<Registers>::memory_size(size as u16);
            ring.window.write_bytes(0, &vec![0; bytes as usize]);
            let memory = ring.window.clone();
            let queue = device.add_queue(number, size as u16, memory, ring.address, 0);
            queue.map_err(refused)
        };
        let (receive, transmit) = (queue(0, RECEIVE_SLOTS)?, queue(1, SEND_SLOTS)?);
        device.set_configuration_vector(0).map_err(refused)?;
        device.start();
        Ok(Adapter::new(receive, transmit, window, pages))
    }

    /// Resets the device, and lets go of the memory that it had.
    fn stop(&mut self) -> Result<(), Error> {
        self.opened.device.reset().map_err(refused)?;
        if let Some((_, shared)) = self.work.take() {
            let length = place::SIZE.next_multiple_of(PAGE_SIZE);
            let _ = safe::dma_unpin(self.opened.domain, shared.memory, 0, length);
            for handle in [shared.memory, shared.news, shared.request] {
                let _ = safe::handle_close(handle);
            }
        }
        Ok(())
    }

    /// Looks whether there is a link.
    fn show_link(&mut self) {
        let bytes = self.opened.device.configuration();
        let features = 1 << configuration::STATUS;
        let has_link = Configuration::parse(&bytes, features, 0).has_link;
        if let Some((adapter, shared)) = &mut self.work
            && adapter.set_link(has_link)
        {
            raise(shared.news);
        }
    }

    fn interrupted(&mut self) -> Result<(), QueueError> {
        let Some((adapter, shared)) = &mut self.work else {
            return Ok(());
        };
        let progress = adapter.interrupted()?;
        if progress.is_news {
            raise(shared.news);
        }
        if progress.was_idle {
            self.show_link();
        }
        Ok(())
    }
}

fn refused(error: virtio::DeviceError) -> Error {
    log!("an adapter refuses: {error}");
    Error::Io
}

fn negotiate(opened: &Opened) -> Result<Configuration, Error> {
    let wanted = [
        configuration::ADDRESS,
        configuration::PACKET_SIZE,
        configuration::STATUS,
        configuration::MERGEABLE,
    ];
    let features = opened.device.negotiate(&wanted.map(Feature));
    let features = features.map_err(refused)?;
    let bytes = opened.device.configuration();
    let number = safe::monotonic_ns() as u32;
    Ok(Configuration::parse(&bytes, features, number))
}

/// Tells `net`. An event that is gone has nobody to be told.
fn raise(event: Handle) {
    let _ = safe::event_signal(event, Signals::NONE, Signals::READABLE);
}

/// The server of all adapters.
pub struct AdapterServer {
    devices: Vec<Device>,
    endpoint: Handle,
    supervisor: Session,
}

fn name_of(index: usize, part: &str) -> alloc::string::String {
    alloc::format!("adapter{index}-{part}")
}

impl AdapterServer {
    /// A server of these devices.
    pub fn new(devices: Vec<Device>, endpoint: Handle, supervisor: Handle) -> AdapterServer {
        AdapterServer {
            devices,
            endpoint,
            supervisor: Session(supervisor),
        }
    }

    /// Goes on with the adapters that an earlier instance had opened.
    pub fn resume(&mut self) {
        for index in 0..self.devices.len() {
            let parts = PARTS.map(|part| {
                let name = name_of(index, part);
                let found = supervisor::unpark(&self.supervisor, name.as_bytes(), &[]);
                found.ok().map(|answer| answer.handles[0])
            });
            let [Some(memory), Some(news), Some(request)] = parts else {
                continue;
            };
            let shared = Shared {
                memory,
                news,
                request,
            };
            match self.devices[index].start(shared) {
                Ok(()) => self.listen(index, shared),
                Err(error) => log!("adapter {index} does not go on: {error}"),
            }
        }
    }

    /// Listens to `net`; also tells it that its frames are looked at.
    fn listen(&self, index: usize, shared: Shared) {
        let cookie = EVENTS + index as u64;
        let bound = safe::endpoint_bind(self.endpoint, shared.request, Signals::READABLE, cookie);
        if let Err(error) = bound {
            log!("adapter {index} cannot hear: {}", error.name());
        }
    }

    /// An adapter's interrupt came.
    ///
    /// # Errors
    /// [`QueueError::BrokenDevice`].
    pub fn interrupted(&mut self, index: usize) -> Result<(), QueueError> {
        let device = self.devices.get_mut(index);
        device.map_or(Ok(()), Device::interrupted)
    }

    /// `net` has something for an adapter.
    pub fn told(&mut self, cookie: u64) {
        let index = cookie.wrapping_sub(EVENTS) as usize;
        let Some((adapter, shared)) = self
            .devices
            .get_mut(index)
            .and_then(|device| device.work.as_mut())
        else {
            return;
        };
        let shared = *shared;
        // Lowered first: what comes during the work below is then told again.
        let _ = safe::event_signal(shared.request, Signals::READABLE, Signals::NONE);
        adapter.told();
        self.listen(index, shared);
    }

    fn open_device(&mut self, index: usize, shared: Shared) -> Result<(), Error> {
        let device = self.devices.get_mut(index).ok_or(Error::NoDevice)?;
        device.start(shared)?;
        for (part, handle) in PARTS
            .iter()
            .zip([shared.memory, shared.news, shared.request])
        {
            let name = name_of(index, part);
            supervisor::park(&self.supervisor, name.as_bytes(), &[handle])?;
        }
        self.listen(index, shared);
        Ok(())
    }
}

/// Whether a handle is of a kind and allows what is needed.
fn check(handle: Handle, kind: ObjectKind, needed: Rights) -> Result<(), Error> {
    let found = safe::handle_info(handle)?;
    if found.kind != kind as u32 {
        return Err(Error::BadArgument);
    }
    match Rights(found.rights).contains(needed) {
        true => Ok(()),
        false => Err(Error::AccessDenied),
    }
}

impl adapter::Adapter<ServerCall> for AdapterServer {
    fn open(&mut self, call: &mut ServerCall, index: u32) -> Reply {
        let index = index as usize;
        if index >= self.devices.len() {
            return Err(Error::NoDevice);
        }
        let [memory, news, request, _] = call.take_handles();
        let shared = Shared {
            memory,
            news,
            request,
        };
        let access = Rights::READ.or(Rights::WRITE);
        let result = check(memory, ObjectKind::Memory, access)
            .and_then(|()| check(news, ObjectKind::Event, Rights::NONE))
            .and_then(|()| check(request, ObjectKind::Event, Rights::WAIT))
            .and_then(|()| self.open_device(index, shared));
        if let Err(error) = result {
            for handle in [memory, news, request] {
                let _ = safe::handle_close(handle);
            }
            return Err(error);
        }
        let found = self.devices[index].configuration;
        let answer = Answer::value(found.address)
            .with(1, found.packet_size)
            .with(2, 0);
        Ok(answer.into())
    }
}
