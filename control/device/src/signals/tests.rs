use super::*;

#[test]
fn a_frame_crosses_the_channel_exactly() {
    let values: Vec<f32> = (0..FRAME_SYMBOLS).map(|at| at as f32 / 3.0 - 9.0).collect();
    let octets = encode(7, &values);
    let frame = decode(&octets).unwrap();
    assert_eq!((frame.number, &*frame.values), (7, &*values));
    assert!(decode(&octets[1..]).is_none());
    let mut wrong = values;
    wrong[5] = f32::NAN;
    assert!(decode(&encode(7, &wrong)).is_none());
}
