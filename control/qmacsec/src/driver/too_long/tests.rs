//! Long frames are a fault for a minute after the last one, and one log line for each fault.

use std::time::Duration;

use super::{TooLong, TooLongWatch};

const fn red(red: u64) -> TooLong {
    TooLong { red, black: 0 }
}

#[test]
fn long_frames_are_one_log_line_and_a_fault_for_a_minute() {
    let at = Duration::from_secs;
    let mut watch = TooLongWatch::new(1500);
    assert!(watch.on_look(at(1), red(0)).is_none() && watch.present(at(1)).is_none());
    let line = watch.on_look(at(2), red(3)).unwrap();
    assert!(line.text.contains("red.mtu = 1500"), "{}", line.text);
    assert!(watch.on_look(at(50), red(7)).is_none(), "the same fault");
    assert!(watch.present(at(109)).unwrap().contains("7 are dropped"));
    assert_eq!(watch.present(at(110)), None);
    assert!(watch.on_look(at(200), red(8)).is_some(), "another fault");
}

#[test]
fn frames_too_long_for_the_line_name_the_line_as_the_reason() {
    let at = Duration::from_secs;
    let mut watch = TooLongWatch::new(1500);
    let line = watch.on_look(at(1), TooLong { red: 0, black: 2 }).unwrap();
    assert!(
        line.text.contains("MTU of black: 2 are dropped"),
        "{}",
        line.text
    );
}
