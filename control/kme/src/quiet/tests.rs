use super::{Kind, Quiet};
use crate::limits::LOG_LINES_PER_MINUTE;

#[test]
fn the_first_lines_of_a_kind_are_logged_and_the_rest_is_counted() {
    let quiet = Quiet::default();
    let said = (0..1000).filter(|_| quiet.may_log(Kind::Handshake)).count();
    assert_eq!(said as u64, LOG_LINES_PER_MINUTE);
    assert!(
        quiet.may_log(Kind::Refused),
        "another kind has its own budget"
    );
    let left_out = 1000 - LOG_LINES_PER_MINUTE;
    assert_eq!(quiet.minute(), [(Kind::Handshake, left_out)]);
    assert_eq!(quiet.minute(), []);
    assert!(quiet.may_log(Kind::Handshake));
}
