//! Writes the ledgers of two boxes after years of service, with valid chains, sealed and packed in
//! the same way as by a box: `long-ledger A B DAYS`. For `scripts/soak`.

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use qmacsec::ledger::{LedgerFile, LedgerOptions, Record};

/// Default lifetime of one key.
const INTERVAL_MS: u64 = 3000;
const DAY_MS: u64 = 24 * 3600 * 1000;
/// Most records that may wait for the writer: fewer than its queue holds.
const WAITING: usize = 3000;
/// Most sealed segments that may wait for packing, because they use disk space.
const UNPACKED: usize = 4;
/// Records between two checks of both limits.
const LOOK_EVERY: u64 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [a, b, days] = args.as_slice() else {
        return Err("long-ledger A B DAYS".into());
    };
    let files = [PathBuf::from(a), PathBuf::from(b)];
    let days: u64 = days.parse()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now_ms = u64::try_from(now.as_millis())?;
    let begin_ms = now_ms.saturating_sub(days * DAY_MS);
    let options = LedgerOptions {
        pack_after: Duration::ZERO,
        max_len: u64::MAX,
        ..LedgerOptions::default()
    };
    let mut ledgers = [
        LedgerFile::open_with(&files[0], options)?,
        LedgerFile::open_with(&files[1], options)?,
    ];
    let keys = days * DAY_MS / INTERVAL_MS;
    for number in 0..keys {
        let at_ms = begin_ms + number * INTERVAL_MS;
        // Each box sends under one key and receives under another.
        for sender in 0..2_u64 {
            for (site, ledger) in (0..2_u64).zip(&mut ledgers) {
                ledger.append(record(site, sender, number, at_ms));
            }
        }
        if number % LOOK_EVERY == 0 {
            wait(&ledgers, &files)?;
        }
    }
    Ok(())
}

/// Builds the record that a box writes for one key.
fn record(site: u64, sender: u64, number: u64, at_ms: u64) -> Record {
    let key = (number * 2 + sender + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Record {
        encryptor: ["site-a", "site-b"][usize::from(site == 1)].to_owned(),
        direction: if site == sender { "out" } else { "in" }.to_owned(),
        sender: format!("02:00:00:00:00:{:02x}", 0xa0 + sender),
        key_id: format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            key >> 32,
            key >> 16 & 0xffff,
            key & 0xfff,
            number & 0xfff,
            key.rotate_left(17) & 0xffff_ffff_ffff
        ),
        origin: "distilled".to_owned(),
        root: u32::try_from(1 + number / 20 % 1_000_000).unwrap_or(1),
        suite: "gcm-aes-xpn-256".to_owned(),
        an: (number % 4) as u8,
        epoch: u32::try_from(number % u64::from(u32::MAX)).unwrap_or(1),
        installed_ms: at_ms - 900,
        first_frame_ms: Some(at_ms),
        last_frame_ms: Some(at_ms + 2990),
        frames: 1_000_000 + key % 1_000_000,
        wiped_ms: at_ms + 3400,
        passport: None,
    }
}

/// Waits until the writers and their packing have caught up.
fn wait(ledgers: &[LedgerFile; 2], files: &[PathBuf; 2]) -> Result<(), Box<dyn Error>> {
    let behind = |ledger: &LedgerFile| ledger.health().waiting > 0;
    while ledgers.iter().any(behind) {
        if ledgers.iter().any(|ledger| ledger.health().lost > 0) {
            return Err("records were lost".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    while files.iter().map(|file| unpacked(file)).max() > Some(UNPACKED) {
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Counts the sealed segments that are not packed yet.
fn unpacked(live: &Path) -> usize {
    let (Some(folder), Some(name)) = (live.parent(), live.file_name()) else {
        return 0;
    };
    let prefix = format!("{}.0", name.display());
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| {
            name.starts_with(&prefix) && !name.ends_with(".gz") && !name.ends_with(".part")
        })
        .count()
}

const _: () = assert!(LOOK_EVERY as usize * 2 <= WAITING);
