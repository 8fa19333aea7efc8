//! The MACsec entity (SecY) of IEEE 802.1AE: protect, validate, replay, counters.
//!
//! ```text
//! red   ─ Buffer ─▶ TxSc::protect   PN from the tx SA → SecTAG into the headroom → seal the burst
//!                                   → ICV into the tailroom ─▶ black
//! black ─ Buffer ─▶ RxScs::validate checked SecTAG → rx SC by SCI, SA by AN → early replay test
//!                                   → open the burst → replay test again and mark → strip ─▶ red
//! ```
//! Every frame that goes in is either out, or has one [`Discard`] that names why and is counted.
//! One burst is sealed or opened in one engine call per SA.
//!
//! Who owns what: a [`TxSc`] and a [`RxScs`] belong to one worker and nothing in them is shared;
//! they own their SAs, an SA owns its expanded key and wipes it on drop. Keys are expanded in
//! [`TxSa::new`] and [`RxSa::new`], on the control side, and so is all memory an SA needs:
//! `protect` and `validate` neither allocate nor lock, log or read a clock, nor panic on any input.
//!
//! Not here: where keys come from and when they change (`rekey`), which frames bypass MACsec
//! (`worker`), AES (`gcm`). Left out of the standard: confidentiality offsets 30 and 50, which XPN
//! suites do not have; replay protection switched off; the uncontrolled port.
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
pub use rx_sa::RxSa;
pub use rx_scs::{InstallError, RxConfig, RxSaStatus, RxScs, ValidateFrames};
pub use sa_id::SaId;
pub use sak::{Sak, SakLengthError, Salt};
pub use suite::{Suite, UnknownSuite};
pub use tx_sa::TxSa;
pub use tx_sc::{Protection, TxSc, TxScConfig};
