use std::time::Duration;

use super::{Carry, HandedOver};
use crate::action::Crossing;
use crate::config::{ConfigError, NodeConfig, Paths};
use crate::id::NodeId;
use crate::key::{Key, KeyId, KeyValue};
use crate::limits;
use crate::node::Node;
use crate::node::tests::{Net, config, sae};
use crate::passport::Beyond;
use crate::withdrawal::Withdrawal;

/// A site, a relay, and two interworking nodes behind it.
const LINKS: &[(u16, u16)] = &[(0, 1), (1, 2), (1, 3)];
/// The site and the interworking nodes.
const SITE: usize = 0;
const GATES: [usize; 2] = [2, 3];
/// The SAE of the neighbour domain.
const FOREIGN: usize = 9;
const STEP: Duration = Duration::from_millis(100);

/// One domain, whose site wants keys for the foreign SAE (`demand` = `(SITE, FOREIGN)`) or gets
/// such keys (`(FOREIGN, SITE)`).
struct Domain {
    net: Net,
}

fn domain_config(node: u16, (from, to): (usize, usize)) -> NodeConfig {
    let mut config = config(node, 4, LINKS, &[(from, to, Paths::One)]);
    config.saes.truncate(1);
    config.foreign = vec![(sae(FOREIGN), GATES.map(|gate| NodeId(gate as u16)).to_vec())];
    config
}

impl Domain {
    fn new(demand: (usize, usize)) -> Self {
        let configs = (0..4).map(|node| domain_config(node, demand));
        let mut net = Net::new(configs.collect());
        net.connect();
        net.blocks(1, 16_384);
        net.pass(Duration::from_millis(500));
        Self { net }
    }

    fn now(&self) -> Duration {
        self.net.now
    }

    fn gate(&mut self) -> &mut Node {
        &mut self.net.nodes[GATES[0]]
    }

    /// The reports of the first interworking node since the last call.
    fn reports(&mut self) -> Vec<Crossing> {
        let reports = std::mem::take(&mut self.net.crossings);
        let of_gate = reports.into_iter().filter(|(node, _)| *node == GATES[0]);
        of_gate.map(|(_, report)| report).collect()
    }

    /// Takes the batch that has come for the neighbour domain.
    fn hand_over(&mut self) -> HandedOver {
        let reports = self.reports();
        let [Crossing::Came(batch)] = reports[..] else {
            panic!("one batch, not {reports:?}");
        };
        self.gate().hand_over(batch).unwrap()
    }

    fn crossed(&mut self, keys: &[Key]) {
        for key in keys {
            let (now, beyond) = (self.now(), Beyond::new("there"));
            self.gate().on_crossed(now, key.id, beyond);
        }
        self.net.pass(STEP);
    }

    fn withdraw(&mut self, key: KeyId) -> Vec<Crossing> {
        let now = self.now();
        self.gate().withdraw(now, key);
        self.net.pass(STEP);
        self.reports()
    }

    fn carry(&mut self, id: KeyId) {
        let now = self.now();
        let key = Carry {
            initiator: sae(FOREIGN),
            target: sae(SITE),
            id,
            value: KeyValue::from_octets(&[7; limits::KEY_LEN]),
            beyond: Beyond::new("here"),
        };
        self.gate().carry(now, key);
    }

    /// The site's SAE asks for a key.
    fn dec(&mut self, id: KeyId) -> Option<Key> {
        let now = self.now();
        let keys = self.net.nodes[SITE].dec_keys(now, &sae(SITE), &sae(FOREIGN), &[id]);
        keys.ok().and_then(|mut keys| keys.pop())
    }

    fn enc(&mut self) -> Option<Key> {
        let now = self.now();
        let keys = self.net.nodes[SITE].enc_keys(now, &sae(SITE), &sae(FOREIGN), 1);
        keys.ok().and_then(|mut keys| keys.pop())
    }

    fn restart_site(&mut self, demand: (usize, usize)) {
        let entropy = Box::new(|out: &mut [u8]| out.fill(0xAA));
        self.net.nodes[SITE] = Node::new(domain_config(0, demand), entropy).unwrap();
        for up in [false, true] {
            for node in [0, 1] {
                let now = self.net.now;
                self.net.nodes[node].on_link(now, crate::id::LinkId(0), up);
            }
        }
        self.net.carry();
        self.net.blocks(2, 16_384);
        self.net.pass(5 * STEP);
    }
}

fn key_id(number: u8) -> KeyId {
    KeyId([number; 16])
}

const OUT: (usize, usize) = (SITE, FOREIGN);
const IN: (usize, usize) = (FOREIGN, SITE);

#[test]
fn a_key_for_the_neighbour_domain_is_given_only_when_all_of_its_batch_are_across() {
    let mut domain = Domain::new(OUT);
    let handed = domain.hand_over();
    assert_eq!((handed.initiator, handed.target), (sae(SITE), sae(FOREIGN)));
    assert_eq!(handed.keys[0].passport.paths[0].nodes.len(), 3);
    let (last, first) = handed.keys.split_last().unwrap();
    domain.crossed(first);
    assert!(domain.enc().is_none());
    domain.crossed(std::slice::from_ref(last));
    let key = domain.enc().unwrap();
    let same = handed
        .keys
        .iter()
        .find(|handed| handed.id == key.id)
        .unwrap();
    assert_eq!(key.value.expose(), same.value.expose());
    assert_eq!(key.passport.beyond, Beyond::new("there"));
}

#[test]
fn a_key_that_the_neighbour_does_not_take_voids_its_batch() {
    let mut domain = Domain::new(OUT);
    let keys = domain.hand_over().keys;
    domain.crossed(&keys[1..]);
    let reports = domain.withdraw(keys[0].id);
    let others: Vec<_> = keys[1..].iter().map(|key| key.id).collect();
    assert_eq!(reports[0], Crossing::GivenUp(others.clone()));
    assert_eq!(
        reports[1],
        Crossing::Withdrawn(keys[0].id, Withdrawal::Done)
    );
    let again = domain.withdraw(others[0]);
    assert_eq!(
        again[..1],
        [Crossing::Withdrawn(others[0], Withdrawal::Done)]
    );
    domain.crossed(&keys[..1]);
    assert!(domain.enc().is_none());
}

#[test]
fn the_site_says_whether_its_sae_has_a_key() {
    let mut domain = Domain::new(OUT);
    let keys = domain.hand_over().keys;
    domain.crossed(&keys);
    let had = domain.enc().unwrap().id;
    assert_eq!(
        domain.withdraw(had),
        [Crossing::Withdrawn(had, Withdrawal::Taken)]
    );
    for key in keys.iter().filter(|key| key.id != had) {
        let answers = domain.withdraw(key.id);
        assert!(
            answers.contains(&Crossing::Withdrawn(key.id, Withdrawal::Done)),
            "{answers:?}"
        );
    }
    assert!(domain.enc().is_none());
    let strange = key_id(1);
    let unknown = Crossing::Withdrawn(strange, Withdrawal::Unknown);
    assert!(domain.withdraw(strange).contains(&unknown));
}

#[test]
fn a_batch_that_is_not_across_in_time_is_given_up_and_goes_by_another_way() {
    let mut domain = Domain::new(OUT);
    let keys = domain.hand_over().keys;
    domain.net.pass(limits::CROSS_WAIT + 3 * STEP);
    let (gate, other): (Vec<_>, Vec<_>) = domain
        .net
        .crossings
        .drain(..)
        .partition(|(node, _)| *node == GATES[0]);
    let ids = keys.iter().map(|key| key.id).collect();
    assert_eq!(gate, [(GATES[0], Crossing::GivenUp(ids))]);
    assert!(matches!(other[..], [(_, Crossing::Came(_))]), "{other:?}");
}

#[test]
fn a_key_of_the_neighbour_domain_comes_to_its_target_under_its_name() {
    let mut domain = Domain::new(IN);
    domain.carry(key_id(1));
    domain.carry(key_id(2));
    domain.net.pass(STEP);
    let reports = domain.reports();
    let carried = reports.iter().map(|report| match report {
        Crossing::Carried { keys, passport } => (keys.clone(), passport.paths[0].nodes.len()),
        other => panic!("{other:?}"),
    });
    let carried: Vec<_> = carried.collect();
    assert_eq!(carried, [(vec![key_id(1)], 3), (vec![key_id(2)], 3)]);
    let key = domain.dec(key_id(1)).unwrap();
    assert_eq!(*key.value.expose(), [7; limits::KEY_LEN]);
    assert_eq!(key.passport.beyond, Beyond::new("here"));
    assert!(domain.dec(key_id(1)).is_none());
}

#[test]
fn the_target_says_whether_its_sae_has_a_key() {
    let mut domain = Domain::new(IN);
    domain.carry(key_id(1));
    domain.carry(key_id(2));
    domain.net.pass(STEP);
    domain.reports();
    assert!(domain.dec(key_id(1)).is_some());
    let answer = |key, answer| [Crossing::Withdrawn(key_id(key), answer)];
    assert_eq!(domain.withdraw(key_id(1)), answer(1, Withdrawal::Taken));
    assert_eq!(domain.withdraw(key_id(2)), answer(2, Withdrawal::Done));
    assert_eq!(domain.withdraw(key_id(2)), answer(2, Withdrawal::Done));
    assert!(domain.dec(key_id(2)).is_none());
    assert_eq!(domain.withdraw(key_id(3)), answer(3, Withdrawal::Unknown));
}

#[test]
fn a_key_taken_back_before_it_comes_is_not_taken_later() {
    let mut domain = Domain::new(IN);
    domain.net.mute = vec![0];
    domain.carry(key_id(1));
    domain.net.carry();
    domain.net.mute.clear();
    let reports = domain.withdraw(key_id(1));
    let dropped = matches!(&reports[0], Crossing::NotCarried { keys, .. } if *keys == [key_id(1)]);
    assert!(dropped, "{reports:?}");
    assert_eq!(
        reports[1..],
        [Crossing::Withdrawn(key_id(1), Withdrawal::Done)]
    );
    domain.carry(key_id(1));
    domain.net.pass(2 * STEP);
    let reports = domain.reports();
    assert!(
        matches!(reports[..], [Crossing::NotCarried { .. }]),
        "{reports:?}"
    );
    assert!(domain.dec(key_id(1)).is_none());
}

#[test]
fn keys_without_a_route_and_keys_of_unknown_pairs_are_not_carried() {
    let mut domain = Domain::new(IN);
    domain.net.mute = vec![0];
    domain.net.pass(limits::DEAD + STEP);
    domain.carry(key_id(1));
    domain.net.pass(limits::CARRY_WAIT + 2 * STEP);
    let reports = domain.reports();
    assert!(
        matches!(reports[..], [Crossing::NotCarried { .. }]),
        "{reports:?}"
    );
    let mut domain = Domain::new(OUT);
    domain.reports();
    domain.carry(key_id(1));
    domain.net.pass(STEP);
    let reports = domain.reports();
    assert!(
        matches!(reports[..], [Crossing::NotCarried { .. }]),
        "{reports:?}"
    );
}

#[test]
fn keys_of_a_target_that_has_restarted_are_lost() {
    let mut domain = Domain::new(IN);
    domain.carry(key_id(1));
    domain.net.pass(STEP);
    domain.reports();
    domain.restart_site(IN);
    assert_eq!(domain.reports(), [Crossing::Lost(vec![key_id(1)])]);
}

/// Each lost key costs a question in the neighbour domain, and so key of its links.
#[test]
fn of_lost_keys_those_that_can_be_in_stock_are_reported() {
    let mut domain = Domain::new(IN);
    let keys: Vec<_> = (1..=20).map(key_id).collect();
    for key in &keys {
        domain.carry(*key);
        domain.net.pass(STEP);
    }
    let taken_back = keys[19];
    assert!(!domain.withdraw(taken_back).is_empty());
    domain.reports();
    domain.restart_site(IN);
    let newest = keys[3..19].iter().rev().copied().collect();
    assert_eq!(domain.reports(), [Crossing::Lost(newest)]);
}

#[test]
fn a_pair_has_one_sae_here_and_away_from_the_interworking_nodes() {
    let new = |config: NodeConfig| Node::new(config, Box::new(|_| ())).err();
    let mut config = domain_config(0, OUT);
    config.saes[0].1 = NodeId(GATES[0] as u16);
    assert_eq!(new(config), Some(ConfigError::AtGate(sae(SITE))));
    let mut config = domain_config(0, OUT);
    config.saes.clear();
    config.foreign.push((sae(SITE), vec![NodeId(2)]));
    let both = ConfigError::BothForeign(sae(SITE), sae(FOREIGN));
    assert_eq!(new(config), Some(both));
    let mut config = domain_config(0, OUT);
    config.foreign[0].1.clear();
    assert_eq!(new(config), Some(ConfigError::NoWay(sae(FOREIGN))));
}
