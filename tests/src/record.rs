//! Every key that a pair of KMEs hands out, known from the random source that their bits come from.

use std::sync::{Arc, Mutex};

use kme::entropy::Entropy;

/// Octets of a key.
const KEY: usize = 32;
/// Octets that a key_ID is made of.
const ID: usize = 16;

/// What the random source has given, in order.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Given>>);

#[derive(Default)]
struct Given {
    /// Bits of keys, as they went into the pool. Keys are cut off it from the front.
    pool: Vec<u8>,
    /// One key_ID for each key that was handed out.
    ids: usize,
}

impl Record {
    /// A source that enters what it gives.
    pub(crate) fn entropy(&self) -> Entropy {
        let record = self.clone();
        let mut system = std::fs::File::open("/dev/urandom").unwrap();
        Entropy::new(move |out| {
            std::io::Read::read_exact(&mut system, out).map_err(|_| kme::entropy::EntropyError)?;
            let mut given = record.0.lock().unwrap();
            if out.len() == ID {
                given.ids += 1;
            } else {
                given.pool.extend_from_slice(out);
            }
            Ok(())
        })
    }

    /// The keys handed out until now, oldest first.
    ///
    /// # Panics
    /// When the random source has died.
    #[must_use]
    pub fn keys(&self) -> Vec<[u8; KEY]> {
        let given = self.0.lock().unwrap();
        let (keys, _) = given.pool.as_chunks();
        keys[..given.ids].to_vec()
    }
}
