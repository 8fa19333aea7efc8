use super::*;

fn at(km: f64) -> LinkSettings {
    LinkSettings {
        km,
        excess_noise_snu: None,
        block_symbols: None,
        symbol_rate_baud: None,
        proof: CountedProof::Lgg2010,
    }
}

#[test]
fn the_modulation_gives_the_code_the_signal_that_it_needs() {
    for (km, rate, efficiency) in [(10.0, 0.2, 0.885), (25.0, 0.2, 0.885), (50.0, 0.1, 0.915)] {
        let link = Link::of(&at(km)).unwrap();
        let arriving = 0.6 * link.channel.transmittance();
        let noise = 1.1 + arriving * 0.005;
        let snr = arriving * link.source.modulation_variance_snu() / noise;
        let information = (1.0 + snr).log2() / 2.0;
        assert!((rate / information - efficiency).abs() < 1e-12, "{km} km");
        assert_eq!(link.rate.value(), rate);
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let wrong = |settings| Link::of(&settings).err().unwrap();
    let block = Some(1000);
    let settings = LinkSettings {
        block_symbols: block,
        ..at(10.0)
    };
    assert_eq!(wrong(settings), LinkError::Block(1000));
    let symbol_rate_baud = Some(10.0);
    let settings = LinkSettings {
        symbol_rate_baud,
        ..at(10.0)
    };
    assert_eq!(wrong(settings), LinkError::SymbolRate(10.0));
    assert!(matches!(wrong(at(-1.0)), LinkError::OutOfRange(_)));
}
