//! The accounts of one end of a link, for reports and the ledger.

use network::Accounts;
use serde::{Deserialize, Serialize};

/// The accounts of one end of a link, in bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountsReport {
    /// Taken in from the QKD devices.
    pub bits_in: u64,
    /// Used to encrypt keys.
    pub relayed: u64,
    /// Used to authenticate messages.
    pub authentication: u64,
    /// Given up.
    pub voided: u64,
    /// Still in the pool.
    pub left: u64,
    /// Lost by a restart of either end.
    pub lost_in_crash: u64,
}

impl AccountsReport {
    /// Returns the accounts of a link whose other end has crashed: with its pool, what is left here
    /// is lost.
    #[must_use]
    pub fn after_crash(self) -> Self {
        Accounts::from(self).after_crash().into()
    }

    /// True if every bit has gone somewhere.
    #[must_use]
    pub fn close(self) -> bool {
        Accounts::from(self).close()
    }
}

impl From<Accounts> for AccountsReport {
    fn from(accounts: Accounts) -> Self {
        let Accounts {
            bits_in,
            relayed,
            authentication,
            voided,
            left,
            lost_in_crash,
        } = accounts;
        Self {
            bits_in,
            relayed,
            authentication,
            voided,
            left,
            lost_in_crash,
        }
    }
}

impl From<AccountsReport> for Accounts {
    fn from(report: AccountsReport) -> Self {
        let AccountsReport {
            bits_in,
            relayed,
            authentication,
            voided,
            left,
            lost_in_crash,
        } = report;
        Self {
            bits_in,
            relayed,
            authentication,
            voided,
            left,
            lost_in_crash,
        }
    }
}
