//! Nobody is timed who does not seal what the crate `aes-gcm` seals, and open it again.

use gcm::BurstKey;

use super::Error;
use crate::contender::Name;
use crate::size::Size;
use crate::window::{AAD_LEN, Window};

/// Frames of `window` as `reference` seals them, compared with those of `key`.
pub(super) fn equal(
    window: &mut Window,
    burst: usize,
    size: Size,
    name: Name,
    key: &mut dyn BurstKey,
    reference: &mut dyn BurstKey,
) -> Result<(), Error> {
    let wrong = |what| Error::Wrong {
        name,
        what,
        size,
        burst,
    };
    let mut jobs = window.jobs();
    let plain: Vec<Vec<u8>> = jobs.iter().map(|job| job.frame.to_vec()).collect();
    for job in &mut jobs {
        reference.seal(core::slice::from_mut(job));
    }
    let sealed: Vec<Vec<u8>> = jobs.iter().map(|job| job.frame.to_vec()).collect();
    for (job, plain) in jobs.iter_mut().zip(&plain) {
        job.frame.copy_from_slice(plain);
    }
    jobs.chunks_mut(burst).for_each(|burst| key.seal(burst));
    if jobs
        .iter()
        .zip(&sealed)
        .any(|(job, sealed)| *job.frame != sealed[..])
    {
        return Err(wrong("does not seal what the crate aes-gcm seals"));
    }
    jobs.chunks_mut(burst).for_each(|burst| key.open(burst));
    if !jobs.iter().all(|job| job.authentic) {
        return Err(wrong("refuses a frame that it sealed"));
    }
    let same = |frame: &[u8], plain: &[u8]| {
        frame
            .iter()
            .zip(plain)
            .take(plain.len() - 16)
            .all(|(a, b)| a == b)
    };
    if !jobs
        .iter()
        .zip(&plain)
        .all(|(job, plain)| same(job.frame, plain))
    {
        return Err(wrong("does not open to what was sealed"));
    }

    jobs.chunks_mut(burst).for_each(|burst| key.seal(burst));
    let forged = jobs.len() / 2;
    jobs[forged].frame[AAD_LEN] ^= 0x40;
    jobs.chunks_mut(burst).for_each(|burst| key.open(burst));
    if jobs
        .iter()
        .enumerate()
        .any(|(n, job)| job.authentic == (n == forged))
    {
        return Err(wrong("does not tell a forged frame from the others"));
    }
    Ok(())
}
