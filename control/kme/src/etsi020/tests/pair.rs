//! Two domains joined by 020 over real TLS, while one KME after the other is killed.

use std::sync::Arc;
use std::time::Duration;

use network::interworking::{NotTaken, Offer};

use super::super::InterworkingKme;
use super::world::{Net, Place, config, key_id, lock, parties, pki, port, value};

/// Hands over keys until one is taken: a KME that is down takes none.
async fn offer(net: &Net, (initiator, target): (&str, &str), number: u64) -> bool {
    if lock(&net.kme).upgrade().is_none() {
        return false;
    }
    lock(&net.own).insert(key_id(number), Place::Kept);
    let offer = Offer {
        key_id: key_id(number),
        value: value(number),
        parties: parties(initiator, target),
        extension: None,
        mandatory: None,
        optional: None,
    };
    match net.reports().offer(offer).await {
        Ok(()) => true,
        Err(NotTaken::Known | NotTaken::Full) => {
            // A kill in between: the key may have been taken. It is not offered again.
            false
        }
    }
}

async fn wait_for_rest(kmes: [&InterworkingKme; 2]) {
    for _ in 0..600 {
        let mut held = 0;
        for kme in kmes {
            let books = kme.books().unwrap();
            assert!(
                books.sent.is_closed() && books.received.is_closed(),
                "{books:?}"
            );
            held += books.sent.held + books.received.held;
        }
        if held == 0 {
            // The SAEs fetch what was released last.
            tokio::time::sleep(Duration::from_millis(300)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for kme in kmes {
        println!("{:?}", kme.books());
    }
    panic!("keys are held for ever");
}

/// Counts the keys that started in `from`: (delivered at both ends, at none).
fn check(from: &Net, to: &Net) -> (usize, usize) {
    let (own, foreign) = (lock(&from.own), lock(&to.foreign));
    let (mut delivered, mut none) = (0, 0);
    for (key_id, place) in own.iter() {
        let far = foreign.get(key_id).map(|(place, _)| *place);
        let both = (*place == Place::Taken, far == Some(Place::Taken));
        assert_eq!(both.0, both.1, "{key_id}: {place:?} here, {far:?} there");
        if both.0 {
            delivered += 1;
        } else {
            none += 1;
        }
    }
    for (key_id, (_, relay)) in foreign.iter() {
        assert!(own.contains_key(key_id), "{key_id} comes from nowhere");
        let number = u64::from_be_bytes(relay.value.expose()[..8].try_into().unwrap());
        assert!(relay.value.same_as(&value(number)));
        assert_eq!(super::world::key_id(number), *key_id, "other bits");
    }
    (delivered, none)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_get_through_in_both_modes_and_directions() {
    for synchronous in [false, true] {
        let dir = pki();
        let (x, y) = (Net::new(&["sae-a"]), Net::new(&["sae-c"]));
        (*lock(&x.other), *lock(&y.other)) = (Arc::downgrade(&y), Arc::downgrade(&x));
        // Only a bound address is known, so one side starts twice.
        let first = y.start(&config(dir.path(), "kme-y", "kme-x", 1)).await;
        let mut config_x = config(dir.path(), "kme-x", "kme-y", port(first.address()));
        config_x.synchronous = synchronous;
        let kme_x = x.start(&config_x).await;
        let mut config_y = config(dir.path(), "kme-y", "kme-x", port(kme_x.address()));
        config_y.listen = first.address();
        drop(first);
        let kme_y = start_again(&y, &config_y).await;
        for number in 0..100 {
            assert!(offer(&x, ("sae-a", "sae-c"), number).await);
            assert!(offer(&y, ("sae-c", "sae-a"), 1000 + number).await);
        }
        wait_for_rest([&kme_x, &kme_y]).await;
        assert_eq!((check(&x, &y), check(&y, &x)), ((100, 0), (100, 0)));
        let books = kme_x.books().unwrap();
        assert_eq!((books.sent.released, books.received.released), (100, 100));
    }
}

/// Starts a KME at an address that a killed one may still hold for a moment.
async fn start_again(
    net: &Arc<Net>,
    config: &super::super::InterworkingConfig,
) -> Arc<InterworkingKme> {
    for _ in 0..200 {
        if tokio::net::TcpListener::bind(config.listen).await.is_ok() {
            return net.start(config).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} stays in use", config.listen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_side_after_the_other_is_killed_and_no_key_is_lost_or_delivered_twice() {
    let dir = pki();
    let (x, y) = (Net::new(&["sae-a"]), Net::new(&["sae-c"]));
    (*lock(&x.other), *lock(&y.other)) = (Arc::downgrade(&y), Arc::downgrade(&x));
    let first = y.start(&config(dir.path(), "kme-y", "kme-x", 1)).await;
    let mut config_x = config(dir.path(), "kme-x", "kme-y", port(first.address()));
    let mut kme_x = x.start(&config_x).await;
    config_x.listen = kme_x.address();
    let mut config_y = config(dir.path(), "kme-y", "kme-x", port(kme_x.address()));
    config_y.listen = first.address();
    drop(first);
    let mut kme_y = start_again(&y, &config_y).await;

    let mut number = 0;
    for round in 0..8 {
        for _ in 0..40 {
            number += 1;
            offer(&x, ("sae-a", "sae-c"), number).await;
            offer(&y, ("sae-c", "sae-a"), 100_000 + number).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // Keys are in every state now.
        if round % 2 == 0 {
            drop(kme_x);
            tokio::time::sleep(Duration::from_millis(100 * round)).await;
            kme_x = start_again(&x, &config_x).await;
        } else {
            drop(kme_y);
            tokio::time::sleep(Duration::from_millis(100 * round)).await;
            kme_y = start_again(&y, &config_y).await;
        }
    }
    wait_for_rest([&kme_x, &kme_y]).await;
    let (from_x, from_y) = (check(&x, &y), check(&y, &x));
    println!("delivered and not: {from_x:?} {from_y:?}");
    assert_eq!(from_x.0 + from_x.1, 320);
    // Over all restarts the books of both domains agree with what the SAEs have.
    let books = [kme_x.books().unwrap(), kme_y.books().unwrap()];
    for (from, sent, received) in [
        (from_x, books[0].sent, books[1].received),
        (from_y, books[1].sent, books[0].received),
    ] {
        let delivered = u64::try_from(from.0).unwrap();
        assert_eq!((sent.released, received.released), (delivered, delivered));
        assert!(
            sent.taken <= 320 && received.taken <= sent.taken,
            "{sent:?} {received:?}"
        );
    }
    assert!(from_x.0 > 100 && from_y.0 > 100, "{from_x:?} {from_y:?}");
}
