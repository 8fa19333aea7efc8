//! The no-drop rate: the highest rate carried without loss, by bisection.
//!
//! A short form of MLRsearch (FD.io CSIT). A rate is carried when most of three trials lose no more
//! than the goal allows. The lower bound is a rate that was carried, the upper one a rate that was
//! not. Both converge until they are as close as requested.

/// Bounds of a rate, frames a second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Bounds {
    /// Carried; 0 where no rate was.
    pub(crate) lower: f64,
    /// Not carried, or the highest rate tried.
    pub(crate) upper: f64,
}

const TRIALS: u32 = 3;

/// Searches from `first`, up to `most`, until upper and lower are within `width` (0.05: 5 %).
/// `trial` returns the share of frames lost at a rate; up to `goal` is allowed.
pub(crate) fn search<E>(
    first: f64,
    most: f64,
    width: f64,
    goal: f64,
    mut trial: impl FnMut(f64) -> Result<f64, E>,
) -> Result<Bounds, E> {
    let mut carried = |rate: f64| -> Result<bool, E> {
        let (mut fine, mut lossy) = (0, 0);
        while fine.max(lossy) <= TRIALS / 2 {
            if trial(rate)? <= goal {
                fine += 1;
            } else {
                lossy += 1;
            }
        }
        Ok(fine > lossy)
    };
    let (mut lower, mut upper) = (0.0, first.min(most));
    // Double the rate until it is too high, or halve it until it is not.
    while carried(upper)? {
        lower = upper;
        if upper >= most {
            return Ok(Bounds { lower, upper });
        }
        upper = (2.0 * upper).min(most);
    }
    while lower == 0.0 {
        let half = upper / 2.0;
        if half < 1.0 {
            return Ok(Bounds { lower, upper });
        }
        if carried(half)? {
            lower = half;
        } else {
            upper = half;
        }
    }
    while upper > lower * (1.0 + width) {
        let middle = (lower * upper).sqrt();
        if carried(middle)? {
            lower = middle;
        } else {
            upper = middle;
        }
    }
    Ok(Bounds { lower, upper })
}

#[cfg(test)]
mod tests;
