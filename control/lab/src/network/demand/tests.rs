use std::net::TcpListener;
use std::thread;

use kme::pki::{LabPki, make_lab_pki};

use super::*;

#[test]
fn a_pair_has_one_call_at_a_time_and_what_waits_for_it_too_long_is_missed() {
    let topology = Topology::built_in("line-3").unwrap();
    let topology = topology.with_interval(Duration::from_millis(100));
    let names = sites(&topology).map(|site| sae_of(topology.node_name(site)));
    let pki = LabPki {
        saes: names.collect(),
        ..LabPki::default()
    };
    let folder = tempfile::tempdir().unwrap();
    make_lab_pki(folder.path(), &pki).unwrap();
    let layout = Layout::of(&topology);
    let places = Places::find(layout.kmes().len()).unwrap();
    // KMEs that take connections and never answer.
    let kmes = sites(&topology).map(|site| places.saes(layout.at(site).unwrap()));
    let silent = kmes.map(|address| TcpListener::bind(address).unwrap());
    let silent: Vec<_> = silent.collect();

    let demand = Demand::start(&topology, &layout, &places, folder.path()).unwrap();
    thread::sleep(Duration::from_secs(1));
    let tally = demand.stop().unwrap();

    for pair in &tally.pairs {
        assert!(
            pair.demanded >= 9 && pair.missed == pair.demanded,
            "{pair:?}"
        );
    }
    let calls = |kme: &TcpListener| {
        kme.set_nonblocking(true).unwrap();
        kme.incoming().take_while(Result::is_ok).count()
    };
    let calls: usize = silent.iter().map(calls).sum();
    // In each direction the first demand, and the first that has not waited for its end too long.
    assert!(calls <= 4, "{calls}");
}
