use super::*;

#[test]
fn relays_of_each_path_are_named() {
    let one = r#"{"paths":[{"nodes":["alder","birch","cedar","dogwood"],"hops":[]}]}"#;
    assert_eq!(relays(one, true).as_deref(), Some("birch, cedar"));
    let two = r#"{"paths":[{"nodes":["a","b","d"]},{"nodes":["a","c","d"]}]}"#;
    assert_eq!(relays(two, false).as_deref(), Some("b | c"));
    assert_eq!(relays(r#"{"paths":[{"nodes":["a",7]}]}"#, true), None);
    assert_eq!(relays("no JSON", true), None);
}

#[test]
fn relays_of_both_domains_are_named_from_the_initiator_on() {
    let west = r#""paths":[{"nodes":["a","b","g.west"]},{"nodes":["a","c","g.west"]}]"#;
    let east = r#""paths":[{"nodes":["g.east","y","z"]}]"#;
    let at_initiator = format!(r#"{{{west},"neighbour":{{{east}}}}}"#);
    let at_target = format!(r#"{{{east},"neighbour":{{{west}}}}}"#);
    let both = Some("b, g.west | c, g.west => g.east, y".to_owned());
    assert_eq!(relays(&at_initiator, true), both);
    assert_eq!(relays(&at_target, false), both);
}
