use core::convert::Infallible;

use super::*;

/// Nothing missing, but what is named; of the first direction.
fn balances(of: &[(&'static str, i64)]) -> Balances {
    of.iter()
        .map(|&(segment, frames)| ((0, segment), frames))
        .collect()
}

fn missing(of: &[(&'static str, i64)]) -> Drops {
    unexplained(&balances(&[]), &balances(of))
}

#[test]
fn what_the_line_dropped_of_either_kind_is_explained() {
    let of = |user, control, dropped| {
        missing(&[
            (LINE_USER, user),
            (LINE_CONTROL, control),
            (LINE_DROPPED, dropped),
        ])
    };
    assert!(of(0, 0, 0).is_empty());
    assert!(of(3, 2, 5).is_empty());
    assert_eq!(of(3, 2, 4)["line"], 1, "one vanished");
    assert_eq!(of(3, 2, 6)["line"], 1, "one was counted twice");
    // A user frame too many does not stand for a rekey frame too few.
    let doubled = of(-1, 1, 0);
    assert_eq!((doubled[LINE_USER], doubled["line"]), (1, 1));
}

#[test]
fn segments_do_not_make_up_for_each_other() {
    let both = missing(&[("red to black", 2), ("black to red", -2)]);
    assert_eq!((both["red to black"], both["black to red"]), (2, 2));
    let before = balances(&[("red to black", 2)]);
    assert!(unexplained(&before, &before).is_empty(), "from before");
}

#[test]
fn what_is_under_way_is_waited_for_and_what_is_gone_is_not_found() {
    let before = balances(&[]);
    let mut under_way = 3;
    let after = settled(&before, || {
        under_way -= 1;
        Ok::<_, Infallible>(balances(&[(LINE_CONTROL, under_way)]))
    });
    let after = after.unwrap_or_else(|never| match never {});
    assert!(unexplained(&before, &after).is_empty());

    let mut readings = 0;
    let after = settled(&before, || {
        readings += 1;
        let under_way = readings % 2;
        Ok::<_, Infallible>(balances(&[("red rx", 1), (LINE_CONTROL, under_way)]))
    });
    let after = after.unwrap_or_else(|never| match never {});
    assert_eq!(
        unexplained(&before, &after),
        [("red rx".to_owned(), 1)].into()
    );
}

#[test]
fn rest_is_the_same_a_few_times_in_a_row() {
    let mut reading = 0;
    let rest = at_rest(|| {
        reading += 1;
        Ok::<_, Infallible>(balances(&[(
            LINE_CONTROL,
            [0, 0, 1, 0, 0, 1][reading.min(5)],
        )]))
    });
    let rest = rest.unwrap_or_else(|never| match never {});
    assert_eq!(rest, balances(&[(LINE_CONTROL, 1)]));
}
