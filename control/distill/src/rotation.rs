//! Reconciliation in eight dimensions (Leverrier et al., Phys. Rev. A 77, 042325, 2008), by
//! products of octonions.
//!
//! Bob draws eight bits for eight quadratures. He publishes the rotation that takes the direction
//! of his quadratures to the bits, and the norm. Alice applies it to her quadratures and gets the
//! bits with noise. All bits are equally likely given rotation and norm, so these leak nothing.
use std::array;

/// Quadratures of a group.
pub const DIMENSIONS: usize = 8;

/// The message that Bob publishes for a group.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rotation {
    /// A unit octonion.
    direction: [f64; DIMENSIONS],
    /// The norm of Bob's quadratures.
    norm: f64,
}

impl Rotation {
    /// Bob: the rotation of his quadratures to these bits, the first in the lowest position. `None`
    /// if the quadratures have no direction: all are zero, or one is not finite.
    #[must_use]
    pub fn to_bits(quadratures: &[f64; DIMENSIONS], bits: u8) -> Option<Self> {
        let norm = norm(quadratures);
        let inverse = 1.0 / norm;
        let turned = product(&signs(bits), &conjugate(quadratures));
        let direction = turned.map(|component| component * inverse);
        Self::parse(direction, norm)
    }

    /// A rotation as it came from Bob. `None` if it is none.
    #[must_use]
    pub fn parse(direction: [f64; DIMENSIONS], norm: f64) -> Option<Self> {
        // Messages round the components.
        let unit = (self::norm(&direction) - 1.0).abs() < 1e-3;
        (unit && norm > 0.0 && norm.is_finite()).then_some(Self { direction, norm })
    }

    /// The components of the unit octonion.
    #[must_use]
    pub fn direction(&self) -> &[f64; DIMENSIONS] {
        &self.direction
    }

    /// The norm of Bob's quadratures.
    #[must_use]
    pub fn norm(&self) -> f64 {
        self.norm
    }

    /// Alice: log-likelihood ratios of the eight bits, positive for 0, in nats.
    #[must_use]
    pub fn ratios(&self, quadratures: &[f64; DIMENSIONS], reverse: &Reverse) -> [f32; DIMENSIONS] {
        let scale = reverse.scale * self.norm;
        self.rotate(quadratures)
            .map(|component| (component * scale) as f32)
    }

    /// Alice: her quadratures, rotated as Bob's.
    fn rotate(&self, quadratures: &[f64; DIMENSIONS]) -> [f64; DIMENSIONS] {
        product(&self.direction, quadratures)
    }

    /// Alice, after error correction: Bob's quadratures.
    #[must_use]
    pub fn recover(&self, bits: u8) -> [f64; DIMENSIONS] {
        let turned = product(&conjugate(&signs(bits)), &self.direction);
        conjugate(&turned).map(|component| component * self.norm)
    }
}

/// The channel as Alice sees it in reverse: her quadrature is `gain` times Bob's, plus noise.
#[derive(Clone, Copy, Debug)]
pub struct Reverse {
    scale: f64,
}

impl Reverse {
    /// From `gain` = Cov(x, y) / Var(y) and `variance` = Var(x | y). `None` unless the variance is
    /// positive and both are finite.
    #[must_use]
    pub fn new(gain: f64, variance: f64) -> Option<Self> {
        let scale = 2.0 * gain / ((DIMENSIONS as f64).sqrt() * variance);
        (variance > 0.0 && scale.is_finite()).then_some(Self { scale })
    }
}

/// The unit octonion whose components have the signs of the bits, negative for 1.
fn signs(bits: u8) -> [f64; DIMENSIONS] {
    let one = 1.0 / (DIMENSIONS as f64).sqrt();
    // Constant time: the bits are secret.
    array::from_fn(|at| one * (1.0 - 2.0 * f64::from(bits >> at & 1)))
}

fn norm(octonion: &[f64; DIMENSIONS]) -> f64 {
    octonion.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn conjugate(octonion: &[f64; DIMENSIONS]) -> [f64; DIMENSIONS] {
    array::from_fn(|at| if at == 0 { octonion[0] } else { -octonion[at] })
}

/// Cayley and Dickson: (a, b)(c, d) = (ac - d*b, da + bc*), with quaternions a to d.
fn product(x: &[f64; DIMENSIONS], y: &[f64; DIMENSIONS]) -> [f64; DIMENSIONS] {
    let halves = |o: &[f64; DIMENSIONS]| ([o[0], o[1], o[2], o[3]], [o[4], o[5], o[6], o[7]]);
    let star = |q: [f64; 4]| [q[0], -q[1], -q[2], -q[3]];
    let ((a, b), (c, d)) = (halves(x), halves(y));
    let (ac, db) = (quaternions(a, c), quaternions(star(d), b));
    let (da, bc) = (quaternions(d, a), quaternions(b, star(c)));
    array::from_fn(|at| match at < 4 {
        true => ac[at] - db[at],
        false => da[at - 4] + bc[at - 4],
    })
}

fn quaternions(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    ]
}

#[cfg(test)]
mod tests;
