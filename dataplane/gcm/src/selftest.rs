//! Known-answer tests that every engine must pass before it processes a frame.
//!
//! The cases come from the GCM specification (McGrew and Viega, "The Galois/Counter Mode of
//! Operation", appendix B; also used by NIST), not from this program. So they also detect an engine
//! with the same error in both seal and open. A burst contains [`BURST_MAX`] copies of a case, so
//! that the paths that interleave frames are tested too. The cases are short. For the longer paths,
//! a burst of mixed lengths is compared with engine `rustcrypto`, which must pass all cases itself.

use crate::engine::Engine;
use crate::job::{Job, RawKey};
use crate::limits::{BURST_MAX, ICV_LEN};

/// An engine does not compute AES-GCM correctly on this machine.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the AES-GCM engine {engine} fails its self-test ({fault} in case {case}): \
     choose another engine and have the machine looked at"
)]
pub struct SelfTestError {
    /// The engine.
    pub engine: Engine,
    /// The name of the case in the specification, or `mixed`.
    pub case: &'static str,
    /// The fault.
    pub fault: Fault,
}

/// The kinds of fault of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Seal gives a wrong ciphertext or ICV.
    #[error("wrong ciphertext or ICV")]
    Seal,
    /// Open refuses a valid frame or gives a wrong plaintext.
    #[error("wrong plaintext")]
    Open,
    /// Open accepts a forged frame, or does not wipe it.
    #[error("forged frame accepted")]
    Forgery,
}

pub(crate) mod cases;

use cases::{CASES, Case};

/// Runs known-answer tests on every available engine, including forged frames. Call it once at
/// program start. If it fails, no frame may be sealed.
///
/// # Errors
///
/// Names the engine, the case and the fault.
pub fn self_test() -> Result<(), SelfTestError> {
    Engine::available().try_for_each(run)
}

/// Runs every case on one engine, as a single frame and as a full burst, then mixed bursts.
fn run(engine: Engine) -> Result<(), SelfTestError> {
    CASES.iter().try_for_each(|case| {
        [1, BURST_MAX].into_iter().try_for_each(|frames| {
            run_case(engine, case, frames).map_err(|fault| SelfTestError {
                engine,
                case: case.name,
                fault,
            })
        })
    })?;
    [false, true].into_iter().try_for_each(|wide| {
        run_mixed(engine, wide).map_err(|fault| SelfTestError {
            engine,
            case: "mixed",
            fault,
        })
    })
}

/// Compares frames of 0 to about 2000 octets, one of them integrity only, with the portable engine.
fn run_mixed(engine: Engine, wide: bool) -> Result<(), Fault> {
    let expand = |engine: Engine| match wide {
        false => engine.expand(RawKey::Aes128(&[0x3c; 16])),
        true => engine.expand(RawKey::Aes256(&[0xc3; 32])),
    };
    let lens: [(usize, usize); BURST_MAX] = core::array::from_fn(|at| match at {
        40 => (1500, 0),
        _ => (12 + at % 21, at * at / 2 + at),
    });
    let seal = |engine: Engine| -> Vec<Vec<u8>> {
        let mut frames: Vec<Vec<u8>> = lens
            .iter()
            .map(|(aad_len, text_len)| {
                (0..aad_len + text_len + ICV_LEN)
                    .map(|at| (at * 7 + text_len) as u8)
                    .collect()
            })
            .collect();
        let mut burst = mixed_jobs(&mut frames, &lens);
        expand(engine).seal(&mut burst);
        frames
    };
    let mut sealed = seal(engine);
    if sealed != seal(Engine::RustCrypto) {
        return Err(Fault::Seal);
    }
    let mut burst = mixed_jobs(&mut sealed, &lens);
    expand(engine).open(&mut burst);
    let opened = burst.iter().zip(lens).all(|(job, (aad_len, text_len))| {
        let text = &job.frame[..aad_len + text_len];
        let plain = |(at, octet): (usize, &u8)| *octet == (at * 7 + text_len) as u8;
        job.authentic && text.iter().enumerate().all(plain)
    });
    if opened { Ok(()) } else { Err(Fault::Open) }
}

fn mixed_jobs<'a>(frames: &'a mut [Vec<u8>], lens: &[(usize, usize)]) -> Vec<Job<'a>> {
    let nonce = |at: usize| [at as u8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, at as u8];
    let jobs = frames.iter_mut().zip(lens).enumerate();
    jobs.map(|(at, (frame, (aad_len, _)))| Job::new(frame, *aad_len, nonce(at)))
        .collect()
}

fn run_case(engine: Engine, case: &Case, frames: usize) -> Result<(), Fault> {
    let mut key = match case.key.len() {
        16 => engine.expand(RawKey::Aes128(case.key.try_into().expect("16 octets"))),
        _ => engine.expand(RawKey::Aes256(
            case.key.try_into().expect("a key of a case is 16 or 32"),
        )),
    };
    let plain = [case.aad, case.plaintext, &[0; ICV_LEN]].concat();
    let sealed = [case.aad, case.ciphertext, case.icv].concat();
    let len = plain.len();
    let aad_len = case.aad.len();

    let mut memory = plain.repeat(frames);
    let mut burst = jobs(&mut memory, len, case);
    key.seal(&mut burst);
    if burst.iter().any(|job| *job.frame != sealed) {
        return Err(Fault::Seal);
    }

    key.open(&mut burst);
    if burst
        .iter()
        .any(|job| !job.authentic || job.frame[..len - ICV_LEN] != plain[..len - ICV_LEN])
    {
        return Err(Fault::Open);
    }

    // Each frame is forged in a different octet.
    memory = sealed.repeat(frames);
    for (frame, octets) in memory.chunks_exact_mut(len).enumerate() {
        octets[frame % len] ^= 1 << (frame % 8);
    }
    let mut burst = jobs(&mut memory, len, case);
    key.open(&mut burst);
    let released = |job: &Job<'_>| {
        job.authentic
            || job.frame[aad_len..len - ICV_LEN]
                .iter()
                .any(|&octet| octet != 0)
    };
    if burst.iter().any(released) {
        return Err(Fault::Forgery);
    }
    Ok(())
}

fn jobs<'a>(memory: &'a mut [u8], len: usize, case: &Case) -> Vec<Job<'a>> {
    memory
        .chunks_exact_mut(len)
        .map(|frame| Job::new(frame, case.aad.len(), case.nonce))
        .collect()
}

#[cfg(test)]
mod tests;
