//! `keyclient` against our KMEs, the pair that the lab uses, faults included.

use std::time::Duration;

use keyclient::{Client, ClientConfig, Error, Form, KmeFault, NetworkFault, Retry};

use super::world::{World, supply};
use crate::faults::{Calls, Fault, Times, Wrong};

fn client(world: &World, kme: usize, form: Form) -> Client {
    let (own, peer, kme_id) = if kme == 0 {
        ("sae-a", "sae-b", "kme-a")
    } else {
        ("sae-b", "sae-a", "kme-b")
    };
    Client::new(ClientConfig {
        base_url: format!("https://localhost:{}", world.kmes.addresses()[kme].port()),
        kme_id: Some(kme_id.into()),
        peer_sae_id: peer.into(),
        ca: world.file("ca.pem"),
        cert: world.file(&format!("{own}.pem")),
        key: world.file(&format!("{own}.key")),
        timeout: Duration::from_secs(2),
        form,
    })
    .unwrap()
}

#[tokio::test]
async fn keys_and_labels_arrive_at_both_ends_in_every_form() {
    let world = World::two(supply(100)).await;
    for form in [Form::Post, Form::Get] {
        let a = client(&world, 0, form);
        let b = client(&world, 1, form);
        assert_eq!(a.status().await.unwrap().key_size, 256);
        for (master, slave, number, bits) in [(&a, &b, 1, 256), (&b, &a, 3, 512)] {
            let given = master.enc_keys(number, bits).await.unwrap();
            assert_eq!(given.len(), number as usize);
            let ids: Vec<_> = given.iter().map(|key| key.id).collect();
            let taken = slave.dec_keys(&ids).await.unwrap();
            for (given, taken) in given.iter().zip(&taken) {
                assert_eq!(given.id, taken.id);
                assert!(given.bytes.same_as(&taken.bytes));
                assert_eq!(given.bytes.bits(), bits as usize);
                for key in [given, taken] {
                    assert_eq!(key.origin.as_deref(), Some("modelled"));
                }
            }
            let gone = slave.dec_keys(&ids[..1]).await.err().unwrap();
            assert!(
                matches!(
                    gone,
                    Error::Kme {
                        fault: KmeFault::KeyNotFound { .. },
                        ..
                    }
                ),
                "{gone}"
            );
            assert_eq!(gone.retry(), Retry::NextKey);
        }
    }
}

#[tokio::test]
async fn each_fault_is_recognised() {
    let world = World::two(supply(1000)).await;
    let (a, b) = (client(&world, 0, Form::Post), client(&world, 1, Form::Post));
    let at_a = world.kmes.faults("kme-a").unwrap();
    let at_b = world.kmes.faults("kme-b").unwrap();

    type Expected = fn(&Error) -> bool;
    fn is(error: &Error, fault: fn(&KmeFault) -> bool) -> bool {
        matches!(error, Error::Kme { fault: found, .. } if fault(found))
    }
    let enc: [(Fault, Expected); 10] = [
        (Fault::Answer(Wrong::BadRequest), |e| {
            is(e, |f| matches!(f, KmeFault::Refused { .. }))
        }),
        (Fault::Answer(Wrong::Unauthorized), |e| {
            is(e, |f| matches!(f, KmeFault::Unauthorized(_)))
        }),
        (Fault::Answer(Wrong::NotFound), |e| {
            is(e, |f| matches!(f, KmeFault::NoSuchPath(_)))
        }),
        (Fault::Answer(Wrong::Unavailable), |e| {
            is(e, |f| {
                matches!(f, KmeFault::Unavailable { status: 503, .. })
            })
        }),
        (Fault::Answer(Wrong::GatewayTimeout), |e| {
            is(e, |f| {
                matches!(f, KmeFault::Unavailable { status: 504, .. })
            })
        }),
        (Fault::Answer(Wrong::Html), |e| {
            is(e, |f| matches!(f, KmeFault::Html))
        }),
        (Fault::Exhausted, |e| {
            is(e, |f| matches!(f, KmeFault::Exhausted { status: 503, .. }))
        }),
        (Fault::WrongSize, |e| {
            is(e, |f| matches!(f, KmeFault::WrongSize { bits: 248, .. }))
        }),
        (Fault::DuplicateKeys, |e| {
            is(e, |f| matches!(f, KmeFault::DuplicateKeyId(_)))
        }),
        (Fault::Wedge, |e| {
            matches!(
                e,
                Error::Network {
                    fault: NetworkFault::Timeout(_),
                    ..
                }
            )
        }),
    ];
    for (fault, expected) in enc {
        at_a.order(fault, Calls::EncKeys, Times::Next(1));
        let error = a.enc_keys(2, 256).await.err().unwrap();
        assert!(expected(&error), "{fault:?}: {error}");
        assert_eq!(
            a.enc_keys(1, 256).await.unwrap().len(),
            1,
            "after {fault:?}"
        );
    }

    let key = a.enc_keys(1, 256).await.unwrap().remove(0);
    at_b.order(Fault::WrongKeyId, Calls::DecKeys, Times::Next(1));
    let error = b.dec_keys(&[key.id]).await.err().unwrap();
    assert!(
        is(&error, |f| matches!(f, KmeFault::UnaskedKey(_))),
        "{error}"
    );

    let key = a.enc_keys(1, 256).await.unwrap().remove(0);
    at_b.order(Fault::LoseReply, Calls::DecKeys, Times::Next(1));
    let error = b.dec_keys(&[key.id]).await.err().unwrap();
    assert!(matches!(error, Error::Network { .. }), "{error}");
    assert_eq!(error.retry(), Retry::NextKey);

    for harmless in [
        Fault::ReversedOrder,
        Fault::ExtraFields,
        Fault::Latency(Duration::from_millis(50)),
    ] {
        let given = a.enc_keys(3, 256).await.unwrap();
        let ids: Vec<_> = given.iter().map(|key| key.id).collect();
        at_b.order(harmless, Calls::DecKeys, Times::Next(1));
        let taken = b.dec_keys(&ids).await.unwrap();
        assert!(
            given
                .iter()
                .zip(&taken)
                .all(|(x, y)| x.bytes.same_as(&y.bytes)),
            "{harmless:?}"
        );
    }
}
