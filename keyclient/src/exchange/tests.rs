use super::{BODY_OCTETS_MAX, Body};
use zeroize::Zeroizing;

#[test]
fn a_body_grows_up_to_its_limit() {
    let mut body = Body(Zeroizing::new(Vec::new()));
    let chunk = [7; 1000];
    let mut taken = 0;
    while body.push(&chunk) {
        taken += chunk.len();
    }
    assert_eq!(taken, BODY_OCTETS_MAX / 1000 * 1000);
    assert!(body.json().len() == taken && body.json().iter().all(|&octet| octet == 7));
    assert!(body.push(&[]), "nothing always fits");
}

#[test]
fn a_byte_order_mark_is_no_json() {
    let mut body = Body(Zeroizing::new(Vec::new()));
    assert_eq!(body.json(), b"");
    body.push(b"\xef\xbb\xbf{}");
    assert_eq!(body.json(), b"{}");
}
