use crate::golden::assert_near;
use crate::preset::{Preset, UnknownPreset};
use crate::supply::Supply;

#[test]
fn every_name_parses_to_its_preset() {
    for preset in Preset::ALL {
        assert_eq!(preset.name().parse(), Ok(preset));
        assert!(preset.description().contains("not measured"));
    }
    assert_eq!(Preset::default().name(), "metro-50km");
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = "tokyo-50km".parse::<Preset>().unwrap_err();
    assert_eq!(
        error,
        UnknownPreset {
            name: "tokyo-50km".into()
        }
    );
    assert_eq!(
        error.to_string(),
        "no link preset is called \"tokyo-50km\": use one of metro-50km, lab-10km, \
         modern-llo-50km"
    );
}

#[test]
fn every_preset_gives_key() {
    for preset in Preset::ALL {
        let supply = Supply::of(&preset.link());
        assert_eq!(supply.no_key, None, "{preset}");
    }
}

#[test]
fn the_default_gives_ten_kbit_per_second_in_blocks_of_100_seconds() {
    let supply = Supply::of(&Preset::default().link());
    assert_eq!(supply.block_period.as_secs(), 100);
    assert!(
        (10e3..14e3).contains(&supply.average_bit_s),
        "{}",
        supply.average_bit_s
    );
}

#[test]
fn the_modern_link_gives_more_than_a_megabit() {
    let average = Supply::of(&Preset::ModernLlo50Km.link()).average_bit_s;
    assert!((0.6e6..1.9e6).contains(&average), "{average}");
}

#[test]
fn a_preset_at_its_own_length_is_unchanged() {
    for preset in Preset::ALL {
        let link = preset.link();
        let again = preset.at_km(link.fibre.km()).unwrap();
        let variance = link.source.modulation_variance_snu();
        assert_near(
            preset.name(),
            again.source.modulation_variance_snu(),
            variance,
            0.051,
        );
        assert_eq!(again.with_modulation_variance_snu(variance), Ok(link));
    }
}

#[test]
fn the_rate_falls_with_length_to_zero() {
    let bits = |km| Supply::of(&Preset::Metro50Km.at_km(km).unwrap()).block_bits;
    assert!(bits(10.0) > bits(25.0) && bits(25.0) > bits(50.0) && bits(50.0) > bits(60.0));
    assert_eq!(bits(100.0), 0);
    assert_eq!(
        Preset::Metro50Km.at_km(-1.0).unwrap_err().field,
        "fibre length"
    );
}
