//! Every SAK installed in a run, with a number. By it the checkers know the key of a frame, and
//! find a SAK that occurs twice.

use std::rc::Rc;

use secy::Sak;
use subtle::ConstantTimeEq;

/// Number of a SAK in [`Saks`].
pub type SakNo = usize;

/// All SAKs.
#[derive(Default)]
pub struct Saks(Vec<Rc<Sak>>);

impl Saks {
    /// Returns the number of this SAK: a new one unless an equal SAK was seen before.
    pub fn number(&mut self, sak: &Rc<Sak>) -> SakNo {
        let equal = |old: &Rc<Sak>| bool::from(old.ct_eq(sak));
        self.0.iter().rposition(equal).unwrap_or_else(|| {
            self.0.push(Rc::clone(sak));
            self.0.len() - 1
        })
    }
}
