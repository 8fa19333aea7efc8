//! The check before timing: a contender must seal what the crate `aes-gcm` seals, open it again,
//! and reject a forged frame.

use gcm::BurstKey;

use crate::window::{AAD_LEN, Window};

/// Compares the frames of `window` as `key` and `reference` seal them.
pub(super) fn equal(
    window: &mut Window,
    burst: usize,
    key: &mut dyn BurstKey,
    reference: &mut dyn BurstKey,
) -> Result<(), &'static str> {
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
        return Err("does not seal what the crate aes-gcm seals");
    }
    jobs.chunks_mut(burst).for_each(|burst| key.open(burst));
    if !jobs.iter().all(|job| job.authentic) {
        return Err("refuses a frame that it sealed");
    }
    let text = |frame: &[u8]| frame[..frame.len() - gcm::ICV_LEN].to_vec();
    if jobs
        .iter()
        .zip(&plain)
        .any(|(job, plain)| text(job.frame) != text(plain))
    {
        return Err("does not open to what was sealed");
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
        return Err("does not reject a forged frame, or rejects others with it");
    }
    Ok(())
}
