use network::Accounts;
use network::topology::Topology;
use node::{AccountReport, InterworkingReport, LinkReport, NodeReport};

use super::{Layout, borders, judge};

fn end(relayed: u64, left: u64) -> LinkReport {
    LinkReport {
        accounts: Accounts {
            bits_in: 1000,
            relayed,
            authentication: 100,
            left,
            ..Accounts::default()
        },
        ..LinkReport::default()
    }
}

#[test]
fn two_ends_must_agree_to_the_bit_and_each_must_close() {
    let (right, behind, wrong) = (end(600, 300), end(599, 301), end(600, 299));
    assert_eq!(judge([Some(&right), Some(&right)], false).problem, None);
    let differ = judge([Some(&right), Some(&behind)], false).problem;
    assert!(differ.is_some_and(|text| text.starts_with("the ends differ")));
    assert_eq!(
        judge([Some(&right), Some(&behind)], true).problem,
        None,
        "cut"
    );
    let open = judge([Some(&wrong), Some(&wrong)], true).problem;
    assert!(open.is_some_and(|text| text.contains("do not close")));
}

#[test]
fn what_is_left_at_one_end_is_lost_with_the_other() {
    let books = judge([None, Some(&end(600, 300))], false);
    assert_eq!(books.problem, None);
    assert_eq!(
        (books.accounts.left, books.accounts.lost_in_crash),
        (0, 300)
    );
}

#[test]
fn bits_of_a_lost_message_are_voided_where_it_did_not_arrive() {
    let lossy = |relayed, voided, left| {
        let mut end = end(relayed, left);
        end.accounts.voided = voided;
        end
    };
    let (sent, lost) = (lossy(600, 0, 300), lossy(590, 10, 300));
    assert_eq!(judge([Some(&sent), Some(&lost)], false).problem, None);
    let mut other = lossy(500, 1, 299);
    other.accounts.authentication = 200;
    let swapped = judge([Some(&lossy(600, 1, 299)), Some(&other)], false).problem;
    assert!(swapped.is_some(), "other headings for the same bits");
}

#[test]
fn keys_between_domains_have_one_place_and_end_alike() {
    let topology = Topology::built_in("two-domains").unwrap();
    let layout = Layout::of(&topology);
    let account = |released, voided| AccountReport {
        taken: 10,
        released,
        voided,
        ..AccountReport::default()
    };
    let found = |east: AccountReport, west: AccountReport| {
        let mut reports: Vec<_> = layout.kmes().iter().map(|_| None).collect();
        let report = |sent, received| NodeReport {
            interworking: Some(InterworkingReport { sent, received }),
            ..NodeReport::default()
        };
        let none = AccountReport::default();
        for (name, report) in [
            ("gate.east", report(east, none)),
            ("gate.west", report(none, west)),
        ] {
            reports[layout.by_name(name).unwrap().0] = Some(report);
        }
        borders(&layout, &reports)
    };
    assert_eq!(found(account(8, 2), account(8, 2)), [""; 0]);
    let open = found(account(8, 1), account(8, 2));
    assert!(open.len() == 1 && open[0].starts_with("the keys sent by gate.east do not close"));
    assert_eq!(
        found(account(8, 2), account(7, 3)),
        ["gate.east has released 8 of its keys, its neighbour 7"]
    );
}
