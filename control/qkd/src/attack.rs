//! The effect of attacks on the noise that both ends estimate, and the smallest change they can
//! detect.
//!
//! The rates of this crate hold against every collective attack. An attack that appears as excess
//! noise or loss costs key but does not compromise it. These formulas show such attacks in a
//! simulation. They also show the one attack that stays hidden: on a local oscillator that is sent
//! over the line.

use crate::channel::ExcessNoise;
use crate::limits::{self, OutOfRange};
use crate::link::Link;

/// Excess noise when Eve measures a share (0 to 1) of the symbols with a heterodyne receiver and
/// resends her results. Each of these symbols gets 2 SNU more: one for her measurement, one for the
/// states that she prepares.
///
/// # Errors
/// The share, or the noise that results, is out of range.
pub fn intercept_resend(
    excess_noise: ExcessNoise,
    intercepted_share: f64,
) -> Result<ExcessNoise, OutOfRange> {
    let share = limits::INTERCEPTED_SHARE.check(intercepted_share)?;
    ExcessNoise::at_input_snu(excess_noise.snu() + 2.0 * share)
}

/// Excess noise that both ends estimate, in SNU at the channel input, when Eve has lowered the real
/// shot noise so that the calibrated value is `assumed_over_real` times too large (1: no attack).
/// It may be below zero. The attack needs a local oscillator within Eve's reach, sent over the
/// line; a live shot-noise monitor prevents it. (Jouguet, Kunz-Jacques, Diamanti, PRA 87, 062313,
/// 2013)
///
/// # Errors
/// The ratio is out of range.
pub fn apparent_excess_noise_snu(link: &Link, assumed_over_real: f64) -> Result<f64, OutOfRange> {
    let ratio = limits::SHOT_NOISE_RATIO.check(assumed_over_real)?;
    let arriving = link.receiver.efficiency() * link.fibre.transmittance();
    Ok((link.excess_noise.snu() + (1.0 - ratio) / arriving) / ratio)
}

/// The ratio of assumed to real shot noise that hides all excess noise of a link.
pub fn hiding_shot_noise_ratio(link: &Link) -> f64 {
    1.0 + link.receiver.efficiency() * link.fibre.transmittance() * link.excess_noise.snu()
}

/// Standard deviation of the excess noise estimated from `symbols` symbols, in SNU at the channel
/// input. An alarm cannot detect a step smaller than a few of these deviations. At 50 km half a
/// million homodyne symbols give 0.04 SNU.
pub fn estimate_deviation_snu(link: &Link, symbols: u64) -> f64 {
    let quadratures = f64::from(link.receiver.detection().quadratures());
    let arriving = link.receiver.efficiency() * link.fibre.transmittance() / quadratures;
    let variance = 1.0 + link.receiver.electronic_noise_snu() + arriving * link.excess_noise.snu();
    let samples = quadratures * symbols as f64;
    variance * (2.0 / samples).sqrt() / arriving
}

#[cfg(test)]
mod tests;
