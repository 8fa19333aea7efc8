//! A plan as text, in at most 100 columns.

use std::fmt::{self, Write as _};
use textwrap::{Options, WordSeparator, WordSplitter};

use super::{DomainPlan, FailurePlan, LinkPlan, PairPlan, Plan, Reserve};

const COLUMNS: usize = 98;
/// Columns of the name of a link.
const NAME: usize = 26;
/// Most entries of a list; the rest is counted.
const LISTED: usize = 24;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading(f)?;
        self.links_table(f)?;
        self.failures_list(f)?;
        self.pairs_list(f)?;
        f.write_char('\n')?;
        f.write_str(&wrapped(&self.verdict(), ""))
    }
}

impl Plan {
    fn heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            network,
            nodes,
            links,
            pairs,
            domains,
            interworking_nodes,
            ..
        } = self;
        writeln!(
            f,
            "{network}: {nodes} nodes, {}, {} of sites",
            counted(links.len(), "link"),
            counted(pairs.len(), "pair")
        )?;
        if domains.len() > 1 {
            let names = list(domains.iter().map(|domain| domain.domain.clone()));
            let gates = list(interworking_nodes.iter().cloned());
            let text = format!("domains: {names}; interworking nodes: {gates}");
            f.write_str(&wrapped(&text, ""))?;
        }
        let keys = match self.keys_per_switch {
            1 => "a fresh key".to_owned(),
            several => format!("{several} fresh keys"),
        };
        let path = match self.paths {
            1 => "one path",
            _ => "two disjoint paths",
        };
        let interval = seconds(self.interval_s);
        writeln!(
            f,
            "demand: {keys} in each direction every {interval} over {path}"
        )?;
        let bits = self.authentication_bits;
        writeln!(f, "authentication: {bits} bits for each key and link")?;
        for DomainPlan { domain, digest } in domains {
            match domains.len() {
                1 => writeln!(f, "digest {digest}")?,
                _ => f.write_str(&wrapped(&format!("digest of {domain}: {digest}"), ""))?,
            }
        }
        f.write_str(
            "Rates are modelled for the worst hour of the day; failed blocks are deducted.\n",
        )
    }

    /// The links, the fullest first.
    fn links_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<NAME$} {:>5} {:>5} {:>9} {:>9} {:>6} {:>7}  reserve for 1e-6",
            "", "fibre", "loss", "supply", "used", "load", "a block"
        )?;
        writeln!(
            f,
            "{:<NAME$} {:>5} {:>5} {:>9} {:>9} {:>6} {:>7} {:>7} {:>7} {:>7}",
            "link", "km", "dB", "bit/s", "bit/s", "%", "every", "blocks", "lasts", "dry"
        )?;
        let mut links: Vec<&LinkPlan> = self.links.iter().collect();
        links.sort_by(|a, b| load_of(b).total_cmp(&load_of(a)));
        for link in links.iter().take(LISTED) {
            writeln!(f, "{}", link_row(link))?;
        }
        if links.len() > LISTED {
            writeln!(
                f,
                "and {} links with less load; --json has all",
                links.len() - LISTED
            )?;
        }
        let parted = match self.domains.len() {
            1 => "the network",
            _ => "its domain",
        };
        writeln!(f, "=: bridge, its failure parts {parted}")
    }

    /// The failures that leave pairs without a route or overload a link of a network that fits.
    fn failures_list(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = match self.detailed {
            true => "of each node and each link",
            false => "that part the network or a domain; others were not examined",
        };
        writeln!(f, "\nSingle failures {scope}:")?;
        if self.failures.is_empty() {
            return writeln!(f, "  there are none");
        }
        let overloads = |failure: &FailurePlan| self.fits && overloaded(failure);
        let bad = |failure: &&FailurePlan| failure.pairs_lost > 0 || overloads(failure);
        for failure in self.failures.iter().filter(bad).take(LISTED) {
            let lost = match failure.pairs_lost {
                0 => "every other pair has a route".to_owned(),
                pairs => format!("{} without a route", counted(pairs, "other pair")),
            };
            let mark = if overloads(failure) {
                ": OVERLOADED"
            } else {
                ""
            };
            let load = percent(failure.highest_load);
            let text = format!(
                "{}: {lost}; highest load {load} on {}{mark}",
                failure.what, failure.fullest
            );
            f.write_str(&wrapped(&text, "  "))?;
        }
        let good: Vec<_> = self
            .failures
            .iter()
            .filter(|failure| !bad(failure))
            .collect();
        let load = |failure: &&&FailurePlan| failure.highest_load.unwrap_or(f64::INFINITY);
        let Some(worst) = good.iter().max_by(|a, b| load(a).total_cmp(&load(b))) else {
            return Ok(());
        };
        let text = format!(
            "each of the {} others: every other pair has a route; highest load {} on {}, after \
             {}",
            good.len(),
            percent(worst.highest_load),
            worst.fullest,
            worst.what
        );
        f.write_str(&wrapped(&text, "  "))
    }

    fn pairs_list(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hops = |pair: &PairPlan| pair.paths.iter().map(|path| path.len() - 1).max();
        if let Some(longest) = self.pairs.iter().max_by_key(|pair| hops(pair)) {
            let mean =
                self.pairs.iter().filter_map(hops).sum::<usize>() as f64 / self.pairs.len() as f64;
            let paths: Vec<_> = longest.paths.iter().map(|path| path.join(" - ")).collect();
            let text = format!(
                "{mean:.1} links a path on average; the longest: {}",
                paths.join(" and ")
            );
            f.write_str("\nPairs:\n")?;
            f.write_str(&wrapped(&text, "  "))?;
        }
        for (lost_with, pairs) in self.pairs_by_loss().into_iter().take(LISTED) {
            let count = counted(pairs.len(), "pair");
            let text = match lost_with {
                [] => format!("{count}: a route after every single failure of another part"),
                _ => format!(
                    "{count}: no route after the failure of {}: {}",
                    list(lost_with.iter().cloned()),
                    list(pairs.iter().map(|pair| format!("{} - {}", pair.a, pair.b)))
                ),
            };
            f.write_str(&wrapped(&text, "  "))?;
        }
        Ok(())
    }

    fn verdict(&self) -> String {
        let fullest = self
            .links
            .iter()
            .max_by(|a, b| load_of(a).total_cmp(&load_of(b)));
        let on = fullest.map_or_else(String::new, |link| format!("{} - {}", link.a, link.b));
        let load = percent(self.highest_load);
        if self.fits {
            let mut more = String::new();
            if let Some(pairs) = self.more_pairs {
                more += &format!(
                    "; {} of the same mix would fit",
                    counted(pairs as usize, "more pair")
                );
            }
            if let Some(interval) = self.shortest_interval_s.filter(|s| *s < self.interval_s) {
                more += &format!("; so would an interval of {}", seconds(interval));
            }
            return format!("It fits: every pair is served, highest load {load} on {on}{more}.");
        }
        let mut reasons = Vec::new();
        if self.pairs_without_route > 0 {
            reasons.push(format!(
                "no route for {}",
                counted(self.pairs_without_route, "pair")
            ));
        }
        let beyond = self.links.iter().filter(|link| load_of(link) > 1.0).count();
        if beyond > 0 {
            let count = counted(beyond, "link");
            reasons.push(format!(
                "{count} loaded beyond the supply, up to {load} on {on}"
            ));
        }
        let fix = match self.shortest_interval_s {
            Some(interval) if beyond > 0 => {
                format!(
                    "; fix: an interval of {} or more, or faster links",
                    seconds(interval)
                )
            }
            _ => "; fix: further or faster links".to_owned(),
        };
        format!("It does NOT fit: {}{fix}.", reasons.join("; "))
    }
}

fn link_row(link: &LinkPlan) -> String {
    let mark = if link.bridge { "=" } else { "-" };
    let name = clipped(&format!("{} {mark} {}", link.a, link.b));
    let reserve = match &link.reserve {
        Some(Reserve {
            blocks,
            lasts_periods,
            simulated,
            ..
        }) => {
            let lasts = match link.used_bit_s > 0.0 {
                true => seconds(lasts_periods * link.block_period_s),
                false => "-".to_owned(),
            };
            format!("{blocks:>7} {lasts:>7} {:>7}", probability(*simulated))
        }
        None => "   it runs dry".to_owned(),
    };
    format!(
        "{name:<NAME$} {:>5.0} {:>5.1} {:>9.0} {:>9.0} {:>6} {:>7} {reserve}",
        link.km,
        link.loss_db,
        link.supply_bit_s,
        link.used_bit_s,
        percent(link.load).trim_end_matches(" %"),
        seconds(link.block_period_s),
    )
}

/// The load, infinite for a link without supply.
fn load_of(link: &LinkPlan) -> f64 {
    match link.used_bit_s > 0.0 {
        true => link.load.unwrap_or(f64::INFINITY),
        false => 0.0,
    }
}

fn overloaded(failure: &FailurePlan) -> bool {
    failure.highest_load.is_none_or(|load| load > 1.0)
}

fn percent(load: Option<f64>) -> String {
    match load {
        Some(load) if load > 0.0 && load < 0.1 => format!("{:.1} %", load * 100.0),
        Some(load) => format!("{:.0} %", load * 100.0),
        None => "no key".to_owned(),
    }
}

fn probability(value: f64) -> String {
    match value > 0.0 {
        true if value < 1e-99 => "<1e-99".to_owned(),
        true => format!("{value:.0e}"),
        false => "0".to_owned(),
    }
}

/// A time with two digits, in its best unit. Rounded up: an interval must not be shorter.
fn seconds(seconds: f64) -> String {
    let (value, unit) = match seconds {
        short if short < 1.0 => (short * 1000.0, "ms"),
        medium if medium < 300.0 => (medium, "s"),
        long if long < 5.0 * 3600.0 => (long / 60.0, "min"),
        longer if longer < 72.0 * 3600.0 => (longer / 3600.0, "h"),
        longest => (longest / 86_400.0, "d"),
    };
    match value < 10.0 {
        true => format!("{} {unit}", (value * 10.0 - 1e-6).ceil() / 10.0),
        false => format!("{} {unit}", (value - 1e-6).ceil()),
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn clipped(name: &str) -> String {
    match name.chars().count() <= NAME {
        true => name.to_owned(),
        false => name.chars().take(NAME - 1).chain(['…']).collect(),
    }
}

fn list(entries: impl ExactSizeIterator<Item = String>) -> String {
    let count = entries.len();
    let listed: Vec<String> = entries.take(LISTED).collect();
    match count > LISTED {
        true => format!("{} and {} more", listed.join(", "), count - LISTED),
        false => listed.join(", "),
    }
}

/// Breaks text into lines between words. Further lines are indented once more.
fn wrapped(text: &str, indent: &str) -> String {
    let further = format!("{indent}  ");
    let options = Options::new(COLUMNS)
        .initial_indent(indent)
        .subsequent_indent(&further)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options) + "\n"
}
