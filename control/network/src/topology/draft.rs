//! The entries of a topology file, each with its place, while mistakes are still looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use qkd::preset::Preset;
use qkd::raman::Band;
use toml::de::{DeTable, DeValue};

use super::domain::kme_name;
use super::link::{Link, LinkSpec, Wdm};
use super::section::{Findings, Place, Section};
use super::{
    Demand, INTERVAL_MAX, INTERVAL_MIN, LINKS_MAX, NODES_MAX, Node, NodeKind, PAIRS_MAX, Paths,
    TEXT_MAX, Topology,
};
use crate::id::NodeId;
use crate::limits::KEYS_PER_SWITCH_MAX;

const TOP_KEYS: [&str; 4] = ["name", "node", "link", "demand"];
const NODE_KEYS: [&str; 5] = ["name", "x_km", "y_km", "kind", "domain"];
const LINK_KEYS: [&str; 13] = [
    "ends",
    "preset",
    "km",
    "attenuation_db_per_km",
    "splices",
    "connectors",
    "patch_panels",
    "band",
    "wdm_channels",
    "wdm_dbm",
    "block_symbols",
    "block_loss",
    "drift",
];
const DEMAND_KEYS: [&str; 4] = ["pairs", "interval", "keys_per_switch", "paths"];

const BANDS: [(&str, Band); 5] = [
    ("c1550", Band::C1550),
    ("l1590", Band::L1590),
    ("s1500", Band::S1500),
    ("s1470", Band::S1470),
    ("o1310", Band::O1310),
];

/// Most characters of a name.
const NAME_MAX: usize = 32;
/// Most characters of a KME's name, which its certificate carries as a part of a DNS name.
const CERTIFICATE_NAME_MAX: usize = 63;
/// Most domains of a node.
const DOMAINS_MAX: usize = 2;
/// Domain of a node without the key.
const DOMAIN: &str = "main";
/// Share of blocks that fail, unless the file says otherwise.
const BLOCK_LOSS: f64 = 0.05;
/// Time between switches, unless the file says otherwise.
const INTERVAL: Duration = Duration::from_secs(3);

/// The entries that could be read.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) nodes: Vec<Node>,
    pub(super) links: Vec<DraftLink>,
    pub(super) demand: Demand,
    /// The place of each pair of the demand.
    pub(super) pair_places: Vec<Place>,
}

/// A link as far as it could be read.
pub(super) struct DraftLink {
    pub(super) place: Place,
    /// `None` for an end that is no node of the file.
    pub(super) ends: [Option<NodeId>; 2],
    /// `None` if a value is wrong.
    pub(super) link: Option<Link>,
}

impl Draft {
    /// The topology of a draft without mistakes.
    pub(super) fn finish(self) -> Topology {
        let Self {
            name,
            nodes,
            links,
            demand,
            ..
        } = self;
        let links = links.into_iter().filter_map(|draft| draft.link).collect();
        Topology {
            name,
            nodes,
            links,
            demand,
            part: None,
        }
    }
}

/// Reads all entries.
pub(super) fn read(text: &str, findings: &mut Findings<'_>) -> Draft {
    let mut draft = Draft {
        name: String::new(),
        nodes: Vec::new(),
        links: Vec::new(),
        demand: Demand {
            pairs: Vec::new(),
            interval: INTERVAL,
            keys_per_switch: 1,
            paths: Paths::One,
        },
        pair_places: Vec::new(),
    };
    if text.len() > TEXT_MAX {
        let mib = TEXT_MAX >> 20;
        findings.add(
            0,
            format_args!("the file has more than {mib} MiB"),
            "shorten it",
        );
        return draft;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = error.span().map_or(0, |span| span.start);
        let fix = "the file is TOML: [[node]], [[link]] and [demand], then key = value lines";
        findings.add(place, error.message(), fix);
    }
    let top = Section {
        header: "the file",
        table: table.get_ref(),
        place: 0,
    };
    top.refuse_others(&TOP_KEYS, findings);
    let name = name_of(top, "name", findings);
    if name.is_none() && top.value("name").is_none() {
        findings.add(
            0,
            "the network has no name",
            "write name = \"...\" as the first line",
        );
    }
    draft.name = name.unwrap_or_default().to_owned();

    let mut known = Known::default();
    let nodes = entries(top, "node", "[[node]]", findings);
    limit(&nodes, "nodes", NODES_MAX, findings);
    for section in nodes.into_iter().take(NODES_MAX) {
        read_node(section, &mut known, &mut draft.nodes, findings);
    }
    if draft.nodes.len() < 2 && findings.is_empty() {
        findings.add(
            0,
            "the network has less than two nodes",
            "write a [[node]] for each",
        );
    }
    let links = entries(top, "link", "[[link]]", findings);
    limit(&links, "links", LINKS_MAX, findings);
    for section in links.into_iter().take(LINKS_MAX) {
        draft.links.push(read_link(section, &known, findings));
    }
    read_demand(top, &known, &mut draft, findings);
    draft
}

/// The nodes by name, with the place of each.
#[derive(Default)]
struct Known<'a>(BTreeMap<&'a str, (NodeId, Place)>);

impl Known<'_> {
    /// The node of this name; otherwise a mistake.
    fn find(&self, name: &str, place: Place, findings: &mut Findings<'_>) -> Option<NodeId> {
        let found = self.0.get(name).map(|(node, _)| *node);
        if found.is_none() {
            // The name that begins the same way is the likely one.
            let alike = |known: &&&str| {
                let same = known.chars().zip(name.chars()).take_while(|(a, b)| a == b);
                same.count()
            };
            let fix = match self
                .0
                .keys()
                .max_by_key(alike)
                .filter(|known| alike(known) > 0)
            {
                Some(likely) => format!("did you mean {likely:?}? Otherwise add a [[node]]"),
                None => "add a [[node]] of this name".to_owned(),
            };
            findings.add(place, format_args!("there is no node {name:?}"), fix);
        }
        found
    }
}

fn limit(entries: &[Section<'_>], what: &str, most: usize, findings: &mut Findings<'_>) {
    if let Some(first_beyond) = entries.get(most) {
        let problem = format!("the file has {} {what}, at most {most}", entries.len());
        findings.add(
            first_beyond.place,
            problem,
            "leave some out, or split the network",
        );
    }
}

/// The sections of a list such as `[[node]]`.
fn entries<'a>(
    top: Section<'a>,
    key: &str,
    header: &'static str,
    findings: &mut Findings<'_>,
) -> Vec<Section<'a>> {
    let Some((value, place)) = top.value(key) else {
        return Vec::new();
    };
    let mut sections = Vec::new();
    for entry in value.as_array().into_iter().flat_map(|list| list.iter()) {
        match entry.get_ref() {
            DeValue::Table(table) => {
                sections.push(Section {
                    header,
                    table,
                    place: entry.span().start,
                });
            }
            _ => findings.add(
                entry.span().start,
                format_args!("an entry of {key} is no section"),
                format_args!("write {header} above its keys"),
            ),
        }
    }
    if !value.is_array() {
        let problem = format!("{key} is not a list of sections");
        findings.add(
            place,
            problem,
            format_args!("write {header}, in double brackets"),
        );
    }
    sections
}

/// A name that fits a command line, a file name and a certificate.
fn name_of<'a>(section: Section<'a>, key: &str, findings: &mut Findings<'_>) -> Option<&'a str> {
    let (name, place) = section.text(key, "a name in quotes", findings)?;
    check_name(key, name, place, findings)
}

fn check_name<'a>(
    key: &str,
    name: &'a str,
    place: Place,
    findings: &mut Findings<'_>,
) -> Option<&'a str> {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    let begins = name
        .bytes()
        .next()
        .is_some_and(|octet| octet.is_ascii_alphanumeric());
    if begins && name.len() <= NAME_MAX && name.bytes().all(allowed) {
        return Some(name);
    }
    let shown: String = name.chars().take(NAME_MAX).collect();
    findings.add(
        place,
        format_args!("{key} {shown:?} is not allowed"),
        format_args!("use 1 to {NAME_MAX} letters, digits, - and _; begin with a letter or digit"),
    );
    None
}

fn read_node<'a>(
    section: Section<'a>,
    known: &mut Known<'a>,
    nodes: &mut Vec<Node>,
    findings: &mut Findings<'_>,
) {
    section.refuse_others(&NODE_KEYS, findings);
    let mut position = |key: &str| {
        if section.value(key).is_none() {
            let fix = format!("write {key} = the node's place on the map, in km");
            findings.add(section.place, format_args!("a node has no {key}"), fix);
        }
        section
            .number(key, &(-10_000.0..=10_000.0), findings)
            .unwrap_or(0.0)
    };
    let (x_km, y_km) = (position("x_km"), position("y_km"));
    let kind = match section.text("kind", "\"site\" or \"relay\"", findings) {
        None | Some(("site", _)) => NodeKind::Site,
        Some(("relay", _)) => NodeKind::Relay,
        Some((other, place)) => {
            let problem = format!("there is no kind {other:?} of node");
            findings.add(place, problem, "write \"site\" or \"relay\"");
            NodeKind::Site
        }
    };
    let domains = read_domains(section, findings).unwrap_or_default();
    if domains.len() > 1 && kind == NodeKind::Site {
        let place = section
            .value("domain")
            .map_or(section.place, |(_, place)| place);
        let fix = "write kind = \"relay\", and give the site a node of its own in one domain";
        findings.add(place, "a node of two domains is not a relay", fix);
    }
    if section.value("name").is_none() {
        findings.add(section.place, "a node has no name", "write name = \"...\"");
    }
    let Some(name) = name_of(section, "name", findings) else {
        return;
    };
    let Ok(number) = u16::try_from(nodes.len()) else {
        return;
    };
    let kmes = domains.iter().map(|domain| kme_name(name, domain));
    if domains.len() > 1
        && let Some(kme) = kmes.max_by_key(String::len)
        && kme.len() > CERTIFICATE_NAME_MAX
    {
        let problem = format!("its KME {kme} has a longer name than a certificate can carry");
        let fix = format!("shorten node or domain: both have {CERTIFICATE_NAME_MAX} together");
        findings.add(section.place, problem, fix);
    }
    if let Some((_, before)) = known.0.get(name) {
        let problem = format!(
            "a node {name:?} is in line {} already",
            findings.line(*before)
        );
        return findings.add(section.place, problem, "give each node a name of its own");
    }
    known.0.insert(name, (NodeId(number), section.place));
    nodes.push(Node {
        name: name.to_owned(),
        x_km,
        y_km,
        kind,
        domains,
    });
}

/// One domain, or two for an interworking node. `None` after a mistake.
fn read_domains(section: Section<'_>, findings: &mut Findings<'_>) -> Option<BTreeSet<String>> {
    let before = findings.count();
    let like = "write one name, or [\"...\", \"...\"] for an interworking node of two domains";
    let mut domains = BTreeSet::new();
    match section.value("domain") {
        None => drop(domains.insert(DOMAIN.to_owned())),
        Some((DeValue::Array(list), place)) => {
            if !(1..=DOMAINS_MAX).contains(&list.len()) {
                let problem = format!("domain has {} names, not 1 to {DOMAINS_MAX}", list.len());
                findings.add(place, problem, like);
            }
            for entry in list.iter().take(DOMAINS_MAX) {
                let place = entry.span().start;
                let Some(name) = entry.get_ref().as_str() else {
                    findings.add(place, "a domain is not a text", like);
                    continue;
                };
                let name = check_name("domain", name, place, findings);
                if name.is_some_and(|name| !domains.insert(name.to_owned())) {
                    findings.add(place, "both names of domain are the same", like);
                }
            }
        }
        Some(_) => domains.extend(name_of(section, "domain", findings).map(str::to_owned)),
    }
    (findings.count() == before).then_some(domains)
}

fn read_link(section: Section<'_>, known: &Known<'_>, findings: &mut Findings<'_>) -> DraftLink {
    section.refuse_others(&LINK_KEYS, findings);
    let ends = read_ends(section, known, findings);
    let before = findings.count();
    let spec = read_spec(section, findings);
    let source = match spec.source() {
        Ok(source) => Some(source),
        // The mistakes of single values are known already.
        Err(error) if findings.count() == before => {
            let (field, value, unit) = (error.field, error.value, error.unit);
            let problem = format!("{field} of the link is {value} {unit}");
            let fix = format!("it must be {} to {}: {}", error.min, error.max, error.fix);
            findings.add(section.place, problem, fix);
            None
        }
        Err(_) => None,
    };
    let link = match (ends, source) {
        ([Some(a), Some(b)], Some(source)) => Some(Link {
            ends: (a, b),
            spec,
            source,
        }),
        _ => None,
    };
    DraftLink {
        place: section.place,
        ends,
        link,
    }
}

fn read_ends(
    section: Section<'_>,
    known: &Known<'_>,
    findings: &mut Findings<'_>,
) -> [Option<NodeId>; 2] {
    let Some((value, place)) = section.value("ends") else {
        findings.add(
            section.place,
            "a link has no ends",
            "write ends = [\"...\", \"...\"]",
        );
        return [None; 2];
    };
    let Some([a, b]) = two_names(value) else {
        let fix = "write ends = [\"...\", \"...\"]";
        findings.add(place, "ends are not the names of two nodes", fix);
        return [None; 2];
    };
    if a == b {
        let problem = format!("a link joins {a:?} to itself");
        findings.add(place, problem, "name two different nodes");
        return [None; 2];
    }
    [a, b].map(|name| known.find(name, place, findings))
}

fn two_names<'a>(value: &'a DeValue<'_>) -> Option<[&'a str; 2]> {
    let list = value.as_array()?;
    match (list.len(), list.first(), list.get(1)) {
        (2, Some(a), Some(b)) => Some([a.get_ref().as_str()?, b.get_ref().as_str()?]),
        _ => None,
    }
}

fn read_spec(section: Section<'_>, findings: &mut Findings<'_>) -> LinkSpec {
    let preset = match section.text("preset", "the name of a link preset", findings) {
        None => Preset::default(),
        Some((name, place)) => name.parse().unwrap_or_else(|_| {
            let all = Preset::ALL.map(Preset::name).join(", ");
            let problem = format!("there is no preset {name:?}");
            findings.add(place, problem, format_args!("use one of {all}"));
            Preset::default()
        }),
    };
    let band = match section.text("band", "a band such as \"c1550\"", findings) {
        None => Band::C1550,
        Some((name, place)) => {
            let band = BANDS.into_iter().find(|(known, _)| *known == name);
            if band.is_none() {
                let all = BANDS.map(|(known, _)| known).join(", ");
                let problem = format!("there is no band {name:?}");
                findings.add(place, problem, format_args!("use one of {all}"));
            }
            band.map_or(Band::C1550, |(_, band)| band)
        }
    };
    let devices = preset.link();
    let mut number = |key: &str, range: &_, default: f64| {
        section.number(key, range, findings).unwrap_or(default)
    };
    let km = number("km", &(0.1..=400.0), devices.fibre.km());
    let attenuation_db_per_km = number(
        "attenuation_db_per_km",
        &(0.1..=2.0),
        band.attenuation_db_per_km(),
    );
    let block_loss = number("block_loss", &(0.0..=0.9), BLOCK_LOSS);
    let drift = number("drift", &(0.0..=1.0), 0.0);
    let symbols = number(
        "block_symbols",
        &(1e4..=1e12),
        devices.block.symbols() as f64,
    );
    let mut count = |key: &str, range: &_| section.whole(key, range, findings);
    let splices = count("splices", &(0..=1000)).unwrap_or(0);
    let connectors = count("connectors", &(0..=100)).unwrap_or(0);
    let patch_panels = count("patch_panels", &(0..=50)).unwrap_or(0);
    let channels = count("wdm_channels", &(0..=400)).unwrap_or(0);
    let dbm = section
        .number("wdm_dbm", &(-40.0..=20.0), findings)
        .unwrap_or(0.0);
    if channels == 0
        && let Some((_, place)) = section.value("wdm_dbm")
    {
        let problem = "wdm_dbm gives the power of no channel";
        findings.add(
            place,
            problem,
            "set wdm_channels too, or leave wdm_dbm out for a dark fibre",
        );
    }
    LinkSpec {
        preset,
        km,
        attenuation_db_per_km,
        splices,
        connectors,
        patch_panels,
        band,
        wdm: (channels > 0).then_some(Wdm { channels, dbm }),
        block_symbols: symbols.round() as u64,
        block_loss,
        drift,
    }
}

fn read_demand(
    top: Section<'_>,
    known: &Known<'_>,
    draft: &mut Draft,
    findings: &mut Findings<'_>,
) {
    let demand = match top.value("demand") {
        Some((DeValue::Table(table), place)) => Section {
            header: "[demand]",
            table,
            place,
        },
        Some((_, place)) => {
            return findings.add(
                place,
                "demand is no section",
                "write [demand] above its keys",
            );
        }
        None => return all_pairs(draft, 0, findings),
    };
    demand.refuse_others(&DEMAND_KEYS, findings);
    if let Some((text, place)) = demand.text("interval", "a time such as \"3s\"", findings) {
        let given = humantime::parse_duration(text).ok();
        let inside = given.filter(|given| (INTERVAL_MIN..=INTERVAL_MAX).contains(given));
        if inside.is_none() {
            let fix = "write a time from \"100ms\" to \"1day\", such as \"3s\"";
            findings.add(place, format_args!("interval {text:?} is not allowed"), fix);
        }
        draft.demand.interval = inside.unwrap_or(INTERVAL);
    }
    let keys = demand.whole(
        "keys_per_switch",
        &(1..=KEYS_PER_SWITCH_MAX.into()),
        findings,
    );
    draft.demand.keys_per_switch = keys.unwrap_or(1);
    if demand.whole("paths", &(1..=2), findings) == Some(2) {
        draft.demand.paths = Paths::Two;
    }
    match demand.value("pairs") {
        None => all_pairs(draft, demand.place, findings),
        Some((DeValue::String(all), place)) if all == "all" => all_pairs(draft, place, findings),
        Some((DeValue::Array(list), place)) => {
            if list.is_empty() || list.len() > PAIRS_MAX {
                let problem = format!("{} pairs are demanded", list.len());
                findings.add(place, problem, format_args!("list 1 to {PAIRS_MAX} pairs"));
            }
            let mut seen = BTreeMap::new();
            for entry in list.iter().take(PAIRS_MAX) {
                let place = entry.span().start;
                if let Some(pair) = read_pair(entry.get_ref(), place, known, draft, findings) {
                    if let Some(before) = seen.insert(pair, place) {
                        let line = findings.line(before);
                        let problem = format!("this pair is in line {line} already");
                        findings.add(place, problem, "leave one of them out");
                    } else {
                        draft.demand.pairs.push(pair);
                        draft.pair_places.push(place);
                    }
                }
            }
        }
        Some((_, place)) => {
            let fix = "write \"all\", or a list such as [[\"a\", \"b\"], [\"a\", \"c\"]]";
            findings.add(place, "pairs is neither \"all\" nor a list of pairs", fix);
        }
    }
}

/// Demands keys for each pair of sites.
fn all_pairs(draft: &mut Draft, place: Place, findings: &mut Findings<'_>) {
    let sites: Vec<NodeId> = (0_u16..)
        .zip(&draft.nodes)
        .filter(|(_, node)| node.kind == NodeKind::Site)
        .map(|(number, _)| NodeId(number))
        .collect();
    let count = sites.len() * sites.len().saturating_sub(1) / 2;
    if !(1..=PAIRS_MAX).contains(&count) {
        if findings.is_empty() {
            let problem = format!("{} sites make {count} pairs", sites.len());
            let fix = format!("demand 1 to {PAIRS_MAX}: list the pairs, or change kinds of nodes");
            findings.add(place, problem, fix);
        }
        return;
    }
    for (at, a) in sites.iter().enumerate() {
        for b in sites.iter().skip(at + 1) {
            draft.demand.pairs.push((*a, *b));
            draft.pair_places.push(place);
        }
    }
}

fn read_pair(
    value: &DeValue<'_>,
    place: Place,
    known: &Known<'_>,
    draft: &Draft,
    findings: &mut Findings<'_>,
) -> Option<(NodeId, NodeId)> {
    let Some(names) = two_names(value) else {
        let fix = "write [\"...\", \"...\"] with the names of two sites";
        findings.add(place, "a pair is not the names of two sites", fix);
        return None;
    };
    let [a, b] = names.map(|name| known.find(name, place, findings));
    for (node, name) in [a, b].into_iter().zip(names) {
        let node = node.and_then(|node| draft.nodes.get(node.index()));
        if node.is_some_and(|node| node.kind == NodeKind::Relay) {
            let problem = format!("keys are demanded for {name:?}, which is a relay");
            findings.add(
                place,
                problem,
                "give this node the kind \"site\", or name another",
            );
        }
    }
    let (a, b) = (a?, b?);
    if a == b {
        let problem = format!("keys are demanded for {:?} with itself", names[0]);
        findings.add(place, problem, "name two different sites");
        return None;
    }
    Some((a.min(b), a.max(b)))
}
