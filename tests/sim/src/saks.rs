//! Every SAK ever installed in a run, known by a number: so that the checkers can tell which key a
//! frame is under, and find a SAK that comes twice.

use std::rc::Rc;

use secy::Sak;
use subtle::ConstantTimeEq;

/// Number of a SAK in [`Saks`].
pub(crate) type SakNo = usize;

/// All SAKs.
#[derive(Default)]
pub(crate) struct Saks(Vec<Rc<Sak>>);

impl Saks {
    /// The number of this SAK: a new one unless an equal one was seen before.
    pub(crate) fn number(&mut self, sak: &Rc<Sak>) -> SakNo {
        let equal = |old: &Rc<Sak>| bool::from(old.ct_eq(sak));
        self.0.iter().rposition(equal).unwrap_or_else(|| {
            self.0.push(Rc::clone(sak));
            self.0.len() - 1
        })
    }
}
