use port::mem::{self, MemPort};

use super::*;

const SOON: Duration = Duration::from_millis(20);

fn cable() -> (MemPort, MemPort) {
    let (end, other) = mem::pair(64);
    let open = |end: mem::Mem| end.open().expect("memory");
    (open(end), open(other))
}

/// Whether a device starts whose host has taken its link down and, perhaps, up again.
fn starts(up_again: bool) -> Result<(), Error> {
    let ((red, mut host), (black, _line)) = (cable(), cable());
    assert!(host.set_link(false) && host.set_link(up_again));
    plugged_in([Box::new(red), Box::new(black)], SOON).map(drop)
}

#[test]
fn a_device_starts_when_its_ports_have_a_carrier() {
    let refused = starts(false).expect_err("a link that is down");
    assert!(refused.to_string().contains("no carrier"), "{refused}");
    assert!(starts(true).is_ok());
}
