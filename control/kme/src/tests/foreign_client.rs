//! The crate `etsi014`, an independent client, against our KMEs.

use std::collections::HashSet;

use etsi014::{ApiErrorKind, Endpoint, KeyId, KeyIdRequest, KeyRequest, StatusResponse};

use super::world::{World, supply};

fn endpoint(world: &World, kme: usize, sae: &str) -> Endpoint {
    let port = world.kmes.addresses()[kme].port();
    Endpoint::builder(format!("https://localhost:{port}"))
        .root_ca_file(world.file("ca.pem"))
        .identity_files(
            world.file(&format!("{sae}.pem")),
            world.file(&format!("{sae}.key")),
        )
        .build()
        .unwrap()
}

fn by_id(ids: &[&str]) -> KeyIdRequest {
    KeyIdRequest::new(
        ids.iter()
            .map(|id| KeyId {
                key_ID: (*id).to_owned(),
            })
            .collect(),
    )
}

#[tokio::test]
async fn enc_and_dec_between_two_kmes_in_both_directions() {
    let world = World::two(supply(10)).await;
    let (a, b) = (endpoint(&world, 0, "sae-a"), endpoint(&world, 1, "sae-b"));
    for (master, slave, master_id, slave_id) in
        [(&a, &b, "sae-a", "sae-b"), (&b, &a, "sae-b", "sae-a")]
    {
        let given = master
            .get_key(slave_id, &KeyRequest::new(Some(3), Some(256)))
            .await
            .unwrap();
        let ids: Vec<_> = given.keys.iter().map(|key| key.key_ID.as_str()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
        let taken = slave
            .get_key_with_id(master_id, &by_id(&ids))
            .await
            .unwrap();
        for (given, taken) in given.keys.iter().zip(&taken.keys) {
            assert_eq!((&given.key_ID, &given.key), (&taken.key_ID, &taken.key));
            assert_eq!(given.key.len(), 44, "256 bits in base64");
        }
        let again = slave
            .get_key_with_id(master_id, &by_id(&ids[..1]))
            .await
            .unwrap_err();
        assert_eq!(again.kind(), Some(ApiErrorKind::KeysNotFound));
    }
    assert_eq!(world.kmes.snapshot().pool_keys, 4);
}

#[tokio::test]
async fn enc_and_dec_at_one_kme_with_both_saes() {
    let world = World::one(supply(2)).await;
    let (a, b) = (endpoint(&world, 0, "sae-a"), endpoint(&world, 0, "sae-b"));
    let given = a.get_key("sae-b", &KeyRequest::default()).await.unwrap();
    let taken = b
        .get_key_with_id("sae-a", &by_id(&[&given.keys[0].key_ID]))
        .await
        .unwrap();
    assert_eq!(given.keys[0].key, taken.keys[0].key);
}

#[tokio::test]
async fn status_reports_ids_limits_and_stored_keys() {
    let world = World::two(supply(7)).await;
    let status = endpoint(&world, 0, "sae-a").status("sae-b").await.unwrap();
    let expected = StatusResponse {
        source_KME_ID: "kme-a".into(),
        target_KME_ID: "kme-b".into(),
        master_SAE_ID: "sae-a".into(),
        slave_SAE_ID: "sae-b".into(),
        key_size: 256,
        stored_key_count: 7,
        max_key_count: 262_144,
        max_key_per_request: 128,
        max_key_size: 4096,
        min_key_size: 64,
        max_SAE_ID_count: 0,
    };
    assert_eq!(status, expected);
}

#[tokio::test]
async fn refusals_are_classified_by_a_client_that_knows_the_standard() {
    let world = World::two(supply(2)).await;
    let a = endpoint(&world, 0, "sae-a");
    let kind = |number, size| {
        let a = a.clone();
        async move {
            let request = KeyRequest::new(Some(number), Some(size));
            a.get_key("sae-b", &request).await.unwrap_err().kind()
        }
    };
    assert_eq!(kind(1, 257).await, Some(ApiErrorKind::SizeNotMultipleOf8));
    assert_eq!(kind(1, 8).await, Some(ApiErrorKind::BadRequest));
    assert_eq!(kind(3, 256).await, Some(ApiErrorKind::ServiceUnavailable));

    let given = a.get_key("sae-b", &KeyRequest::default()).await.unwrap();
    let request = by_id(&[&given.keys[0].key_ID]);
    let wrong = a.get_key_with_id("sae-b", &request).await.unwrap_err();
    assert_eq!(
        wrong.kind(),
        Some(ApiErrorKind::Unauthorized),
        "the master is not the slave"
    );
    let stranger = endpoint(&world, 0, "sae-c")
        .status("sae-b")
        .await
        .unwrap_err();
    assert_eq!(stranger.kind(), Some(ApiErrorKind::Unauthorized));
    let elsewhere = endpoint(&world, 1, "sae-a")
        .status("sae-b")
        .await
        .unwrap_err();
    assert_eq!(
        elsewhere.kind(),
        Some(ApiErrorKind::Unauthorized),
        "served by the other KME"
    );
}
