//! Ends all keys on the operator's order, at once, without the peer, the KME or the disk.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use rekey::Action;
use tracing::error;

use super::{Driver, no_kme};
use crate::stack;
use crate::status::{Asker, DirectionReport, Done, Report, Request, State, StatusSocket};

/// Time limit for the workers to wipe their keys and confirm it.
const WITHIN: Duration = Duration::from_millis(80);

impl Driver {
    /// Wipes every key of this process and answers. From then on no user frame passes, and the
    /// process only answers the status until it ends.
    pub(super) async fn zeroise(
        mut self,
        asker: Asker,
        socket: &mut StatusSocket,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) {
        let begun = Instant::now();
        let confirmed = self.fleet.zeroise(WITHIN);
        let mut report = self.report();
        // Makes a BYE and wipes the keys held. The workers have already done its other orders.
        self.rekey.on_stop(self.now());
        while let Some(action) = self.rekey.poll_action() {
            if let Action::Send(frame) = action {
                self.fleet.send(frame.as_bytes());
            }
        }
        let Self {
            rekey,
            keys,
            fleet,
            ledger,
            ..
        } = self;
        drop(rekey); // wipes the root secret too
        drop(keys);
        stack::wipe();
        let took_ms = begun.elapsed().as_secs_f64() * 1e3;
        let workers = report.workers.len();
        error!(
            "ZEROISED by order of the operator: {confirmed} of {workers} workers confirmed, \
             {took_ms:.1} ms; no user frame passes until a restart"
        );
        asker.answer(&Done {
            done: confirmed == workers,
            text: "every key of this process is wiped; no user frame passes until it is restarted"
                .to_owned(),
            workers: confirmed,
            took_ms,
        });
        drop(ledger);
        zeroised(&mut report);
        loop {
            tokio::select! {
                () = &mut stop => break,
                asker = socket.asked() => match asker.request {
                    Request::Status => {
                        report.workers = fleet.reports();
                        asker.answer(&report);
                    }
                    Request::Fault(_) | Request::Cut(_) => asker.answer(&no_kme()),
                    Request::Rekey | Request::Zeroise | Request::Reload => asker.answer(&Done {
                        text: "already zeroised; fix: restart the daemon".to_owned(),
                        ..Done::default()
                    }),
                },
            }
        }
        fleet.stop();
    }
}

fn zeroised(report: &mut Report) {
    report.state = State::Zeroised;
    report.reason = Some("the operator has wiped every key; fix: restart the daemon".to_owned());
    report.stops_in_ms = None;
    report.encrypting = false;
    let zeroised = State::Zeroised.name();
    report.peer.session = zeroised.to_owned();
    for direction in [&mut report.tx, &mut report.rx] {
        *direction = DirectionReport {
            state: zeroised.to_owned(),
            switches: direction.switches,
            ..DirectionReport::default()
        };
    }
}
