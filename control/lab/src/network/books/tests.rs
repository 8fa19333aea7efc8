use network::Accounts;
use node::LinkReport;

use super::judge;

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
