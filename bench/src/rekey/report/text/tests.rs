use std::time::Duration;

use super::*;
use crate::device::Device;
use crate::ports::PortSetup;
use crate::rekey::analyse::account::Account;
use crate::rekey::analyse::ndr::Bounds;
use crate::rekey::analyse::row::Cell;
use crate::rekey::load::hosts::Offer;
use crate::rekey::measure::peers::Peer;
use crate::rekey::measure::rates::Rates;
use crate::rekey::rig::encryptors::NEVER;
use crate::size::FrameSize;
use crate::tests::keys;

fn rates(device: Device, lower: f64) -> Rates {
    let bounds = Bounds {
        lower,
        upper: 1.05 * lower,
    };
    Rates {
        port: PortSetup::Mem,
        size: FrameSize::Octets(512),
        device,
        no_drop: bounds,
        partial: bounds,
    }
}

#[test]
fn each_device_has_its_line_and_its_place_in_the_json() {
    let mut out = String::new();
    let rates = [
        rates(Device::Xpn256, 500_000.0),
        rates(Device::NoOp, 750_000.0),
    ];
    let columns = "port size device ndr_mpps ndr_upper_mpps ndr_gbit_s";
    table(&mut out, "T1", columns, rates.iter().map(records::rate));
    for words in ["xpn-256 0.5 0.525 2.048", "no-op 0.75 0.7875 3.072"] {
        let found = out.lines().any(|line| {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            line == format!("mem 512 {words}")
        });
        assert!(found, "{words} in {out}");
    }
    let json = serde_json::to_value(records::rate(&rates[1])).unwrap();
    let promised = [
        "device",
        "ndr_gbit_s",
        "ndr_mpps",
        "pdr_mpps",
        "port",
        "size",
    ];
    assert!(promised.iter().all(|name| keys(&json).contains(name)));
    assert_eq!(json["ndr_mpps"], 0.75);
}

#[test]
fn the_table_of_peers_has_each_device_and_ours_without_rekeying() {
    let offer = Offer {
        size: FrameSize::Octets(512),
        rate: 5_000.0,
        time: Duration::from_secs(2),
    };
    let cell = Cell {
        port: PortSetup::Mem,
        offer,
        load_percent: 50,
    };
    let mut results = Results::default();
    let mut text = String::new();
    peers(&mut text, &results);
    assert!(text.is_empty());
    results.peers = Peer::of_cell(&[Device::NoOp], &[], cell);
    results
        .peers
        .push(Peer::xpn_256(cell, &Account::new(NEVER)));
    peers(&mut text, &results);
    for name in ["T3 PEERS", "no-op", "xpn-256", "off"] {
        assert!(text.contains(name), "no `{name}` in\n{text}");
    }
}

#[test]
fn figures_have_four_digits() {
    for (value, text) in [
        (0.0, "0"),
        (1.5e-6, "1.5e-6"),
        (0.01, "0.01"),
        (0.3, "0.3"),
        (99.996, "100"),
        (-2.5, "-2.5"),
        (12_345.6, "12346"),
    ] {
        assert_eq!(figure(value), text);
    }
}
