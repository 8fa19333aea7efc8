//! SKIP: the requests of the client and its handling of the answers.

use keyclient::{
    Blame, ClientConfig, Error, KeySource, KmeFault, NetworkFault, Protocol, Retry, SkipClient,
};
use wire::KeyId;

use crate::lab::{Answer, Kme};
use crate::pki::Pki;

const ID: &str = "1726e9ae76234fb1dd1283d4dca1911e";

type Told = fn(&KmeFault) -> bool;

fn key(id: &str, octets: usize) -> Answer {
    Answer::ok(&format!(
        r#"{{"keyId":"{id}","key":"{}"}}"#,
        "a7".repeat(octets)
    ))
}

fn client(config: ClientConfig) -> SkipClient {
    match SkipClient::new(config) {
        Ok(client) => client,
        Err(error) => panic!("{error}"),
    }
}

fn fault(error: Option<Error>) -> (KmeFault, Blame, Retry) {
    let error = error.expect("a fault");
    let (blame, retry) = (error.blame(), error.retry());
    match error {
        Error::Kme { fault, .. } => (fault, blame, retry),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_requests_are_those_of_the_draft() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, seen| {
        if seen.line.ends_with("/capabilities") {
            return Answer::ok(r#"{"key":true,"localSystemID":"a","remoteSystemID":["b*"]}"#);
        }
        key(ID, 32)
    })
    .await;
    for (path, id, asked) in [
        ("", "sae-b", "sae-b"),
        ("/", "Bob & Co/7", "Bob+%26+Co%2F7"),
        ("/kp", "b", "b"),
    ] {
        let config = ClientConfig {
            base_url: format!("https://{}{path}", kme.address),
            peer_sae_id: id.into(),
            ..pki.config(&kme)
        };
        let before = kme.seen().len();
        let client = client(config);
        assert!(client.capabilities().await.unwrap().key);
        assert_eq!(client.key(256).await.ok().unwrap().id.as_str(), ID);
        let named = KeyId::new(&ID.to_ascii_uppercase()).unwrap();
        let got = client.key_by_id(&named, 256).await.ok().unwrap();
        assert_eq!(got.id, named, "in the spelling asked for");
        assert_eq!(got.bytes.expose(), [0xa7; 32]);
        let path = path.trim_end_matches('/');
        let lines: Vec<_> = kme.seen()[before..]
            .iter()
            .map(|s| s.line.clone())
            .collect();
        assert_eq!(
            lines,
            [
                format!("GET {path}/capabilities"),
                format!("GET {path}/key?remoteSystemID={asked}&size=256"),
                format!("GET {path}/key/{named}?remoteSystemID={asked}"),
            ]
        );
    }
}

#[tokio::test]
async fn answers_other_than_the_key_are_told_apart() {
    let pki = Pki::new();
    let cases: [(Answer, Told, Blame, Retry); 5] = [
        (
            Answer::empty(400),
            |f| matches!(f, KmeFault::Refused { .. }),
            Blame::Kme,
            Retry::Later,
        ),
        (
            Answer::empty(401),
            |f| matches!(f, KmeFault::Unauthorized(_)),
            Blame::Config,
            Retry::Later,
        ),
        (
            Answer::empty(404),
            |f| matches!(f, KmeFault::NoSuchPath(_)),
            Blame::Config,
            Retry::Later,
        ),
        (
            Answer::empty(500),
            |f| matches!(f, KmeFault::Unavailable { status: 500, .. }),
            Blame::Kme,
            Retry::Later,
        ),
        (
            key(ID, 16),
            |f| matches!(f, KmeFault::WrongSize { bits: 128, .. }),
            Blame::Kme,
            Retry::Later,
        ),
    ];
    for (answer, expected, blame, retry) in cases {
        let kme = Kme::start(&pki, move |_, _| answer.clone()).await;
        let told = fault(client(pki.config(&kme)).key(256).await.err());
        assert!(expected(&told.0), "{}", told.0);
        assert_eq!((told.1, told.2), (blame, retry));
    }
    let named = KeyId::new(ID).unwrap();
    for status in [400, 404] {
        let kme = Kme::start(&pki, move |_, _| Answer::empty(status)).await;
        let told = fault(client(pki.config(&kme)).key_by_id(&named, 256).await.err());
        assert!(matches!(told.0, KmeFault::KeyNotFound { .. }), "{}", told.0);
        assert_eq!(told.2, Retry::NextKey);
    }
    let kme = Kme::start(&pki, |_, _| key("00", 32)).await;
    let told = fault(client(pki.config(&kme)).key_by_id(&named, 256).await.err());
    assert_eq!(told.0, KmeFault::UnaskedKey(KeyId::new("00").unwrap()));

    let kme = Kme::start(&pki, |_, _| Answer::Cut).await;
    let error = client(pki.config(&kme))
        .key_by_id(&named, 256)
        .await
        .err()
        .unwrap();
    assert!(
        matches!(
            error,
            Error::Network {
                fault: NetworkFault::Broken(_),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.retry(), Retry::NextKey, "that key is lost");
    assert!(
        error.to_string().starts_with("SKIP key by ID at "),
        "{error}"
    );
}

#[tokio::test]
async fn a_key_provider_without_keys_is_not_well() {
    let pki = Pki::new();
    for (key, well) in [(true, true), (false, false)] {
        let kme = Kme::start(&pki, move |_, _| {
            Answer::ok(&format!(r#"{{"entropy":true,"key":{key}}}"#))
        })
        .await;
        let source = KeySource::new(Protocol::Skip, pki.config(&kme))
            .ok()
            .unwrap();
        assert_eq!(source.probe().await.is_ok(), well);
    }
}
