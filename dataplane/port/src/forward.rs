//! A macro for ports that wrap another port.

/// Implements the methods of [`Port`](crate::Port) that a wrapper passes to the inner port: all
/// except those that move frames.
///
/// ```text
/// port::forward!(self => self.inner);
/// ```
#[macro_export]
macro_rules! forward {
    ($self:ident => $inner:expr) => {
        fn fd(&$self) -> Option<::std::os::fd::BorrowedFd<'_>> {
            $inner.fd()
        }
        fn mtu(&$self) -> usize {
            $inner.mtu()
        }
        fn mac(&$self) -> [u8; 6] {
            $inner.mac()
        }
        fn counters(&$self) -> $crate::PortCounters {
            $inner.counters()
        }
        fn link_up(&$self) -> bool {
            $inner.link_up()
        }
        fn kind(&$self) -> &'static str {
            $inner.kind()
        }
        fn link_state(&$self) -> $crate::LinkState {
            $inner.link_state()
        }
        fn set_link(&mut $self, up: bool) -> bool {
            $inner.set_link(up)
        }
        fn name(&$self) -> &str {
            $inner.name()
        }
        fn take_watch(&mut $self) -> Option<$crate::Watch> {
            $inner.take_watch()
        }
    };
}
