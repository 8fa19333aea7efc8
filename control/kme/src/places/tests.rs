use super::{Go, Place, Places, Standing};
use Standing::{Owing, Served, Waiting};

fn gone(go: &mut Go) -> bool {
    go.try_recv().is_ok()
}

type Held = (Place<char>, Go);

fn take(places: &Places<char>, peer: char, standing: Standing) -> Held {
    places.take(&peer, standing).expect("a place")
}

#[test]
fn a_peer_at_its_limit_loses_its_own_oldest_place() {
    let places = Places::new(10, 3);
    let mut first = take(&places, 'a', Owing);
    let mut second = take(&places, 'a', Owing);
    let mut third = take(&places, 'a', Owing);
    let mut other = take(&places, 'b', Owing);
    let _fourth = take(&places, 'a', Owing);
    assert!(gone(&mut first.1));
    assert!(!gone(&mut second.1) && !gone(&mut third.1) && !gone(&mut other.1));
    assert_eq!(places.taken(), 4);
}

#[test]
fn the_least_active_place_is_evicted_first_and_a_served_one_stays() {
    let places = Places::new(10, 3);
    let mut served = take(&places, 'a', Served);
    let mut waiting = take(&places, 'a', Waiting);
    let mut owing = take(&places, 'a', Owing);
    let next = take(&places, 'a', Served);
    assert!(gone(&mut owing.1) && !gone(&mut waiting.1));
    let last = take(&places, 'a', Served);
    assert!(gone(&mut waiting.1) && !gone(&mut served.1));
    // All three are in service, so none can be evicted.
    assert!(places.take(&'a', Owing).is_none());
    next.0.set(Waiting);
    assert!(places.take(&'a', Owing).is_some());
    drop(last);
}

#[test]
fn a_new_standing_counts_from_now() {
    let places = Places::new(10, 2);
    let mut first = take(&places, 'a', Waiting);
    let mut second = take(&places, 'a', Waiting);
    first.0.set(Served);
    first.0.set(Waiting);
    let _third = take(&places, 'a', Waiting);
    assert!(gone(&mut second.1) && !gone(&mut first.1));
}

#[test]
fn without_free_places_the_peer_with_the_most_loses_one() {
    let places = Places::new(6, 4);
    let mut greedy: Vec<_> = (0..4).map(|_| take(&places, 'a', Waiting)).collect();
    let mut modest = [take(&places, 'b', Owing), take(&places, 'c', Owing)];
    let _newcomer = take(&places, 'd', Owing);
    assert!(gone(&mut greedy[0].1));
    assert!(modest.iter_mut().all(|held| !gone(&mut held.1)));
    // The greedy peer connects again and loses one of its own places.
    let _again = take(&places, 'a', Owing);
    assert!(gone(&mut greedy[1].1));
    assert!(modest.iter_mut().all(|held| !gone(&mut held.1)));
    assert_eq!(places.taken(), 6);
}

#[test]
fn a_place_is_free_when_it_is_dropped_and_an_evicted_one_frees_nothing_twice() {
    let places = Places::new(2, 2);
    let first = take(&places, 'a', Owing);
    let second = take(&places, 'a', Owing);
    let third = take(&places, 'a', Owing);
    drop(first);
    assert_eq!(places.taken(), 2);
    drop((second, third));
    assert_eq!(places.taken(), 0);
}
