//! Every key that a pair of KMEs delivers, derived from the random source of the key bits.

use std::sync::{Arc, Mutex};

use kme::entropy::Entropy;
use lab::folder::Folder;
use lab::kmes::TwoKmes;

/// Octets of a key.
const KEY: usize = 32;
/// Octets of random data in a key_ID.
const ID: usize = 16;

/// The output of the random source, in order.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Given>>);

#[derive(Default)]
struct Given {
    /// Key bits in the order in which they entered the pool. Keys are taken from the front.
    pool: Vec<u8>,
    /// Number of key_IDs drawn: one for each delivered key.
    ids: usize,
}

impl Record {
    /// Starts both KMEs. The record contains every key that they deliver.
    ///
    /// # Panics
    /// If they do not start.
    #[must_use]
    pub fn kmes(folder: &Folder) -> (TwoKmes, Self) {
        let record = Self::default();
        let kmes = TwoKmes::start_with(folder, record.entropy(), false);
        (kmes.unwrap(), record)
    }

    /// Returns a random source that records its output.
    fn entropy(&self) -> Entropy {
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

    /// Returns the keys delivered so far, oldest first.
    ///
    /// # Panics
    /// If the random source has panicked.
    #[must_use]
    pub fn keys(&self) -> Vec<[u8; KEY]> {
        let given = self.0.lock().unwrap();
        let (keys, _) = given.pool.as_chunks();
        keys[..given.ids].to_vec()
    }
}
