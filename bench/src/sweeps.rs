//! How long a measurement goes on, and what is seen of it meanwhile: a bar with the time left, on a
//! terminal.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// Steps of the bar of a measurement whose sweeps are not counted beforehand.
const STEPS: u64 = 1000;

/// When measuring ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Seconds(u64),
    Rounds(u32),
}

impl Until {
    /// Sweeps, numbered from 1, until the end or the first error.
    pub(crate) fn sweeps<E>(self, mut sweep: impl FnMut(u32) -> Result<(), E>) -> Result<(), E> {
        let bar = bar(STEPS);
        let start = Instant::now();
        for number in 1.. {
            sweep(number)?;
            let done = match self {
                Self::Rounds(rounds) => f64::from(number) / f64::from(rounds),
                Self::Seconds(seconds) => start.elapsed().as_secs_f64() / seconds as f64,
            };
            bar.set_position((done * STEPS as f64) as u64);
            bar.set_message(format!("round {number}"));
            if done >= 1.0 {
                break;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// A bar of so many steps.
pub(crate) fn bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} % {msg}, {eta} left");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
