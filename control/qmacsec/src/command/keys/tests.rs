use super::*;

#[test]
fn relays_of_each_path_are_named() {
    let one = r#"{"paths":[{"nodes":["alder","birch","cedar","dogwood"],"hops":[]}]}"#;
    assert_eq!(relays(one).as_deref(), Some("birch, cedar"));
    let two = r#"{"paths":[{"nodes":["a","b","d"]},{"nodes":["a","c","d"]}]}"#;
    assert_eq!(relays(two).as_deref(), Some("b | c"));
    assert_eq!(relays(r#"{"paths":[{"nodes":["a",7]}]}"#), None);
    assert_eq!(relays("no JSON"), None);
}
