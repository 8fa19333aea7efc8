use super::*;

const RATE: f64 = 64_000.0;

/// Frames that left by each millisecond, of a sender that looks every 20 us but for a standstill.
fn sent(standstill: core::ops::Range<u64>) -> Vec<u64> {
    let mut pace = Pace::new(RATE);
    let mut sent = 0;
    let mut by_ms = Vec::new();
    for us in (0..2_000_000).step_by(20) {
        if us % 1_000 == 0 {
            by_ms.push(sent);
        }
        if standstill.contains(&(us / 1_000)) {
            continue;
        }
        let now = Duration::from_micros(us);
        let due = (RATE * now.as_secs_f64()) as u64 + 1;
        sent += pace.take((due - sent).min(32), now);
    }
    by_ms
}

#[test]
fn a_sender_that_is_in_time_is_not_held_back() {
    let sent = sent(0..0);
    for (ms, sent) in sent.into_iter().enumerate() {
        assert!(sent.abs_diff(64 * ms as u64) <= 2, "{sent} after {ms} ms");
    }
}

#[test]
fn what_became_due_in_a_short_pause_leaves_at_once() {
    let sent = sent(100..110);
    // 640 frames, 32 each 20 us.
    assert!(sent[111].abs_diff(64 * 111) <= 2, "{}", sent[111]);
}

#[test]
fn after_a_long_standstill_a_ring_is_not_overrun_and_all_of_it_leaves() {
    let sent = sent(100..190);
    // Were the ring emptied by nobody for five milliseconds, it would still have room.
    for window in sent.windows(6) {
        let left = window[5] - window[0];
        assert!(left < 1_536, "{left} frames in 5 ms");
    }
    let owed = 64 * 190 - sent[190];
    assert!(owed > 5_000, "{owed}");
    assert!(64 * 600 - sent[600] > 1_000, "it takes its time");
    assert!(sent[1_100].abs_diff(64 * 1_100) <= 2, "{}", sent[1_100]);
}
