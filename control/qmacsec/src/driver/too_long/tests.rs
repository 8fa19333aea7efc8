//! Long frames are a fault for a minute after the last one, and one log line for each fault.

use std::time::Duration;

use super::TooLongWatch;

#[test]
fn long_frames_are_one_line_and_a_fault_for_a_minute() {
    let at = Duration::from_secs;
    let mut watch = TooLongWatch::new(1500);
    assert!(watch.on_look(at(1), 0).is_none() && watch.present(at(1)).is_none());
    let line = watch.on_look(at(2), 3).unwrap();
    assert!(line.text.contains("red.mtu = 1500"), "{}", line.text);
    assert!(watch.on_look(at(50), 7).is_none(), "the same fault");
    assert!(watch.present(at(109)).unwrap().contains("7 are dropped"));
    assert_eq!(watch.present(at(110)), None);
    assert!(watch.on_look(at(200), 8).is_some(), "another fault");
}
