use super::Stagger;
use core::time::Duration;

const I: Duration = Duration::from_secs(3);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_switch_near_the_peers_shortens_one_interval() {
    for (since, near) in [
        (0, true),
        (740, true),
        (760, false),
        (1500, false),
        (2300, true),
    ] {
        let mut stagger = Stagger {
            peer: Some(ms(10_000)),
            ..Stagger::default()
        };
        let time = stagger.time(ms(10_000 + since), I, true);
        assert_eq!(
            time,
            if near { I / 2 } else { I },
            "{since} ms after the peer's"
        );
    }
}

#[test]
fn only_the_end_that_yields_moves_and_only_where_the_peer_has_a_key() {
    let mut stagger = Stagger::default();
    assert_eq!(stagger.time(ms(0), I, true), I);
    stagger.peer = Some(ms(0));
    assert_eq!(stagger.time(ms(0), I, false), I);
}

#[test]
fn shorter_intervals_are_rare_however_the_switches_fall() {
    let mut stagger = Stagger::default();
    let mut now = ms(0);
    let mut short = 0;
    for _ in 0..80 {
        stagger.peer = Some(now);
        let time = stagger.time(now, I, true);
        short += u32::from(time < I);
        now += time;
    }
    assert_eq!(short, 10);
}
