use std::collections::BTreeMap;
use std::net::SocketAddr;

use network::topology::Topology;
use network::{NodeId, SaeId};

use super::{Interworking, Settings, node_config};
use crate::tls::Identity;

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

fn settings(name: &str, neighbours: &[&str]) -> Settings {
    let neighbours = neighbours.iter().map(|name| ((*name).to_owned(), ADDRESS));
    Settings {
        name: name.to_owned(),
        topology: Topology::built_in("line-3").unwrap(),
        listen: ADDRESS,
        neighbours: neighbours.collect::<BTreeMap<_, _>>(),
        identity: Identity {
            ca: "ca".into(),
            cert: "cert".into(),
            key: "key".into(),
        },
        kme_listen: ADDRESS,
        blocks_at_start: 1,
        ledger: None,
        interworking: None,
    }
}

fn gate(neighbours: &[&str]) -> Settings {
    Settings {
        topology: Topology::built_in("two-domains").unwrap(),
        interworking: Some(Interworking {
            ca: "ca".into(),
            listen: ADDRESS,
            host: "localhost".to_owned(),
            neighbour: "localhost:1".to_owned(),
            journal: "journal".into(),
            synchronous: false,
        }),
        ..settings("gate.west", neighbours)
    }
}

#[test]
fn settings_that_contradict_the_topology_are_named_with_the_fix() {
    let error = |settings: Settings| settings.map().err().unwrap().to_string();
    assert_eq!(
        error(settings("nobody", &[])),
        "the topology line-3 has no node \"nobody\"; fix: use one of left, middle, right"
    );
    assert_eq!(
        error(settings("left", &[])),
        "neighbour middle has no address; fix: add the line \"middle\" = \"ADDRESS:PORT\" to \
         [neighbours]"
    );
    assert_eq!(
        error(settings("left", &["middle", "right"])),
        "right is no neighbour of this node; fix: remove its line from [neighbours]"
    );
    // An interworking node is two KMEs, and their names need quotes in TOML.
    let both = Settings {
        name: "gate".to_owned(),
        ..gate(&[])
    };
    assert!(error(both).contains("market, gate.east, gate.west, weir.east, weir.west"));
    let beside = Settings {
        name: "townhall".to_owned(),
        interworking: None,
        ..gate(&["library", "theatre"])
    };
    assert!(error(beside).contains("add the line \"gate.west\" = \"ADDRESS:PORT\""));
    let no_kme = Settings {
        interworking: None,
        ..gate(&[])
    };
    assert!(error(no_kme).contains("its KME for gate.east has no address; fix: add a section"));
    let no_gate = Settings {
        name: "townhall".to_owned(),
        ..gate(&[])
    };
    assert!(error(no_gate).contains("townhall is no interworking node"));
    // The node with the larger number is called, and needs no address.
    assert!(settings("right", &[]).map().is_ok());
}

#[test]
fn the_protocol_gets_both_directions_of_each_pair_and_an_sae_for_each_site() {
    let map = settings("middle", &["right"]).map().unwrap();
    let config = node_config(&map).unwrap();
    let sae = |name| SaeId::parse(name).unwrap();
    let (left, right) = (sae("sae-left"), sae("sae-right"));
    assert_eq!(config.node, NodeId(1));
    assert_eq!(
        config.saes,
        [(left.clone(), NodeId(0)), (right.clone(), NodeId(2))]
    );
    let pairs: Vec<_> = config
        .demand
        .iter()
        .map(|d| (&d.initiator, &d.target))
        .collect();
    assert_eq!(pairs, [(&left, &right), (&right, &left)]);
    assert_eq!(map.own_saes().count(), 0, "a relay has no SAE");
    let names: Vec<_> = map
        .own_links()
        .map(|(link, _)| map.link_name(link))
        .collect();
    assert_eq!(names, ["left-middle", "middle-right"]);
}

#[test]
fn a_node_knows_its_domain_and_the_sites_beyond() {
    let map = gate(&[]).map().unwrap();
    assert_eq!(map.name(), "gate.west");
    let config = node_config(&map).unwrap();
    let ours: Vec<_> = config.saes.iter().map(|(sae, _)| sae.as_str()).collect();
    assert_eq!(
        ours,
        ["sae-townhall", "sae-library", "sae-arsenal", "sae-theatre"]
    );
    let (ferry, gates) = &config.foreign[2];
    assert_eq!(
        (ferry.as_str(), &gates[..]),
        ("sae-ferry", &[NodeId(4), NodeId(5)][..])
    );
    assert!(map.is_foreign("sae-ferry") && !map.is_foreign("sae-library"));
    assert_eq!(map.node_of("sae-ferry"), Some("ferry"));
    // Six pairs inside, and each site with each of the four beyond; both directions.
    assert_eq!(config.demand.len(), 2 * (6 + 16));
}
