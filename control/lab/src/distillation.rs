//! The reports of two QKD devices over the whole run.

use device::{BlockCounts, BlockView, Books, DeviceReport, Role};
use qmacsec::status::KmeReport;
use serde::Serialize;

/// Both ends at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distillation {
    pub(crate) alice: DeviceReport,
    pub(crate) bob: DeviceReport,
}

impl Distillation {
    /// The same state as that of two KMEs on a link.
    pub(crate) fn kmes(&self) -> KmeReport {
        let Self { alice, bob } = self;
        let ends = [alice, bob];
        let keys = |bits: u64| bits / u64::from(device::limits::KEY_BITS);
        let pool_keys = ends.iter().map(|end| end.fresh_keys as u64).sum();
        KmeReport {
            link: format!("simulated ({} km)", alice.km),
            rate_bit_s: alice.books.distilled_bits as f64 / alice.uptime_s.max(1e-3),
            origin: alice.origin.clone(),
            pool_bits: pool_keys * u64::from(device::limits::KEY_BITS),
            pool_keys,
            // Each key is delivered at both ends.
            keys_delivered: keys(ends.iter().map(|end| end.books.delivered_bits).sum()) / 2,
            keys_expired: keys(ends.iter().map(|end| end.books.expired_bits).sum()),
            kmes: ends
                .map(|end| (end.kme_id.clone(), end.kme_address.clone()))
                .into(),
        }
    }

    /// Rows for the live table.
    pub(crate) fn rows(&self) -> Vec<String> {
        let Self { alice, bob } = self;
        let state = match (alice.connected, &bob.last) {
            (false, _) => "the two devices are not connected".to_owned(),
            (true, None) => "the first block is on its way".to_owned(),
            (true, Some(last)) => last.text(),
        };
        let mut rows = vec![format!(
            "blocks   {} with key, {} without; {state}",
            bob.blocks.with_key,
            bob.blocks.lost()
        )];
        let alarms = bob.alarms.iter();
        rows.extend(alarms.map(|alarm| format!("ALARM    {}", alarm.text)));
        rows
    }
}

/// The reports of both devices over all their processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeviceLives {
    now: Option<Distillation>,
    killed: [Vec<DeviceReport>; 2],
}

impl DeviceLives {
    /// Takes newer reports.
    pub(crate) fn see(&mut self, now: Distillation) {
        self.now = Some(now);
    }

    /// Must be called before a kill, with the present reports if both answer.
    pub(crate) fn end(&mut self, role: Role, last: Option<Distillation>) {
        let last = last.or_else(|| self.now.clone()).unwrap_or_default();
        match role {
            Role::Alice => self.killed[0].push(last.alice),
            Role::Bob => self.killed[1].push(last.bob),
        }
    }

    /// Returns the last reports.
    pub(crate) fn now(&self) -> Option<&Distillation> {
        self.now.as_ref()
    }

    /// Returns the totals of both ends.
    pub(crate) fn finish(&self) -> Option<[DeviceTotal; 2]> {
        let Distillation { alice, bob } = self.now.as_ref()?;
        let [of_alice, of_bob] = &self.killed;
        Some([
            DeviceTotal::of(of_alice, alice),
            DeviceTotal::of(of_bob, bob),
        ])
    }
}

/// One device over all its processes.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct DeviceTotal {
    pub(crate) role: String,
    /// Processes, the running one included.
    pub(crate) processes: usize,
    pub(crate) km: f64,
    pub(crate) block_symbols: u64,
    pub(crate) symbols: u64,
    pub(crate) held_back_s: f64,
    pub(crate) blocks: BlockCounts,
    /// Books of all processes. Bits in a process that was killed are voided.
    pub(crate) books: Books,
    /// The books of each process close.
    pub(crate) books_close: bool,
    /// The last block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<BlockView>,
    pub(crate) alarms_raised: u64,
    /// Texts of the alarms that stand at the end.
    pub(crate) alarms: Vec<String>,
}

impl DeviceTotal {
    fn of(killed: &[DeviceReport], now: &DeviceReport) -> Self {
        let mut total = Self {
            role: now.role.clone(),
            processes: killed.len() + 1,
            km: now.km,
            block_symbols: now.block_symbols,
            books_close: true,
            last: now.last.clone(),
            alarms: now.alarms.iter().map(|alarm| alarm.text.clone()).collect(),
            ..Self::default()
        };
        for report in killed {
            let mut books = report.books;
            books.voided_bits += std::mem::take(&mut books.stocked_bits);
            total.add(report, &books);
        }
        total.add(now, &now.books);
        total
    }

    fn add(&mut self, report: &DeviceReport, books: &Books) {
        self.symbols += report.symbols;
        self.held_back_s += report.held_back_s;
        self.alarms_raised += report.alarms_raised;
        self.blocks.with_key += report.blocks.with_key;
        for (reason, blocks) in &report.blocks.lost {
            *self.blocks.lost.entry(reason.clone()).or_default() += blocks;
        }
        self.books_close &= books.close();
        self.books.distilled_bits += books.distilled_bits;
        self.books.stocked_bits += books.stocked_bits;
        self.books.delivered_bits += books.delivered_bits;
        self.books.voided_bits += books.voided_bits;
        self.books.expired_bits += books.expired_bits;
    }

    /// Formats the total for the verdict.
    pub(crate) fn text(&self) -> String {
        let books = &self.books;
        let lost = self.blocks.lost.iter();
        let lost: Vec<_> = lost
            .map(|(reason, blocks)| format!("{blocks} {reason}"))
            .collect();
        let lost = match lost.as_slice() {
            [] => String::new(),
            lost => format!(", without: {}", lost.join(", ")),
        };
        format!(
            "{}: {:.3e} symbols, {} blocks with key{lost}; bits: {} distilled = {} here + {} \
             delivered + {} voided + {} expired\n",
            self.role,
            self.symbols as f64,
            self.blocks.with_key,
            books.distilled_bits,
            books.stocked_bits,
            books.delivered_bits,
            books.voided_bits,
            books.expired_bits
        )
    }
}
