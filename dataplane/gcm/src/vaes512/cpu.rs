//! The check that this machine has the instructions of the engine.

/// Proof that this machine has the instructions. Only [`Cpu::detect`] makes one.
#[derive(Clone, Copy)]
pub(crate) struct Cpu(());

impl Cpu {
    /// Asks the processor. `None` if it lacks an instruction.
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("vaes")
            && is_x86_feature_detected!("vpclmulqdq")
            && is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("bmi2");
        has_all.then_some(Self(()))
    }
}
