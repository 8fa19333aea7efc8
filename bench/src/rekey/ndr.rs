//! The no-drop rate: the most that is carried without loss, by bisection.
//!
//! After MLRsearch (FD.io CSIT), made short: a rate is carried when most of three trials lose no
//! more than the goal allows; the lower bound is a rate that was carried, the upper one a rate that
//! was not, and they come together until they are as close as asked for.

/// Where the rate is; frames a second.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Bounds {
    /// Was carried; 0 where nothing was.
    pub(super) lower: f64,
    /// Was not carried, or was the most that was tried.
    pub(super) upper: f64,
}

/// Trials of one rate, at most.
const TRIALS: u32 = 3;

/// Searches from `first` on, up to `most`, until upper and lower are within `width` (0.05: 5 %).
/// `trial` says which share of the frames was lost at a rate; up to `goal` is fine.
pub(super) fn search<E>(
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
    // Outwards: doubled until it is too much, or halved until it is not.
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
