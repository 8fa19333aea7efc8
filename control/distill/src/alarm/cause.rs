//! The likely cause of an alarm, from the figures that moved.

use std::fmt;

use super::chart::Side;

/// A likely cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Eve displaces the light to the end of the receiver's range.
    Saturation,
    /// The local oscillator no longer has the power of the calibration.
    LocalOscillator,
    /// Classical channels in the same fibre scatter into the quantum channel.
    Raman,
    /// Eve mixes her own light into the signal.
    EntanglingCloner,
    /// Eve measures and resends.
    InterceptResend,
    /// Light is lost: Eve taps the fibre, or it is bent.
    Loss,
    /// Figures are better than the link can be: the calibration is wrong, or Eve makes it so.
    Calibration,
    /// Frames fail to decode although the channel is as expected.
    Reconciliation,
}

/// The side that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Eve.
    Attack,
    /// The operator or the equipment.
    Fault,
    /// The figures do not tell.
    Either,
}

/// The figures that moved, and where to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    pub(super) transmittance: Option<Side>,
    pub(super) excess_noise: Option<Side>,
    pub(super) shot_noise: Option<Side>,
    pub(super) mean: Option<Side>,
    pub(super) kurtosis: Option<Side>,
    pub(super) rails: Option<Side>,
    pub(super) lost_frames: Option<Side>,
    /// Whether more classical light is in the fibre than expected; none if nobody measures it.
    pub(super) classical: Option<bool>,
}

impl Cause {
    /// The first cause in the table whose figures moved. A cause that makes further figures wrong
    /// stands before those that these figures would tell.
    pub(super) fn of(moved: &Moved) -> Option<(Self, Blame)> {
        const ABOVE: Option<Side> = Some(Side::Above);
        const BELOW: Option<Side> = Some(Side::Below);
        let &Moved {
            transmittance,
            excess_noise,
            kurtosis,
            classical,
            ..
        } = moved;
        // Clipping flattens the distribution. A mixture of variances makes it more peaked.
        let is_clipped = moved.mean.is_some() || moved.rails == ABOVE || kurtosis == BELOW;
        let table = [
            (is_clipped, Self::Saturation, Blame::Attack),
            (
                moved.shot_noise.is_some(),
                Self::LocalOscillator,
                Blame::Attack,
            ),
            (
                excess_noise == ABOVE && classical == Some(true),
                Self::Raman,
                Blame::Fault,
            ),
            (
                excess_noise == ABOVE && transmittance == BELOW,
                Self::EntanglingCloner,
                Blame::Attack,
            ),
            (
                excess_noise == ABOVE || kurtosis == ABOVE,
                Self::InterceptResend,
                if classical.is_some() {
                    Blame::Attack
                } else {
                    Blame::Either
                },
            ),
            (transmittance == BELOW, Self::Loss, Blame::Either),
            (
                transmittance == ABOVE || excess_noise == BELOW,
                Self::Calibration,
                Blame::Either,
            ),
            (
                moved.lost_frames == ABOVE,
                Self::Reconciliation,
                Blame::Fault,
            ),
        ];
        let found = table.into_iter().find(|(fits, ..)| *fits);
        found.map(|(_, cause, blame)| (cause, blame))
    }

    /// Whether the estimate of the channel is wrong under this cause, so that no secret length that
    /// follows from it may count.
    pub fn falsifies_the_estimate(self) -> bool {
        match self {
            Self::Saturation | Self::LocalOscillator | Self::Calibration => true,
            Self::Raman
            | Self::EntanglingCloner
            | Self::InterceptResend
            | Self::Loss
            | Self::Reconciliation => false,
        }
    }

    /// The next step for an operator.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Saturation => "block the line and look for strong light in it",
            Self::LocalOscillator => {
                "calibrate the shot noise again, and take the local oscillator off the line"
            }
            Self::Raman => "lower the power of the data channels, or move them to another fibre",
            Self::EntanglingCloner | Self::InterceptResend => {
                "the line is listened to: inspect it, and wait until the noise is gone"
            }
            Self::Loss => "find the place with an OTDR: it is a tap, a bend or a bad connector",
            Self::Calibration => "calibrate both ends again and compare with the link's record",
            Self::Reconciliation => {
                "compare the code's rate and the modulation with those of the other end"
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Saturation => "saturated receiver",
            Self::LocalOscillator => "attenuated local oscillator",
            Self::Raman => "Raman noise of data channels",
            Self::EntanglingCloner => "entangling cloner",
            Self::InterceptResend => "intercept-resend",
            Self::Loss => "loss in the fibre",
            Self::Calibration => "wrong calibration",
            Self::Reconciliation => "error correction",
        })
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attack => "attack",
            Self::Fault => "operator's fault",
            Self::Either => "attack or fault",
        })
    }
}
