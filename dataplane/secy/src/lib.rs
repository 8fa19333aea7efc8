//! The MACsec entity (SecY) of IEEE 802.1AE: protect, validate, replay, counters.
//!
//! ```text
//! red   ─ Buffer ─▶ TxSc::protect   PN from the tx SA → SecTAG into the headroom → seal the burst
//!                                   → ICV into the tailroom ─▶ black
//! black ─ Buffer ─▶ RxScs::validate checked SecTAG → rx SC by SCI, SA by AN → early replay test
//!                                   → open the burst → replay test again and mark → strip ─▶ red
//! ```
//! Every frame is either passed on, or has one [`Discard`] that names the reason and is counted.
//! The engine seals or opens all frames of one SA in a burst in one call.
//!
//! Ownership: a [`TxSc`] and a [`RxScs`] belong to one worker and share nothing. They own their
//! SAs. An SA owns its expanded key and wipes it on drop. [`TxSa::new`] and [`RxSa::new`] run on
//! the control side; they expand the key and allocate all memory of the SA. `protect` and
//! `validate` do not allocate, lock, log or read a clock, and do not panic on any input.
//!
//! Not here: the source of the keys and the time of a rekey (`rekey`), the selection of frames that
//! bypass MACsec (`worker`), AES (`gcm`). Not implemented from the standard: confidentiality
//! offsets 30 and 50, which XPN suites do not have; disabled replay protection; the uncontrolled
//! port.
#![forbid(unsafe_code)]

#[cfg(all(feature = "guards", not(debug_assertions)))]
compile_error!("the feature `guards` is for the simulation only: no release can have it");

#[cfg(feature = "guards")]
pub mod guards;
pub mod limits;

mod buffer;
mod counters;
mod discard;
#[cfg(not(feature = "guards"))]
#[expect(
    unreachable_pub,
    reason = "public for the simulation, by the feature `guards`"
)]
mod guards;
mod nonce;
mod protect;
mod replay;
mod rx_config;
mod rx_sa;
mod rx_scs;
mod sa_id;
mod sak;
mod suite;
mod tagged;
mod tx_sa;
mod tx_sc;
mod validate;

pub use buffer::{Buffer, Slot};
pub use counters::{RxCounters, TxCounters};
pub use discard::Discard;
pub use rx_config::{RxConfig, ValidateFrames};
pub use rx_sa::RxSa;
pub use rx_scs::{InstallError, RxSaStatus, RxScs};
pub use sa_id::SaId;
pub use sak::{Sak, SakLengthError, Salt};
pub use suite::{Suite, UnknownSuite};
pub use tx_sa::TxSa;
pub use tx_sc::{Protection, TxSc, TxScConfig};
