//! Which settings work, and how timers follow the interval.

use std::time::Duration;

use wire::{MacAddr, Sci, Ssci};

use super::{Config, ConfigError, RxTimers, TxTimers};
use crate::limits;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn config() -> Config {
    Config::new(MacAddr([2, 0, 0, 0, 0, 1]))
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    assert_eq!(config().check(), Ok(()));
    let group = MacAddr([1, 0, 0, 0, 0, 1]);
    type Case = (fn(&mut Config), ConfigError);
    let cases: [Case; 11] = [
        (|c| c.interval = ms(99), ConfigError::Interval(ms(99))),
        (
            |c| c.interval = Duration::from_hours(25),
            ConfigError::Interval(Duration::from_hours(25)),
        ),
        (|c| c.scis = 0, ConfigError::Scis(0)),
        (|c| c.scis = 17, ConfigError::Scis(17)),
        (
            |c| c.local = MacAddr([1, 0, 0, 0, 0, 1]),
            ConfigError::Local(group),
        ),
        (
            |c| c.peer = Some(c.local),
            ConfigError::Peer(MacAddr([2, 0, 0, 0, 0, 1])),
        ),
        (
            |c| c.hold_max = ms(5999),
            ConfigError::Hold {
                hold_max: ms(5999),
                least: ms(6000),
            },
        ),
        (
            |c| c.stretch = Some([ms(2000), ms(4000)]),
            ConfigError::Stretch {
                stretch: [ms(2000), ms(4000)],
                most: ms(1_200_000),
            },
        ),
        (
            |c| c.stretch = Some([ms(9000), ms(1_300_000)]),
            ConfigError::Stretch {
                stretch: [ms(9000), ms(1_300_000)],
                most: ms(1_200_000),
            },
        ),
        (
            |c| c.hello = ms(400),
            ConfigError::Hello {
                hello: ms(400),
                dead: ms(1500),
            },
        ),
        (|c| c.ethertype = 0x88E5, ConfigError::EtherType(0x88E5)),
    ];
    for (change, error) in cases {
        let mut config = config();
        change(&mut config);
        assert_eq!(config.check(), Err(error));
        assert!(error.to_string().contains("choose") || error.to_string().contains("needs"));
    }
}

#[test]
fn scs_have_ports_and_sscis_from_one() {
    let mac = MacAddr([2, 0, 0, 0, 0, 1]);
    let config = Config {
        scis: 2,
        ..config()
    };
    let expected = vec![(Sci::new(mac, 1), Ssci(1)), (Sci::new(mac, 2), Ssci(2))];
    assert_eq!(config.tx_scs(), expected);
}

/// Section 7 of the specification: the timers at three intervals.
#[test]
fn rekey_t3_to_t7_timers_scale_with_the_interval() {
    let at = |interval| {
        let config = Config {
            interval,
            hold_max: interval * 1000,
            ..config()
        };
        let tx = TxTimers::new(&config);
        let rx = RxTimers::new(&config, interval);
        [
            tx.offer_repeat,
            tx.offer_repeat_last,
            tx.patience,
            tx.lead,
            tx.retry,
            tx.retry_last,
            rx.grace,
            rx.lookup_budget,
        ]
    };
    assert_eq!(at(ms(100)), [10, 100, 250, 50, 10, 250, 50, 100].map(ms));
    assert_eq!(
        at(ms(3000)),
        [100, 1000, 1500, 1000, 100, 1500, 500, 600].map(ms)
    );
    assert_eq!(
        at(ms(3_600_000)),
        [100, 1000, 1500, 1000, 100, 30_000, 500, 600].map(ms)
    );
}

#[test]
fn rekey_26_grace_is_over_long_before_the_an_returns() {
    let config = Config {
        grace: Duration::from_hours(1),
        ..config()
    };
    for interval in [
        limits::INTERVAL_MIN,
        ms(500),
        ms(3000),
        limits::INTERVAL_MAX,
    ] {
        // An AN returns after four switches; the one before is gone half way to the next.
        assert!(RxTimers::new(&config, interval).grace * 2 <= interval);
    }
    // A peer may announce anything: the timers stay in bounds.
    assert_eq!(
        RxTimers::new(&config, Duration::ZERO).grace,
        limits::INTERVAL_MIN / 2
    );
    let forever = RxTimers::new(&config, Duration::from_millis(u64::from(u32::MAX)));
    assert_eq!(forever.grace, Duration::from_hours(1));
}
