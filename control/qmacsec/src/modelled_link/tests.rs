use super::*;

#[test]
fn the_longest_length_still_gives_key() {
    for preset in Preset::ALL {
        let at = |km: f64| ModelledLink::of(&preset.to_string(), Some(km)).ok();
        let Some(no_key) = (1..1000).find_map(|km| at(f64::from(km))?.no_key()) else {
            continue;
        };
        let ends = no_key.key_ends_km.unwrap();
        assert_eq!(ends + 1.0, no_key.km, "{preset}");
        assert!(at(ends).unwrap().no_key().is_none(), "{preset}: {ends}");
    }
}
