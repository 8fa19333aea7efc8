//! A network namespace without a name: one thread lives in it and executes orders.
//!
//! Nothing is written to /run/netns, so the namespace ends with the last process in it, also after
//! a crash. Everything created inside (sockets, child processes, threads) stays inside.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use nix::sched::{CloneFlags, unshare};

type Order = Box<dyn FnOnce() + Send>;

/// A network namespace and the thread that lives in it.
pub struct Netns {
    orders: SyncSender<Order>,
    handle: File,
}

impl Netns {
    /// Creates a new, empty namespace with its loopback up.
    ///
    /// # Errors
    /// The system refuses a thread or a namespace.
    pub fn new(name: &str) -> io::Result<Self> {
        Self::start(name, true)
    }

    /// Starts a thread in the namespace of the caller.
    ///
    /// # Errors
    /// Same as [`Netns::new`].
    pub fn of_caller(name: &str) -> io::Result<Self> {
        Self::start(name, false)
    }

    fn start(name: &str, fresh: bool) -> io::Result<Self> {
        let (orders, inbox) = mpsc::sync_channel::<Order>(1);
        let (opened, handle) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let enter = || {
                    if fresh {
                        unshare(CloneFlags::CLONE_NEWNET)?;
                        // No IPv6, so that the kernel sends no neighbour discovery on the cables.
                        let _kernel_without_ipv6 =
                            std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
                    }
                    File::open("/proc/thread-self/ns/net")
                };
                let _lab_gave_up = opened.send(enter());
                for order in inbox {
                    order();
                }
            })?;
        let handle = handle
            .recv()
            .map_err(|_| io::Error::other("the namespace's thread died"))??;
        let netns = Self { orders, handle };
        netns.netlink(async |net| {
            net.link()
                .set(net.up("lo")?)
                .execute()
                .await
                .map_err(io::Error::other)
        })?;
        Ok(netns)
    }

    /// Runs `work` inside and waits for its result.
    ///
    /// # Errors
    /// The thread died: `work` or an earlier order panicked.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (done, result) = mpsc::sync_channel(1);
        let order = Box::new(move || {
            let _caller_is_gone = done.send(work());
        });
        self.orders
            .send(order)
            .map_err(|_| io::Error::other("the namespace's thread died"))?;
        result
            .recv()
            .map_err(|_| io::Error::other("the namespace's thread died"))
    }

    /// Runs netlink requests inside.
    ///
    /// # Errors
    /// The error of `work`, or the system refuses a netlink socket.
    pub fn netlink<F, T>(&self, work: F) -> io::Result<T>
    where
        F: AsyncFnOnce(&Net) -> io::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.run(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()?;
            runtime.block_on(async move {
                let (connection, handle, _) = rtnetlink::new_connection()?;
                tokio::spawn(connection);
                work(&Net(handle)).await
            })
        })?
    }

    /// Returns the descriptor for netlink requests that move an interface here.
    #[must_use]
    pub fn raw_fd(&self) -> RawFd {
        self.handle.as_raw_fd()
    }

    /// Returns a path by which another process of this user can enter while this process runs.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.raw_fd())
    }
}

/// Netlink inside one namespace.
pub struct Net(rtnetlink::Handle);

impl Net {
    /// Requests for interfaces.
    #[must_use]
    pub fn link(&self) -> rtnetlink::LinkHandle {
        self.0.link()
    }

    /// Requests for addresses.
    #[must_use]
    pub fn address(&self) -> rtnetlink::AddressHandle {
        self.0.address()
    }

    /// Builds the request that brings an interface up.
    ///
    /// # Errors
    /// There is no such interface.
    pub fn up(&self, interface: &str) -> io::Result<rtnetlink::packet_route::link::LinkMessage> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        Ok(rtnetlink::LinkUnspec::new_with_index(index).up().build())
    }
}
