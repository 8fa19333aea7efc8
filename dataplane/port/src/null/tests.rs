use super::{Null, NullConfig};
use crate::{BURST_MAX, Burst, Port};

#[test]
fn templates_come_in_turn_and_end() {
    let templates = vec![vec![1; 60], vec![2; 1514]];
    let mut null = Null::open(NullConfig {
        templates,
        frames: Some(67),
        ..NullConfig::default()
    })
    .unwrap();
    let mut burst = Burst::new();
    null.rx_burst(&mut burst);
    assert_eq!(burst.len(), BURST_MAX);
    assert_eq!(
        (burst[0].len(), burst[1].len(), burst[2].bytes()[0]),
        (60, 1514, 1)
    );
    null.tx_burst(&mut burst);
    null.rx_burst(&mut burst);
    assert_eq!(burst.len(), 3);
    burst.clear();
    assert_eq!(null.pool().free(), null.pool().count());
    assert_eq!(
        (null.counters().rx_frames, null.counters().tx_frames),
        (67, 64)
    );
}

#[test]
fn a_template_beyond_the_mtu_is_refused() {
    let templates = vec![vec![0; 1523]];
    assert!(
        Null::open(NullConfig {
            templates,
            mtu: 1500,
            ..NullConfig::default()
        })
        .is_err()
    );
}
