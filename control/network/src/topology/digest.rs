//! The hash of a topology, which does not depend on comments and layout of its file.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::domain::Part;
use super::{Demand, Foreign, Link, LinkSpec, Node, NodeKind, Topology, Wdm};

/// SHA-256 of a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl Digest {
    pub(super) fn of(topology: &Topology) -> Self {
        let mut fields = Fields(Sha256::new());
        fields.text("qmacsec topology 1");
        fields.text(&topology.name);
        fields.count(topology.nodes.len());
        for node in &topology.nodes {
            fields.node(node);
        }
        fields.count(topology.links.len());
        for link in &topology.links {
            fields.link(link);
        }
        fields.demand(&topology.demand);
        if let Some(part) = &topology.part {
            fields.part(part);
        }
        Self(fields.0.finalize().into())
    }
}

/// Fields of fixed length, or with their length before them: no two topologies are the same octets.
struct Fields(Sha256);

impl Fields {
    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text);
    }

    fn number(&mut self, number: f64) {
        self.0.update(number.to_bits().to_be_bytes());
    }

    fn node(&mut self, node: &Node) {
        let Node {
            name,
            x_km,
            y_km,
            kind,
            domains,
        } = node;
        self.text(name);
        self.number(*x_km);
        self.number(*y_km);
        self.0.update([match kind {
            NodeKind::Site => 0,
            NodeKind::Relay => 1,
        }]);
        self.count(domains.len());
        for domain in domains {
            self.text(domain);
        }
    }

    /// Only values of the file: what is computed from them may differ in the last digits from
    /// machine to machine.
    fn link(&mut self, link: &Link) {
        for end in [link.ends.0, link.ends.1] {
            self.0.update(end.0.to_be_bytes());
        }
        let LinkSpec {
            preset,
            km,
            attenuation_db_per_km,
            splices,
            connectors,
            patch_panels,
            band,
            wdm,
            block_symbols,
            block_loss,
            drift,
        } = &link.spec;
        self.text(preset.name());
        for number in [
            *km,
            *attenuation_db_per_km,
            band.wavelength_nm(),
            *block_loss,
            *drift,
        ] {
            self.number(number);
        }
        for count in [splices, connectors, patch_panels] {
            self.0.update(count.to_be_bytes());
        }
        self.0.update(block_symbols.to_be_bytes());
        self.0.update([u8::from(wdm.is_some())]);
        if let Some(Wdm { channels, dbm }) = wdm {
            self.0.update(channels.to_be_bytes());
            self.number(*dbm);
        }
    }

    fn demand(&mut self, demand: &Demand) {
        let Demand {
            pairs,
            interval,
            keys_per_switch,
            paths,
        } = demand;
        self.count(pairs.len());
        for (a, b) in pairs {
            self.0.update(a.0.to_be_bytes());
            self.0.update(b.0.to_be_bytes());
        }
        self.0.update(interval.as_nanos().to_be_bytes());
        self.0.update(keys_per_switch.to_be_bytes());
        self.0.update(paths.count().to_be_bytes());
    }

    fn part(&mut self, part: &Part) {
        let Part {
            domain,
            foreign,
            crossing_pairs,
        } = part;
        self.text(domain);
        self.count(foreign.len());
        for Foreign {
            site,
            domain,
            gates,
        } in foreign
        {
            self.text(site);
            self.text(domain);
            self.count(gates.len());
            for gate in gates {
                self.0.update(gate.0.to_be_bytes());
            }
        }
        self.count(crossing_pairs.len());
        for (own, other) in crossing_pairs {
            self.0.update(own.0.to_be_bytes());
            self.count(*other);
        }
    }
}
