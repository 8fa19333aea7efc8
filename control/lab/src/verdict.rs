//! The verdict of the lab: counters of both encryptors, the line and the hosts, and the decision
//! whether a frame was lost, doubled or seen in clear.

use std::collections::BTreeMap;
use std::time::Duration;

use qmacsec::ledger::Verification;
use qmacsec::status::Report;
use serde::Serialize;

use super::direction::DirectionVerdict;
use super::distillation::DeviceTotal;
use super::faults::Victim;
use super::lives::Lives;
use super::ping::PingReport;
use super::sniff::Sniffed;
use super::transfer::TransferReport;

/// The lab's result; `--json` prints it as the last line of standard output.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) verdict: Word,
    /// Failures of the line: each one makes the verdict FAIL.
    pub(crate) reasons: Vec<String>,
    /// Checks that the lab could not make: without failures, they make the verdict NOT PROVEN.
    pub(crate) unproven: Vec<String>,
    /// Checks that were left out and why, without effect on the verdict.
    pub(crate) left_out: Vec<String>,
    /// Problems that do not concern the line, such as a file that could not be kept.
    pub(crate) troubles: Vec<String>,
    /// The run ended early.
    pub(crate) stopped_early: bool,
    /// The kind of the red ports, such as `tap`, `packet` or `mem`.
    pub(crate) red: String,
    pub(crate) black: String,
    pub(crate) duration_s: f64,
    pub(crate) rekey_interval_ms: u64,
    pub(crate) directions: Vec<DirectionVerdict>,
    pub(crate) line_frames: u64,
    pub(crate) rekey_frames: u64,
    pub(crate) cleartext_frames: u64,
    pub(crate) transfer_intact: bool,
    pub(crate) transfer_octets: u64,
    /// Keys on which the ledgers of both ends agree.
    pub(crate) ledger_keys: u64,
    pub(crate) pings_sent: u64,
    pub(crate) pings_answered: u64,
    /// Protected frames of the capture whose packet number was seen once under its key.
    pub(crate) captured_frames: u64,
    /// Processes killed on purpose.
    pub(crate) crashes: usize,
    /// Longest time from the restart of a killed process to its recovery, see [`Crash::recovered`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovered_ms: Option<u64>,
    /// Keys of the ledgers by origin.
    pub(crate) origins: BTreeMap<String, u64>,
    /// The distillation of the keys, if they are distilled: both ends, with the processes that were
    /// killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) distillation: Option<[DeviceTotal; 2]>,
}

/// The verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Word {
    Pass,
    Fail,
    /// The lab saw no failure, but did not see enough.
    NotProven,
    /// The lab could not be built, or a part of the lab itself failed.
    Error,
}

/// All measurements.
pub(crate) struct Evidence {
    pub(crate) red: String,
    pub(crate) black: String,
    pub(crate) duration: Duration,
    /// The planned duration of the run, if it ended early.
    pub(crate) stopped_before: Option<Duration>,
    pub(crate) interval: Duration,
    pub(crate) a: Lives,
    pub(crate) b: Lives,
    /// The frames that arrived at A's and at B's end of the line.
    pub(crate) line_at_a: Sniffed,
    pub(crate) line_at_b: Sniffed,
    pub(crate) pings: Vec<PingReport>,
    pub(crate) transfers: Vec<TransferReport>,
    /// The result of comparing the ledgers of both ends.
    pub(crate) ledgers: Verification,
    /// Checks that were left out.
    pub(crate) left_out: Vec<String>,
    /// Problems that do not concern the line.
    pub(crate) troubles: Vec<String>,
    /// Processes that were killed on purpose.
    pub(crate) crashes: Vec<Crash>,
    /// The KMEs had a fault on purpose: keys may come late, but no frame may be lost.
    pub(crate) kme_trouble: bool,
    /// Stages of the key supply.
    pub(crate) stages: StageWatch,
    /// Both ends of the distillation, if the keys are distilled.
    pub(crate) distillation: Option<[DeviceTotal; 2]>,
}

/// The stages of the key supply at both sites, as seen from outside: start and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct StageWatch([Vec<(Duration, String)>; 2]);

impl StageWatch {
    /// Enters the present stages of both sites.
    pub(crate) fn see(&mut self, now: Duration, reports: [&Report; 2]) {
        for (seen, report) in self.0.iter_mut().zip(reports) {
            let stage = &report.tx.supply;
            if seen.last().is_none_or(|(_, last)| last != stage) && seen.len() < STAGES_MAX {
                seen.push((now, stage.clone()));
            }
        }
    }
}

/// Label of distilled keys in the ledgers.
const DISTILLED: &str = "distilled";
/// Limit of stage changes of each direction in a verdict.
const STAGES_MAX: usize = 1000;

/// The effect of a crash on purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    /// The killed process.
    pub(crate) who: Victim,
    /// Time from the restart to the first answer across the line; for KMEs, to a fresh key both
    /// ways.
    pub(crate) recovered: Option<Duration>,
    /// Longest such time that is no failure.
    pub(crate) allowed: Duration,
}

/// Returns the least number of key switches that a run must show in each direction. One switch
/// takes the interval, plus a tenth of it or 50 ms for the exchange with the peer.
pub(crate) fn switches_expected(duration: Duration, interval: Duration) -> u64 {
    let period = interval + (interval / 10).max(Duration::from_millis(50));
    u64::try_from(duration.as_nanos() / period.as_nanos().max(1)).unwrap_or(u64::MAX)
}

impl Verdict {
    pub(crate) fn from(evidence: &Evidence) -> Self {
        let directions = vec![
            DirectionVerdict::between("a_to_b", &evidence.a, &evidence.b),
            DirectionVerdict::between("b_to_a", &evidence.b, &evidence.a),
        ];
        let line = [evidence.line_at_a, evidence.line_at_b];
        let pings = |of: fn(&PingReport) -> u64| evidence.pings.iter().map(of).sum();
        let mut verdict = Self {
            verdict: Word::Pass,
            reasons: Vec::new(),
            unproven: Vec::new(),
            left_out: evidence.left_out.clone(),
            troubles: evidence.troubles.clone(),
            stopped_early: evidence.stopped_before.is_some(),
            red: evidence.red.clone(),
            black: evidence.black.clone(),
            duration_s: evidence.duration.as_secs_f64(),
            rekey_interval_ms: u64::try_from(evidence.interval.as_millis()).unwrap_or(u64::MAX),
            directions,
            line_frames: line.iter().map(|end| end.line.frames).sum(),
            rekey_frames: line.iter().map(|end| end.line.rekey).sum(),
            cleartext_frames: line.iter().map(|end| end.line.cleartext).sum(),
            transfer_intact: evidence.transfers.iter().all(|transfer| transfer.intact),
            transfer_octets: evidence
                .transfers
                .iter()
                .map(|transfer| transfer.octets)
                .sum(),
            ledger_keys: evidence.ledgers.keys,
            pings_sent: pings(|ping| ping.sent),
            pings_answered: pings(|ping| ping.answered),
            captured_frames: evidence.ledgers.frames,
            crashes: evidence.crashes.len(),
            recovered_ms: None,
            origins: evidence.ledgers.origins.clone(),
            distillation: evidence.distillation.clone(),
        };
        for (direction, stages) in verdict.directions.iter_mut().zip(&evidence.stages.0) {
            let in_seconds = |(at, stage): &(Duration, String)| (at.as_secs_f64(), stage.clone());
            direction.stages = stages.iter().map(in_seconds).collect();
        }
        verdict.judge_line(&line);
        verdict.judge_transfers(&evidence.transfers);
        verdict.judge_buffers(evidence);
        let grave = evidence
            .ledgers
            .findings
            .iter()
            .filter(|finding| finding.grave);
        verdict
            .reasons
            .extend(grave.map(|finding| format!("ledgers: {}", finding.text)));
        let encryptor = |crash: &Crash| matches!(crash.who, Victim::Encryptor(_));
        if !evidence.crashes.iter().any(encryptor) {
            verdict.judge_undisturbed(evidence);
        }
        verdict.judge_crashes(&evidence.crashes);
        verdict.judge_distillation();
        verdict.judge_length(evidence);
        if !verdict.reasons.is_empty() {
            verdict.verdict = Word::Fail;
        } else if !verdict.unproven.is_empty() {
            verdict.verdict = Word::NotProven;
        }
        verdict
    }

    /// A run that ends before the first key switch proves nothing about rekeying.
    fn judge_length(&mut self, evidence: &Evidence) {
        let Some(asked) = evidence.stopped_before else {
            return;
        };
        let changes = self.directions.iter().map(|direction| direction.switches);
        if changes.min() == Some(0) {
            self.unproven.push(format!(
                "of {:.0} s that were asked for: not every direction has changed its key",
                asked.as_secs_f64()
            ));
        }
    }

    fn judge_line(&mut self, line: &[Sniffed]) {
        if self.cleartext_frames > 0 {
            self.reasons.push(format!(
                "{} frames on the line were not encrypted",
                self.cleartext_frames
            ));
        }
        let missed: u64 = line.iter().map(|end| end.missed).sum();
        if missed > 0 {
            // The watch is a socket of the lab. The encryptors neither see nor lose these frames.
            self.unproven.push(format!(
                "the lab's watch of the line missed {missed} frames, which is no fault of the \
                 encryptors: no proof that none was in clear; fix: a lower --rate, or a free core"
            ));
        }
        if line.iter().any(|end| end.line.protected == 0) {
            self.reasons
                .push("no protected frame was seen on the line in one direction".to_owned());
        }
        let repeated: u64 = line.iter().map(|end| end.line.repeated).sum();
        if repeated > 0 {
            self.reasons.push(format!(
                "{repeated} packet numbers came twice or went back under one key"
            ));
        }
        let late_start: u64 = line.iter().map(|end| end.line.keys_not_from_1).sum();
        if late_start > 0 {
            self.reasons.push(format!(
                "{late_start} keys did not start at packet number 1"
            ));
        }
    }

    fn judge_transfers(&mut self, transfers: &[TransferReport]) {
        let failures = transfers
            .iter()
            .filter_map(|transfer| transfer.failure.as_ref());
        self.reasons
            .extend(failures.map(|failure| format!("a transfer is not intact: {failure}")));
    }

    fn judge_buffers(&mut self, evidence: &Evidence) {
        for (site, lives) in [("a", &evidence.a), ("b", &evidence.b)] {
            for (colour, held) in [
                (
                    "red",
                    lives.sum(|worker| &worker.red.counters, "buffers_held"),
                ),
                (
                    "black",
                    lives.sum(|worker| &worker.black.counters, "buffers_held"),
                ),
            ] {
                if held > 0 {
                    self.reasons.push(format!(
                        "{held} buffers of the {colour} port of {site} were not given back"
                    ));
                }
            }
        }
    }

    fn judge_undisturbed(&mut self, evidence: &Evidence) {
        // Keys come late if a KME has a fault on purpose, but some must still come.
        let expected = match evidence.kme_trouble || !evidence.crashes.is_empty() {
            true => 1,
            false => switches_expected(evidence.duration, evidence.interval),
        };
        for direction in &self.directions {
            let name = direction.name;
            if direction.switches < expected {
                self.reasons.push(format!(
                    "{name}: {} changes of key, at least {expected} were due",
                    direction.switches
                ));
            }
            if direction.lost > 0 {
                self.reasons
                    .push(format!("{name}: {} frames lost on the way", direction.lost));
            }
            if direction.duplicated > 0 {
                self.reasons.push(format!(
                    "{name}: {} frames came twice",
                    direction.duplicated
                ));
            }
            self.reasons.extend(
                direction
                    .drops
                    .iter()
                    .map(|(drop, count)| format!("{name}: {count} frames dropped as {drop}")),
            );
        }
        if self.pings_answered < self.pings_sent {
            self.reasons.push(format!(
                "{} of {} pings were not answered",
                self.pings_sent - self.pings_answered,
                self.pings_sent
            ));
        }
        let repeated: u64 = evidence.pings.iter().map(|ping| ping.repeated).sum();
        if repeated > 0 {
            self.reasons
                .push(format!("{repeated} pings were answered twice"));
        }
    }

    /// Distilled keys never mix with others, and every bit of them is accounted for.
    fn judge_distillation(&mut self) {
        let Some(ends) = &self.distillation else {
            return;
        };
        let others = self
            .origins
            .iter()
            .filter(|(origin, _)| *origin != DISTILLED);
        let others = others.map(|(origin, keys)| format!("{keys} keys of the run are {origin}"));
        self.reasons.extend(others);
        let open = ends.iter().filter(|end| !end.books_close);
        let open =
            open.map(|end| format!("the books of {} do not close: {:?}", end.role, end.books));
        self.reasons.extend(open);
    }

    fn judge_crashes(&mut self, crashes: &[Crash]) {
        let longest = crashes.iter().filter_map(|crash| crash.recovered).max();
        self.recovered_ms = longest.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        for (number, crash) in crashes.iter().enumerate() {
            let Crash {
                who,
                recovered,
                allowed,
            } = crash;
            let after = format!("after crash {}, of {who},", number + 1);
            match recovered {
                None => self.reasons.push(format!("{after} no traffic came back")),
                Some(time) if time > allowed => self.reasons.push(format!(
                    "{after} traffic took {time:?} to come back, more than {allowed:?}"
                )),
                Some(_) => {}
            }
        }
    }
}

impl Verdict {
    /// Returns the result as text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for direction in &self.directions {
            out += &format!(
                "{}: {} frames sent, {} received, {} lost, {} doubled, {} late, {} changes of \
                 key\n",
                direction.name.replace("_to_", " -> "),
                direction.sent,
                direction.received,
                direction.lost,
                direction.duplicated,
                direction.late,
                direction.switches
            );
        }
        out += &format!(
            "line: {} frames, {} of them rekey frames, {} in clear\n",
            self.line_frames, self.rekey_frames, self.cleartext_frames
        );
        out += &format!(
            "hosts: {} of {} pings answered; {:.1} MB transferred, {}\n",
            self.pings_answered,
            self.pings_sent,
            self.transfer_octets as f64 / 1e6,
            if self.transfer_intact {
                "SHA-256 equal at both ends"
            } else {
                "NOT intact"
            }
        );
        let origins = self.origins.iter();
        let origins: Vec<_> = origins
            .map(|(origin, keys)| format!("{keys} {origin}"))
            .collect();
        out += &format!(
            "ledgers: both ends agree on {} keys ({})\n",
            self.ledger_keys,
            origins.join(", ")
        );
        for end in self.distillation.iter().flatten() {
            out += &end.text();
        }
        if self.captured_frames > 0 {
            let frames = self.captured_frames;
            out += &format!("capture: {frames} protected frames belong to keys of the ledgers\n");
        }
        for direction in self.directions.iter().filter(|of| of.stages.len() > 1) {
            let stages = direction.stages.iter();
            let stages: Vec<_> = stages
                .map(|(at, stage)| format!("{stage} from {at:.0} s"))
                .collect();
            let name = direction.name.replace("_to_", " -> ");
            out += &format!("keys {name}: {}\n", stages.join(", "));
        }
        if let Some(ms) = self.recovered_ms {
            out += &format!(
                "crashes: {}, all was well again at most {ms} ms after the restart, under fresh \
                 keys\n",
                self.crashes
            );
        }
        let lost: u64 = self.directions.iter().map(|direction| direction.lost).sum();
        let early = match self.stopped_early {
            true => format!(" (stopped early, after {:.1} s)", self.duration_s),
            false => String::new(),
        };
        let why = match self.verdict {
            Word::Pass if self.recovered_ms.is_some() => {
                out += &format!(
                    "PASS{early}: the line came back by itself; {lost} frames were lost around the \
                     crashes, none in clear, no packet number twice under a key"
                );
                &[][..]
            }
            Word::Pass => {
                out += &format!("PASS{early}: nothing lost, nothing doubled, nothing in clear");
                &[]
            }
            Word::Fail | Word::Error => {
                out += &format!("FAIL{early}");
                &self.reasons
            }
            Word::NotProven => {
                out += &format!("NOT PROVEN{early}");
                &self.unproven
            }
        };
        for line in why {
            out += &format!("\n  {line}");
        }
        for check in &self.left_out {
            out += &format!("\nleft out: {check}");
        }
        for trouble in &self.troubles {
            out += &format!("\nnot done: {trouble}");
        }
        out
    }
}
