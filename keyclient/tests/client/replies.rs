//! Answers of KMEs: by the standard, as found in the field, and wrong.

use keyclient::{Blame, ClientConfig, Error, Form, Key, KmeFault, Message, Retry};
use wire::KeyId;

use crate::lab::{Answer, Kme, client, container, key32};
use crate::pki::Pki;

const UUID_1: &str = "bc490419-7d60-487f-adc1-4ddcc177c139";
const UUID_2: &str = "0a782fb5-3434-48fe-aa4d-14f41d46cf92";

pub(crate) fn id(text: &str) -> KeyId {
    KeyId::new(text).unwrap()
}

pub(crate) async fn kme_answering(answer: Answer) -> (Pki, Kme, ClientConfig) {
    let pki = Pki::new();
    let kme = Kme::start(&pki, move |_, _| answer.clone()).await;
    let config = pki.config(&kme);
    (pki, kme, config)
}

pub(crate) async fn enc(answer: Answer, number: u32) -> Result<Vec<Key>, Error> {
    let (_pki, _kme, config) = kme_answering(answer).await;
    client(config).enc_keys(number, 256).await
}

pub(crate) async fn dec(answer: Answer, ids: &[KeyId]) -> Result<Vec<Key>, Error> {
    let (_pki, _kme, config) = kme_answering(answer).await;
    client(config).dec_keys(ids).await
}

pub(crate) fn fault<T>(result: Result<T, Error>) -> (KmeFault, Blame, Retry) {
    let error = result.err().expect("a fault");
    let text = error.to_string();
    assert!(!text.contains("SECRET-PAGE"), "quotes the reply: {text}");
    for octet in 0..=9 {
        assert!(!text.contains(&key32(octet)), "quotes a key: {text}");
    }
    let (blame, retry) = (error.blame(), error.retry());
    match error {
        Error::Kme { fault, .. } => (fault, blame, retry),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn requests_are_written_as_the_standard_says() {
    let pki = Pki::new();
    let kme = Kme::start(&pki, |_, seen| match seen.line.as_str() {
        line if line.contains("status") => Answer::ok(r#"{"key_size":256}"#),
        line if line.contains("dec_keys") && seen.body.contains(UUID_2) => {
            Answer::ok(&container(&[(UUID_1, &key32(1)), (UUID_2, &key32(2))]))
        }
        _ => Answer::ok(&container(&[(UUID_1, &key32(1))])),
    })
    .await;
    for form in [Form::Post, Form::Get] {
        let client = client(ClientConfig {
            peer_sae_id: "sae b/ü".to_owned(),
            form,
            ..pki.config(&kme)
        });
        assert_eq!(client.status().await.unwrap().key_size, 256);
        assert_eq!(client.enc_keys(3, 256).await.ok().unwrap().len(), 1);
        assert_eq!(client.dec_keys(&[id(UUID_1)]).await.ok().unwrap().len(), 1);
        assert_eq!(
            client
                .dec_keys(&[id(UUID_1), id(UUID_2)])
                .await
                .ok()
                .unwrap()
                .len(),
            2
        );
    }
    let seen: Vec<_> = kme
        .seen()
        .into_iter()
        .map(|seen| (seen.line, seen.body))
        .collect();
    let base = "/api/v1/keys/sae%20b%2F%C3%BC";
    let one = format!(r#"{{"key_IDs":[{{"key_ID":"{UUID_1}"}}]}}"#);
    let two = format!(r#"{{"key_IDs":[{{"key_ID":"{UUID_1}"}},{{"key_ID":"{UUID_2}"}}]}}"#);
    let line = |method: &str, rest: &str| format!("{method} {base}/{rest}");
    assert_eq!(
        seen,
        [
            (line("GET", "status"), String::new()),
            (
                line("POST", "enc_keys"),
                r#"{"number":3,"size":256}"#.to_owned()
            ),
            (line("POST", "dec_keys"), one),
            (line("POST", "dec_keys"), two.clone()),
            (line("GET", "status"), String::new()),
            (line("GET", "enc_keys?number=3&size=256"), String::new()),
            (
                line("GET", &format!("dec_keys?key_ID={UUID_1}")),
                String::new()
            ),
            (line("POST", "dec_keys"), two),
        ]
    );
}

#[tokio::test]
async fn odd_key_ids_survive_a_url() {
    let odd = "a&key_ID=b+c%2F#?=";
    let (_pki, kme, config) = kme_answering(Answer::ok(&container(&[(odd, &key32(1))]))).await;
    let client = client(ClientConfig {
        form: Form::Get,
        ..config
    });
    assert_eq!(
        client.dec_keys(&[id(odd)]).await.ok().unwrap()[0].id,
        id(odd)
    );
    let line = &kme.seen()[0].line;
    assert!(
        line.ends_with("dec_keys?key_ID=a%26key_ID%3Db%2Bc%252F%23%3F%3D"),
        "{line}"
    );
}

#[tokio::test]
async fn replies_of_the_field_are_taken() {
    let extra = format!(
        r#"{{"easy_kme_x":[{{}}],"keys":[
            {{"easy_kme_y":1,"key":"{}","key_ID":"FFFFFFFF-1","key_extension":[1]}},
            {{"key_extension":{{"qmacsec_origin":"modelled"}},"key_ID":"{}","key":"{}"}}],
           "key_container_extension":null}}"#,
        key32(1),
        UUID_2.to_ascii_uppercase(),
        key32(2).trim_end_matches('='),
    );
    for body in [
        extra.clone(),
        format!("\u{feff}{extra}"),
        extra.replace("\"keys\"", "\"Keys\""),
    ] {
        let keys = enc(Answer::ok(&body), 2).await.ok().unwrap();
        assert_eq!(keys[0].id, id("FFFFFFFF-1"));
        assert_eq!(keys[0].bytes.expose(), [1; 32]);
        assert_eq!(
            (keys[0].origin.as_deref(), keys[1].origin.as_deref()),
            (None, Some("modelled"))
        );
        // In the spelling of this KME: the peer's KME is asked for exactly this ID.
        assert_eq!(keys[1].id, id(&UUID_2.to_ascii_uppercase()));
    }
    // JSON sent as text/html, or without any type.
    for kind in ["text/html", ""] {
        let body = container(&[(UUID_1, &key32(1))]).into_bytes();
        assert!(
            enc(
                Answer::Reply {
                    status: 200,
                    kind,
                    body
                },
                1
            )
            .await
            .is_ok(),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn no_key_is_lost_by_our_own_strictness() {
    // 0xfb and 0xff contain the digits that differ in the URL-safe alphabet.
    let octets = [0xfb; 16].into_iter().chain([0xff; 16]).collect::<Vec<_>>();
    let key = keyclient::SecretText::encode(&octets).expose().to_owned();
    let url_safe = key.replace('+', "-").replace('/', "_");
    let lines = format!("{}\\r\\n{}\\n", &key[..20], &key[20..]);
    let raw_lines = format!("{}\n{}", &key[..20], &key[20..]);
    let of = |names: [&str; 3], key: &str| {
        let [keys, id, name] = names;
        format!(r#"{{"{keys}":[{{"{id}":"A-1","{name}":"{key}"}}]}}"#)
    };
    let usual = ["keys", "key_ID", "key"];
    for body in [
        of(usual, &url_safe),
        of(usual, url_safe.trim_end_matches('=')),
        of(usual, &lines),
        of(usual, &raw_lines),
        of(["Keys", "Key_ID", "Key"], &key),
        of(["KEYS", "KEY_ID", "KEY"], &key),
        of(["keys", "keyId", "key"], &key),
        of(["keys", "key_id", "key"], &key),
        of(["keys", "keyID", "key"], &key),
        of(usual, &key).replace(
            r#"{"keys""#,
            r#"{"key_container_extension":[{"a":1.5}],"number":1.0,"keys""#,
        ),
        of(usual, &key).replace(
            r#""key""#,
            r#""key_ID_extension":null,"key_extension":{"b":[]},"size":"256","key""#,
        ),
        of(usual, &key) + "\r\n\0",
    ] {
        for (kind, status) in [
            ("application/json", 200),
            ("text/html", 200),
            ("text/plain", 201),
            ("", 200),
        ] {
            let answer = Answer::Reply {
                status,
                kind,
                body: body.clone().into_bytes(),
            };
            let keys = enc(answer, 1).await;
            let keys = keys.unwrap_or_else(|error| panic!("{error}: {kind} {body}"));
            assert!(
                keys[0].id == id("A-1") && keys[0].bytes.expose() == octets,
                "{body}"
            );
        }
    }
    // Said twice with the same value, and an unasked key that is none.
    let usual_body = of(usual, &key);
    let (_, keys) = usual_body.split_once(':').unwrap();
    let keys = keys.strip_suffix('}').unwrap();
    for body in [
        usual_body.replace(r#""key_ID""#, r#""keyId":"A-1","key_ID""#),
        usual_body.replace(r#""key":"#, &format!(r#""Key":"{key}","key":"#)),
        format!(r#"{{"keys":{keys},"Keys":{keys}}}"#),
        format!(r#"{{"keys":{keys},"Keys":null}}"#),
        format!(r#"{{"keys":[],"Keys":{keys}}}"#),
        usual_body.replace("]}", r#",{"key_ID":"x","key":"***"},{"junk":1}]}"#),
        usual_body.replace("]}", r#",{"key_ID":"x","key":null},[7],"z",true,null]}"#),
        usual_body.replace(r#""keys":["#, r#""keys":[{"key_ID":"x y","key":"AA=="},"#),
    ] {
        for by_id in [false, true] {
            let answer = Answer::ok(&body);
            let keys = match by_id {
                true => dec(answer, &[id("A-1")]).await,
                false => enc(answer, 1).await,
            };
            let keys = keys.unwrap_or_else(|error| panic!("{error}: {body}"));
            assert!(keys.len() == 1 && keys[0].id == id("A-1"), "{body}");
            assert_eq!(keys[0].bytes.expose(), octets, "{body}");
        }
    }
    let number = of(usual, &key).replace(r#""A-1""#, "17");
    assert_eq!(
        enc(Answer::ok(&number), 1).await.ok().unwrap()[0].id,
        id("17")
    );
    // Two spellings of one field name with two values are ambiguous.
    for twice in [
        usual_body.replace(r#""key_ID""#, r#""key_id":"B","key_ID""#),
        usual_body.replace(r#""key":"#, r#""Key":"AAAA","key":"#),
        format!(r#"{{"keys":{keys},"Keys":[{{"key_ID":"B","key":"AAAA"}}]}}"#),
    ] {
        assert_eq!(
            fault(enc(Answer::ok(&twice), 1).await).0,
            KmeFault::WrongShape("key container"),
            "{twice}"
        );
    }
}

#[tokio::test]
async fn dec_keys_are_matched_by_key_id_in_any_order_and_case() {
    let upper = UUID_1.to_ascii_uppercase();
    let body = container(&[
        ("not-a-uuid", &key32(3)),
        (UUID_2, &key32(2)),
        (&upper, &key32(1)),
    ]);
    let keys = dec(
        Answer::ok(&body),
        &[id(UUID_1), id(UUID_2), id("not-a-uuid")],
    )
    .await;
    let keys: Vec<_> = keys
        .ok()
        .unwrap()
        .iter()
        .map(|key| (key.id, key.bytes.expose().to_vec()))
        .collect();
    let expected = [
        (id(UUID_1), vec![1; 32]),
        (id(UUID_2), vec![2; 32]),
        (id("not-a-uuid"), vec![3; 32]),
    ];
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn enc_keys_takes_fewer_keys_and_drops_the_excess() {
    let three = container(&[("a", &key32(1)), ("b", &key32(2)), ("c", &key32(3))]);
    assert_eq!(enc(Answer::ok(&three), 5).await.ok().unwrap().len(), 3);
    let two = enc(Answer::ok(&three), 2).await.ok().unwrap();
    assert_eq!(
        two.iter().map(|key| key.id).collect::<Vec<_>>(),
        [id("a"), id("b")]
    );
    for none in [r#"{"keys":[]}"#, r#"{"Keys":[]}"#] {
        assert_eq!(
            fault(enc(Answer::ok(none), 1).await),
            (
                KmeFault::NoKeys(Message::default()),
                Blame::Kme,
                Retry::Later
            )
        );
    }
}

#[tokio::test]
async fn dec_keys_gives_all_or_an_error() {
    let ids = [id(UUID_1), id(UUID_2)];
    let one = Answer::ok(&container(&[(UUID_2, &key32(2))]));
    let (missing, blame, retry) = fault(dec(one, &ids).await);
    assert_eq!((missing, blame), (KmeFault::MissingKey(ids[0]), Blame::Kme));
    assert_eq!(retry, Retry::NextKey);
    let other = Answer::ok(&container(&[("other", &key32(2))]));
    assert_eq!(
        fault(dec(other, &ids[..1]).await).0,
        KmeFault::UnaskedKey(id("other"))
    );
    // Extra keys are no reason to lose the requested ones.
    let more = [
        (UUID_1, &key32(1)),
        ("other", &key32(2)),
        (UUID_1, &key32(1)),
    ];
    let more = [more[0], (more[1].0, more[1].1), more[2]].map(|(id, key)| (id, key.as_str()));
    let keys = dec(Answer::ok(&container(&more)), &ids[..1]).await;
    assert_eq!(keys.ok().unwrap().len(), 1);
    let differs = [(UUID_1, &*key32(1)), (UUID_1, &*key32(2))];
    assert_eq!(
        fault(dec(Answer::ok(&container(&differs)), &ids[..1]).await).0,
        KmeFault::DuplicateKeyId(ids[0])
    );
}

#[tokio::test]
async fn wrong_keys_are_refused_by_name() {
    let short = keyclient::SecretText::encode(&[1; 16]).expose().to_owned();
    let bad = "key_ID with space";
    let long = "x".repeat(65);
    let id_a = id("a");
    for (keys, expected) in [
        (
            vec![("a", key32(1)), ("a", key32(2))],
            KmeFault::DuplicateKeyId(id_a),
        ),
        (
            vec![("a", key32(1)), ("A", key32(2))],
            KmeFault::DuplicateKeyId(id("A")),
        ),
        (
            vec![("a", key32(1)), ("b", key32(1))],
            KmeFault::DuplicateKey(id("b")),
        ),
        (
            vec![("a", short)],
            KmeFault::WrongSize {
                id: id_a,
                bits: 128,
                asked: 256,
            },
        ),
        (
            vec![("a", "not!base64".to_owned())],
            KmeFault::BadKey(id_a, keyclient::KeyTextError::NotBase64),
        ),
        (
            vec![("a", String::new())],
            KmeFault::BadKey(id_a, keyclient::KeyTextError::Empty),
        ),
        (
            vec![(bad, key32(1))],
            KmeFault::BadKeyId(wire::KeyIdError::Octet(b' ')),
        ),
        (
            vec![("", key32(1))],
            KmeFault::BadKeyId(wire::KeyIdError::Length(0)),
        ),
        (
            vec![(&long, key32(1))],
            KmeFault::BadKeyId(wire::KeyIdError::Length(65)),
        ),
    ] {
        let pairs: Vec<_> = keys.iter().map(|(id, key)| (*id, key.as_str())).collect();
        let (found, blame, retry) = fault(enc(Answer::ok(&container(&pairs)), 2).await);
        assert_eq!((found, blame, retry), (expected, Blame::Kme, Retry::Later));
    }
}

#[tokio::test]
async fn the_size_of_a_named_key_is_checked_by_its_user() {
    let body = Answer::ok(&container(&[("a", &key32(1))]));
    let mut keys = dec(body, &[id("a")]).await.ok().unwrap();
    let (wrong, blame, retry) = fault(keys.pop().unwrap().with_bits(128));
    assert_eq!(
        wrong,
        KmeFault::WrongSize {
            id: id("a"),
            bits: 256,
            asked: 128
        }
    );
    assert_eq!((blame, retry), (Blame::Kme, Retry::NextKey));
}
