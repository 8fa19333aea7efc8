//! Devices in use. The first port of a device starts it with all its queues, later ports take the
//! remaining queues, and the last port to close stops it.

use std::{
    ffi::{CStr, CString},
    ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dpdk_sys::{Facts, Look, Setup};

use super::{Eal, failed, lane::Lane, log};
use crate::{
    DeviceName, PortError,
    iface::Interface,
    sole::{SharedSole, Sole},
};

/// The settings of a device; all its ports must agree on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) queues: u16,
    pub(super) mtu_min: u16,
    pub(super) rx_descriptors: u16,
    pub(super) tx_descriptors: u16,
}

/// A running device.
struct Running {
    name: DeviceName,
    number: u16,
    wanted: Wanted,
    /// One bit per queue that a port uses.
    taken: u64,
    lanes: Vec<Lane>,
    /// Reserves the device's interface for this process.
    _sole: Option<Arc<Sole>>,
}

static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// Exclusive use of one queue pair of a running device.
pub(super) struct Claim {
    number: u16,
    queue: u16,
    lane: Lane,
}

impl Claim {
    /// Takes a queue. Starts the device if this is its first port. `lane` makes the pool of each
    /// queue from the facts that the device reports.
    pub(super) fn new(
        started: Eal,
        name: &DeviceName,
        queue: u16,
        wanted: Wanted,
        lane: impl Fn(u16, &Facts) -> Result<Lane, PortError>,
    ) -> Result<Self, PortError> {
        let mut running = running();
        let place = running
            .iter()
            .position(|device| device.name.device() == name.device());
        let place = match place {
            Some(place) => place,
            None => {
                let device = start(started, name, wanted, lane)?;
                running.push(device);
                running.len() - 1
            }
        };
        let device = &mut running[place];
        if device.name != *name || device.wanted != wanted {
            let what = format!(
                "{name}: runs as {} with {:?}; ports of one device must be set up alike",
                device.name, device.wanted
            );
            return Err(failed(what, -libc::EEXIST));
        }
        if device.taken & (1 << queue) != 0 {
            let what = format!("{name}: queue {queue} is another port's");
            return Err(failed(what, -libc::EBUSY));
        }
        device.taken |= 1 << queue;
        Ok(Self {
            number: device.number,
            queue,
            lane: device.lanes[usize::from(queue)],
        })
    }

    /// The device's number.
    #[inline]
    pub(super) fn number(&self) -> u16 {
        self.number
    }

    #[inline]
    pub(super) fn queue(&self) -> u16 {
        self.queue
    }

    #[inline]
    pub(super) fn lane(&self) -> Lane {
        self.lane
    }

    /// Reads carrier and counters of the device. May cost a system call.
    pub(super) fn look(&self) -> Look {
        look(self.number, &running())
    }

    /// The same, but `None` if another thread is using the list of devices: a worker does not wait.
    pub(super) fn look_if_free(&self) -> Option<Look> {
        let running = RUNNING.try_lock().ok()?;
        Some(look(self.number, &running))
    }

    /// Takes the link up or down, if the device can.
    #[allow(unsafe_code, reason = "a call of DPDK")]
    pub(super) fn set_link(&self, up: bool) -> bool {
        let _alone = running();
        // SAFETY: the device runs as long as this claim lives.
        unsafe { dpdk_sys::qm_device_set_link(self.number, up.into()) == 0 }
    }

    /// The device's own address.
    pub(super) fn mac(&self) -> Result<[u8; 6], PortError> {
        facts(self.number).map(|facts| facts.mac)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut running = running();
        let number = self.number;
        let Some(place) = running.iter().position(|device| device.number == number) else {
            return;
        };
        running[place].taken &= !(1 << self.queue);
        if running[place].taken == 0 {
            running.swap_remove(place);
            remove(number);
        }
    }
}

/// Reads the state of a running device. The list is locked because a driver updates its counters
/// without a lock.
#[allow(unsafe_code, reason = "a call of DPDK")]
fn look(number: u16, _alone: &[Running]) -> Look {
    let mut look = Look::default();
    // SAFETY: the device runs as long as the claim that asks; `look` lives during the call.
    unsafe { dpdk_sys::qm_device_look(number, &raw mut look) };
    look
}

/// Reserves an interface: a second encryptor on it is refused, as with every kind of port.
fn take_interface(ifname: &str) -> Result<Arc<Sole>, PortError> {
    let interface = Interface::named(ifname)?;
    let index = interface.index()?;
    SharedSole::default().take_patiently(&interface, index)
}

/// Finds a device and starts it. Leaves nothing behind if that fails.
fn start(
    started: Eal,
    name: &DeviceName,
    wanted: Wanted,
    lane: impl Fn(u16, &Facts) -> Result<Lane, PortError>,
) -> Result<Running, PortError> {
    let sole = name.interface().map(take_interface).transpose()?;
    let number = probe(started, name)?;
    let lanes = facts(number).and_then(|facts| {
        let most = facts.rx_queues_max.min(facts.tx_queues_max);
        // A socket on an interface that no port reads would swallow frames.
        let least = if name.is_on_interface() { most } else { 1 };
        if !(least..=most).contains(&wanted.queues) {
            let (what, have) = ("queues", wanted.queues.into());
            let (min, max) = (least.into(), most.into());
            return Err(PortError::Range {
                what,
                have,
                min,
                max,
            });
        }
        let lanes: Result<Vec<_>, _> = (0..wanted.queues)
            .map(|queue| lane(queue, &facts))
            .collect();
        let lanes = lanes?;
        set_up(name, number, wanted, &lanes)?;
        Ok(lanes)
    });
    match lanes {
        Ok(lanes) => Ok(Running {
            name: name.clone(),
            number,
            wanted,
            taken: 0,
            lanes,
            _sole: sole,
        }),
        Err(error) => {
            remove(number);
            Err(error)
        }
    }
}

/// The address of a device that may not be open yet.
pub(super) fn mac_of(started: Eal, name: &DeviceName) -> Result<[u8; 6], PortError> {
    let _alone = running();
    probe(started, name).and_then(facts).map(|facts| facts.mac)
}

/// Finds a device. Creates it if it is virtual.
#[allow(unsafe_code, reason = "a call of DPDK")]
fn probe(_started: Eal, name: &DeviceName) -> Result<u16, PortError> {
    // A name has only visible characters, so it has no NUL.
    let devargs = CString::new(name.devargs()).unwrap_or_default();
    let mut number = 0;
    // SAFETY: EAL has started; string and number live during the call.
    let refused =
        log::listen(|| unsafe { dpdk_sys::qm_device_probe(devargs.as_ptr(), &raw mut number) });
    if refused == 0 {
        return Ok(number);
    }
    let fix = if name.pci().is_some() {
        "is it bound to vfio-pci (`dpdk-devbind.py --status`), or its driver installed?"
    } else {
        "is the driver installed, and are its arguments right?"
    };
    Err(failed(format!("no device {name}: {fix}"), refused))
}

#[allow(unsafe_code, reason = "a call of DPDK")]
fn facts(number: u16) -> Result<Facts, PortError> {
    let mut facts = Facts::default();
    // SAFETY: the device was found; `facts` lives during the call.
    let refused = unsafe { dpdk_sys::qm_device_facts(number, &raw mut facts) };
    if refused == 0 {
        Ok(facts)
    } else {
        Err(failed("asking a device what it can do", refused))
    }
}

/// Configures and starts a device.
#[allow(unsafe_code, reason = "a call of DPDK, and the text that it returns")]
fn set_up(name: &DeviceName, number: u16, wanted: Wanted, lanes: &[Lane]) -> Result<(), PortError> {
    let pools: Vec<_> = lanes.iter().map(|lane| lane.pool()).collect();
    let setup = Setup {
        queues: wanted.queues,
        rx_descriptors: wanted.rx_descriptors,
        tx_descriptors: wanted.tx_descriptors,
        mtu: wanted.mtu_min,
        pools: pools.as_ptr(),
    };
    let mut step = ptr::null();
    // SAFETY: the device was found and is not started; there are as many live pools as queues.
    let refused = log::listen(|| unsafe {
        dpdk_sys::qm_device_start(number, &raw const setup, &raw mut step)
    });
    if refused == 0 {
        return Ok(());
    }
    // SAFETY: the shim sets it to a static string before it tries anything.
    let step = unsafe { CStr::from_ptr(step) }.to_string_lossy();
    Err(failed(format!("{name}: {step}"), refused))
}

#[allow(unsafe_code, reason = "a call of DPDK")]
fn remove(number: u16) {
    // SAFETY: no claim of the device is left, so none of its queues is in use. The caller has
    // locked the list of running devices, so no new claim can be made.
    unsafe { dpdk_sys::qm_device_remove(number) };
}

fn running() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
