//! Acknowledgements that we owe the neighbour, gathered into few requests.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use kme_api::etsi020::{
    ACKS_MAX, AckContainer, AckMessage, AckStatus, AckedKey, CallbackUrl, Extension, KeyUuid,
    Parties,
};

/// The subject of a debt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// One key.
    Key(KeyUuid),
    /// A void of all keys of these SAEs that matched none.
    Nothing(Parties),
}

/// An acknowledgement to send.
#[derive(Clone)]
pub(super) struct Debt {
    pub(super) subject: Subject,
    pub(super) status: AckStatus,
    pub(super) parties: Parties,
    pub(super) url: CallbackUrl,
    pub(super) message: Option<AckMessage>,
    pub(super) extension: Option<Extension>,
    pub(super) attempts: u32,
    /// It is dropped then.
    pub(super) expires: Duration,
    /// It is sent without others, since the neighbour does not know one of a group.
    pub(super) alone: bool,
}

type Name = (Subject, AckStatus);

/// The debts that wait for their time. Those in a request are not here.
#[derive(Default)]
pub(super) struct Debts {
    debts: BTreeMap<Name, (Duration, Debt)>,
    due: BTreeSet<(Duration, Name)>,
}

impl Debts {
    /// Adds a debt. The same debt, if it waits, is replaced.
    pub(super) fn add(&mut self, at: Duration, debt: Debt) {
        let name = (debt.subject.clone(), debt.status);
        self.remove(&name);
        self.due.insert((at, name.clone()));
        self.debts.insert(name, (at, debt));
    }

    fn remove(&mut self, name: &Name) -> Option<Debt> {
        let (at, debt) = self.debts.remove(name)?;
        self.due.remove(&(at, name.clone()));
        Some(debt)
    }

    /// Drops the debt of a key with this status, if it waits.
    pub(super) fn cancel(&mut self, key_id: KeyUuid, status: AckStatus) {
        self.remove(&(Subject::Key(key_id), status));
    }

    pub(super) fn next_time(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the debts of one request: all that are due, for one URL.
    pub(super) fn take(&mut self, now: Duration) -> Vec<Debt> {
        let mut taken: Vec<Debt> = Vec::new();
        let due = self.due.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<_> = due.take(ACKS_MAX).map(|(_, name)| name.clone()).collect();
        for name in due {
            let fits = |debt: &Debt| {
                let first = taken.first();
                first.is_none_or(|first| first.url == debt.url && !first.alone && !debt.alone)
            };
            if self.debts.get(&name).is_some_and(|(_, debt)| fits(debt)) {
                taken.extend(self.remove(&name));
            }
        }
        taken
    }
}

/// The containers for these debts: keys of the same SAEs with the same outcome share one.
pub(super) fn containers(debts: &[Debt]) -> Vec<AckContainer> {
    let mut groups: BTreeMap<_, Vec<AckedKey>> = BTreeMap::new();
    for debt in debts {
        let group = (debt.status, &debt.parties, &debt.message);
        let keys = groups.entry(group).or_default();
        if let Subject::Key(key_id) = debt.subject {
            keys.push(AckedKey {
                key_id,
                extension: debt.extension.clone(),
            });
        }
    }
    let container =
        |((status, parties, message), keys): ((_, &Parties, &Option<_>), _)| AckContainer {
            keys,
            status,
            parties: parties.clone(),
            message: message.clone(),
            extension: None,
        };
    groups.into_iter().map(container).collect()
}
