//! Bringing a device up (Virtio 1.2, 3.1.1 and 4.1.4.3).

use core::fmt;

use driver_hal::Window;

use crate::queue::{Queue, QueueError};

mod register {
    pub const DEVICE_FEATURE_SELECT: u64 = 0;
    pub const DEVICE_FEATURE: u64 = 4;
    pub const DRIVER_FEATURE_SELECT: u64 = 8;
    pub const DRIVER_FEATURE: u64 = 12;
    pub const CONFIGURATION_VECTOR: u64 = 16;
    pub const STATUS: u64 = 20;
    pub const CONFIGURATION_GENERATION: u64 = 21;
    pub const QUEUE_SELECT: u64 = 22;
    pub const QUEUE_SIZE: u64 = 24;
    pub const QUEUE_VECTOR: u64 = 26;
    pub const QUEUE_ENABLE: u64 = 28;
    pub const QUEUE_NOTIFY_OFFSET: u64 = 30;
    pub const QUEUE_DESCRIPTORS: u64 = 32;
    pub const QUEUE_AVAILABLE: u64 = 40;
    pub const QUEUE_USED: u64 = 48;
}

mod status {
    pub const ACKNOWLEDGE: u8 = 1;
    pub const DRIVER: u8 = 2;
    pub const DRIVER_OK: u8 = 4;
    pub const FEATURES_OK: u8 = 8;
    pub const FAILED: u8 = 128;
}

const NO_VECTOR: u16 = 0xffff;
/// Polls until a reset counts as failed; QEMU's is done at the first.
const MAX_POLLS: u32 = 1_000_000;
/// Readings of a configuration that keeps changing.
const MAX_READINGS: u32 = 1000;

/// Number of a feature bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature(pub u32);

impl Feature {
    /// The device follows version 1 of the standard.
    pub const VERSION_1: Feature = Feature(32);
}

/// Why a device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// Not a modern virtio device, or its structures lie outside its registers.
    NotVirtio,
    /// It does not finish a reset.
    NoReset,
    /// It lacks, or does not accept, the features that are needed.
    Features,
    /// It has no queue of this number, or a smaller one than needed.
    NoQueue(u16),
    /// It has no interrupt message for this queue.
    NoInterrupt(u16),
}

impl fmt::Display for DeviceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceError::NotVirtio => write!(out, "not a modern virtio device"),
            DeviceError::NoReset => write!(out, "the device does not finish its reset"),
            DeviceError::Features => write!(out, "the device lacks features that are needed"),
            DeviceError::NoQueue(number) => write!(out, "the device has no usable queue {number}"),
            DeviceError::NoInterrupt(number) => write!(out, "no interrupt for queue {number}"),
        }
    }
}

/// A device's registers.
pub struct Device<W: Window> {
    common: W,
    notify: W,
    notify_multiplier: u32,
    configuration: Option<W>,
}

impl<W: Window> Device<W> {
    /// A device whose structures are these windows.
    pub fn new(common: W, notify: W, notify_multiplier: u32, configuration: Option<W>) -> Self {
        Device {
            common,
            notify,
            notify_multiplier,
            configuration,
        }
    }

    fn status(&self) -> u8 {
        self.common.read_u8(register::STATUS)
    }

    fn add_status(&self, bits: u8) {
        let status = self.status();
        self.common.write_u8(register::STATUS, status | bits);
    }

    /// Stops all the device does and forgets its queues.
    ///
    /// # Errors
    /// [`DeviceError::NoReset`].
    pub fn reset(&self) -> Result<(), DeviceError> {
        self.common.write_u8(register::STATUS, 0);
        for _ in 0..MAX_POLLS {
            if self.status() == 0 {
                return Ok(());
            }
        }
        Err(DeviceError::NoReset)
    }

    /// Resets and negotiates: `wanted` features are taken where offered. Returns those in force,
    /// of the first 64 bits.
    ///
    /// # Errors
    /// [`DeviceError::NoReset`], [`DeviceError::Features`].
    pub fn negotiate(&self, wanted: &[Feature]) -> Result<u64, DeviceError> {
        self.reset()?;
        self.add_status(status::ACKNOWLEDGE);
        self.add_status(status::DRIVER);
        let offered = self.read_features();
        let version_1 = 1 << Feature::VERSION_1.0;
        let wanted = wanted.iter().map(|feature| 1 << feature.0).sum::<u64>() | version_1;
        let chosen = offered & wanted;
        for half in 0..2_u32 {
            self.common.write_u32(register::DRIVER_FEATURE_SELECT, half);
            let bits = (chosen >> (32 * half)) as u32;
            self.common.write_u32(register::DRIVER_FEATURE, bits);
        }
        self.add_status(status::FEATURES_OK);
        if chosen & version_1 == 0 || self.status() & status::FEATURES_OK == 0 {
            self.add_status(status::FAILED);
            return Err(DeviceError::Features);
        }
        Ok(chosen)
    }

    fn read_features(&self) -> u64 {
        (0..2_u32).fold(0, |features, half| {
            self.common.write_u32(register::DEVICE_FEATURE_SELECT, half);
            features | u64::from(self.common.read_u32(register::DEVICE_FEATURE)) << (32 * half)
        })
    }

    /// Sets queue `number` up with `size` entries in `memory`, which the device sees at `address`,
    /// raising interrupt message `vector`.
    ///
    /// # Errors
    /// [`DeviceError::NoQueue`], [`DeviceError::NoInterrupt`].
    pub fn add_queue(
        &self,
        number: u16,
        size: u16,
        memory: W,
        address: u64,
        vector: u16,
    ) -> Result<Queue<W>, DeviceError> {
        let common = &self.common;
        common.write_u16(register::QUEUE_SELECT, number);
        if common.read_u16(register::QUEUE_SIZE) < size {
            return Err(DeviceError::NoQueue(number));
        }
        common.write_u16(register::QUEUE_SIZE, size);
        common.write_u16(register::QUEUE_VECTOR, vector);
        if common.read_u16(register::QUEUE_VECTOR) == NO_VECTOR {
            return Err(DeviceError::NoInterrupt(number));
        }
        let offset = common.read_u16(register::QUEUE_NOTIFY_OFFSET);
        let notify_at = u64::from(offset) * u64::from(self.notify_multiplier);
        let notify = self
            .notify
            .part(notify_at, 2)
            .ok_or(DeviceError::NotVirtio)?;
        let queue = Queue::new(memory, size, number, notify)
            .map_err(|_: QueueError| DeviceError::NoQueue(number))?;
        let (descriptors, available, used) = queue.addresses(address);
        common.write_u64(register::QUEUE_DESCRIPTORS, descriptors);
        common.write_u64(register::QUEUE_AVAILABLE, available);
        common.write_u64(register::QUEUE_USED, used);
        common.write_u16(register::QUEUE_ENABLE, 1);
        Ok(queue)
    }

    /// Has a change of the configuration raise interrupt message `vector`.
    ///
    /// # Errors
    /// [`DeviceError::NoInterrupt`].
    pub fn set_configuration_vector(&self, vector: u16) -> Result<(), DeviceError> {
        let common = &self.common;
        common.write_u16(register::CONFIGURATION_VECTOR, vector);
        match common.read_u16(register::CONFIGURATION_VECTOR) {
            NO_VECTOR => Err(DeviceError::NoInterrupt(vector)),
            _ => Ok(()),
        }
    }

    /// Lets the device work.
    pub fn start(&self) {
        self.add_status(status::DRIVER_OK);
    }

    /// Reads the device type's own configuration consistently; absent bytes read as zero.
    pub fn configuration<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        let Some(window) = &self.configuration else {
            return bytes;
        };
        for _ in 0..MAX_READINGS {
            let generation = self.common.read_u8(register::CONFIGURATION_GENERATION);
            for (offset, byte) in (0..window.length()).zip(&mut bytes) {
                *byte = window.read_u8(offset);
            }
            if generation == self.common.read_u8(register::CONFIGURATION_GENERATION) {
                break;
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driver_testing::Ram;

    /// A common configuration that is plain memory, offering everything in its low half.
    fn device() -> (Device<Ram>, Ram) {
        let common = Ram::new(64);
        let notify = Ram::new(64);
        common.write_u32(register::DEVICE_FEATURE, u32::MAX);
        common.write_u16(register::QUEUE_SIZE, 256);
        common.write_u16(register::QUEUE_NOTIFY_OFFSET, 2);
        let configuration = Ram::new(4);
        configuration.write_u32(0, 0x0403_0201);
        (
            Device::new(common.clone(), notify, 4, Some(configuration)),
            common,
        )
    }

    #[test]
    fn bringing_up_ends_with_the_driver_working() {
        let (device, common) = device();
        let features = device.negotiate(&[Feature(9)]).unwrap();
        assert_eq!(features, 1 << 32 | 1 << 9);
        device.start();
        assert_eq!(common.read_u8(register::STATUS), 15);
    }

    #[test]
    fn a_device_before_version_1_is_refused() {
        let (device, common) = device();
        common.write_u32(register::DEVICE_FEATURE, 0);
        assert_eq!(device.negotiate(&[]), Err(DeviceError::Features));
        assert_ne!(common.read_u8(register::STATUS) & status::FAILED, 0);
    }

    #[test]
    fn a_queue_is_told_where_its_rings_are() {
        let (device, common) = device();
        let memory = Ram::new(Queue::<Ram>::memory_size(16));
        assert!(device.add_queue(1, 16, memory, 0x1_2345_6000, 3).is_ok());
        assert_eq!(common.read_u16(register::QUEUE_SELECT), 1);
        assert_eq!(common.read_u16(register::QUEUE_SIZE), 16);
        assert_eq!(common.read_u16(register::QUEUE_VECTOR), 3);
        assert_eq!(common.read_u64(register::QUEUE_DESCRIPTORS), 0x1_2345_6000);
        assert_eq!(
            common.read_u64(register::QUEUE_AVAILABLE),
            0x1_2345_6000 + 256
        );
        assert_eq!(common.read_u16(register::QUEUE_ENABLE), 1);
    }

    #[test]
    fn missing_queues_interrupts_and_notification_places_are_refused() {
        let (device, common) = device();
        let memory = || Ram::new(Queue::<Ram>::memory_size(16));
        let no_vector = device.add_queue(0, 16, memory(), 0, NO_VECTOR).err();
        assert_eq!(no_vector, Some(DeviceError::NoInterrupt(0)));
        common.write_u16(register::QUEUE_NOTIFY_OFFSET, 16);
        let outside = device.add_queue(0, 16, memory(), 0, 0).err();
        assert_eq!(outside, Some(DeviceError::NotVirtio));
        common.write_u16(register::QUEUE_SIZE, 8);
        let small = device.add_queue(0, 16, memory(), 0, 0).err();
        assert_eq!(small, Some(DeviceError::NoQueue(0)));
    }

    #[test]
    fn configuration_that_is_absent_reads_as_zero() {
        let (device, _) = device();
        assert_eq!(device.configuration::<6>(), [1, 2, 3, 4, 0, 0]);
    }
}
