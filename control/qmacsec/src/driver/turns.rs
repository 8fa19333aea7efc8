//! Takes from several queues in turn, up to a limit.

/// Takes at most `limit` items from these queues, one from each in turn. `first` keeps the turn
/// between calls. Returns true if there may be more.
pub(super) fn take_turns<Q, T>(
    queues: &mut [Q],
    first: &mut usize,
    limit: usize,
    mut pop: impl FnMut(&mut Q) -> Option<T>,
    mut take: impl FnMut(T),
) -> bool {
    let (mut taken, mut empty) = (0, 0);
    while empty < queues.len() {
        if taken == limit {
            return true;
        }
        *first = (*first + 1) % queues.len();
        match queues.get_mut(*first).and_then(&mut pop) {
            Some(item) => {
                take(item);
                taken += 1;
                empty = 0;
            }
            None => empty += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::iter::repeat;

    use super::take_turns;

    #[test]
    fn all_items_are_taken_below_the_limit() {
        let mut queues = [VecDeque::from([1, 2, 3]), VecDeque::new(), [4].into()];
        let mut taken = Vec::new();
        let more = take_turns(&mut queues, &mut 0, 10, VecDeque::pop_front, |item| {
            taken.push(item);
        });
        assert!(!more);
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3, 4]);
        assert!(!take_turns(&mut [(); 0], &mut 0, 1, |()| Some(()), drop));
    }

    #[test]
    fn an_endless_queue_neither_blocks_nor_starves_the_others() {
        let mut queues = [Box::new(repeat('x')) as Box<dyn Iterator<Item = char>>, {
            Box::new("abc".chars())
        }];
        let (mut first, mut taken) = (0, String::new());
        for _ in 0..3 {
            let more = take_turns(&mut queues, &mut first, 4, Iterator::next, |item| {
                taken.push(item);
            });
            assert!(more, "there is always more");
        }
        assert_eq!(taken.len(), 12);
        for letter in "abc".chars() {
            assert!(taken[..7].contains(letter), "{taken}");
        }
    }
}
