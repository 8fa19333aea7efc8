use crate::block::{Block, Estimation};
use crate::channel::{ExcessNoise, Fibre};
use crate::finite::Finite;
use crate::golden::assert_near;
use crate::link::{Link, Reconciliation, Source};
use crate::preset::Preset;
use crate::rate::Asymptotic;
use crate::receiver::{Detection, Receiver};
use crate::supply::{NoKey, Supply};
use crate::threshold::smallest_block_symbols;

#[test]
fn a_block_of_key_is_the_rate_times_the_period_less_authentication() {
    let link = Preset::Metro50Km.link();
    let supply = Supply::of(&link);
    let finite = Finite::of(&link);
    let before = (finite.key_bit_per_symbol * 1e8) as u64;
    assert_eq!(supply.block_bits, before - 64 - 768);
    assert_near(
        "rate",
        supply.average_bit_s,
        supply.block_bits as f64 / 100.0,
        1e-9,
    );
    assert_eq!(supply.no_key, None);
}

#[test]
fn the_shares_account_for_all_losses_between_infinite_blocks_and_the_supply() {
    let link = Preset::Metro50Km.link();
    let link = Link {
        source: link.source.with_overhead_share(0.1).unwrap(),
        block: link
            .block
            .with_estimation(Estimation::disclosed(0.2).unwrap()),
        ..link
    };
    let shares = Supply::of(&link).shares;
    let kept = [
        shares.overhead,
        shares.estimation,
        shares.failed_frames,
        shares.finite_size,
        shares.authentication,
    ]
    .map(|share| 1.0 - share)
    .into_iter()
    .product::<f64>();
    let all = 1e6 * Asymptotic::of(&link).key_bit_per_symbol;
    let average = Supply::of(&link).average_bit_s;
    assert_near("rate", all * kept, average, 0.01);
    assert_near(
        "period",
        Supply::of(&link).block_period.as_secs_f64(),
        100.0 / 0.9,
        1e-6,
    );
}

#[track_caller]
fn no_key(link: Link) -> NoKey {
    let supply = Supply::of(&link);
    assert_eq!((supply.block_bits, supply.average_bit_s), (0, 0.0));
    supply.no_key.expect("a reason")
}

#[test]
fn frames_that_all_fail() {
    let reconciliation = Reconciliation::new(0.95, 1.0).unwrap();
    let link = Link {
        reconciliation,
        ..Preset::Metro50Km.link()
    };
    assert_eq!(no_key(link), NoKey::EveryFrameFails);
}

#[test]
fn an_untrusted_receiver() {
    let link = Preset::Metro50Km.link();
    let link = Link {
        receiver: link.receiver.untrusted(),
        ..link
    };
    assert_eq!(no_key(link), NoKey::ReceiverUntrusted);
}

#[test]
fn too_much_noise() {
    let excess_noise = ExcessNoise::at_input_snu(0.2).unwrap();
    let reason = no_key(Link {
        excess_noise,
        ..Preset::Metro50Km.link()
    });
    let NoKey::NoiseTooHigh { snu, tolerable_snu } = reason else {
        panic!("{reason:?}")
    };
    assert_near("snu", snu, 0.2, 0.0);
    assert!((0.09..0.11).contains(&tolerable_snu));
    let text = reason.to_string();
    assert!(
        text.starts_with("excess noise of 0.2 SNU is too high"),
        "{text}"
    );
}

#[test]
fn a_far_too_weak_modulation_is_the_reason_not_the_noise() {
    let link = Preset::Metro50Km.link();
    let reason = no_key(link.with_modulation_variance_snu(0.001).unwrap());
    let NoKey::ModulationUnsuited {
        snu,
        tolerable_snu,
        best_snu,
    } = reason
    else {
        panic!("{reason:?}")
    };
    assert_near("snu", snu, 0.001, 0.0);
    assert!((7.3e-5..7.5e-5).contains(&tolerable_snu), "{tolerable_snu}");
    assert_eq!(
        Supply::of(&link.with_modulation_variance_snu(best_snu).unwrap()).no_key,
        None
    );
    let text = reason.to_string();
    assert!(
        text.contains("V_A of 0.001 SNU") && text.contains("7.36"),
        "{text}"
    );
    assert!(text.contains("e-5"), "{text}");
}

#[test]
fn too_weak_a_reconciliation() {
    let link = Preset::Metro50Km.at_km(100.0).unwrap();
    let link = Link {
        source: Source::new(50.0, 1e6).unwrap(),
        reconciliation: Reconciliation::new(0.6, 0.1).unwrap(),
        ..link
    };
    assert_eq!(
        no_key(link),
        NoKey::ReconciliationTooWeak { efficiency: 0.6 }
    );
}

#[test]
fn everything_too_poor() {
    let link = Preset::Metro50Km.link();
    let link = Link {
        receiver: Receiver::trusted(Detection::Homodyne, 0.3, 1.0)
            .unwrap()
            .untrusted(),
        excess_noise: ExcessNoise::at_input_snu(0.5).unwrap(),
        ..link
    };
    assert_eq!(no_key(link), NoKey::TooMuchAtOnce);
}

#[test]
fn too_small_a_block() {
    let link = Link {
        block: Block::new(10_000_000).unwrap(),
        ..Preset::Metro50Km.link()
    };
    let reason = no_key(link);
    let NoKey::BlockTooSmall { symbols, needed } = reason else {
        panic!("{reason:?}")
    };
    assert_eq!(symbols, 10_000_000);
    let fixed = Link {
        block: link.block.with_symbols(2 * needed).unwrap(),
        ..link
    };
    assert_eq!(Supply::of(&fixed).no_key, None);
    let text = reason.to_string();
    assert!(
        text.starts_with("a block of 1e7 symbols is too small: key needs"),
        "{text}"
    );
}

#[test]
fn no_block_large_enough() {
    let link = Link {
        fibre: Fibre::standard(300.0).unwrap(),
        excess_noise: ExcessNoise::at_input_snu(0.0).unwrap(),
        ..Preset::Metro50Km.link()
    };
    assert_eq!(no_key(link), NoKey::NoBlockLargeEnough);
}

#[test]
fn a_block_shorter_than_its_authentication() {
    let link = Preset::Metro50Km.link();
    // Just above the smallest block the key is a few hundred bits.
    let smallest = smallest_block_symbols(&link).unwrap();
    let symbols = (smallest / 100 * 98..)
        .step_by(10_000)
        .find(|&symbols| {
            let block = Block::new(symbols).unwrap();
            Finite::of(&Link { block, ..link }).key_bit_per_symbol > 0.0
        })
        .unwrap();
    let reason = no_key(Link {
        block: Block::new(symbols).unwrap(),
        ..link
    });
    assert!(
        matches!(reason, NoKey::AuthenticationTakesAll { bits } if bits <= 832),
        "{reason}"
    );
}
