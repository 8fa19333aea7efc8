//! ETSI GS QKD 020 V1.1.1 over real TLS: every row of the table, who is served, and what we send.

use std::sync::Arc;
use std::time::Duration;

use network::interworking::Offer;
use reqwest::{Client, Method};
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::InterworkingKme;
use super::table::{
    ACK, KEYS, VERSIONS, VOID, ack, done, keys, plain, problem, sync, table, uuid, void, with,
};
use super::world::{
    Net, Place, Scripted, client, client_tls, config, key_id, lock, parties, pki, port, value,
};

struct Lab {
    dir: TempDir,
    net: Arc<Net>,
    kme: Arc<InterworkingKme>,
    neighbour: Scripted,
    client: Client,
}

impl Lab {
    /// KME X of a network with the SAE `near`, and a raw client with the certificate of KME Y.
    async fn start() -> Self {
        let dir = pki();
        let neighbour = Scripted::start(dir.path(), "kme-y", |_, _| (200, Value::Null)).await;
        let net = Net::new(&["near"]);
        let config = config(dir.path(), "kme-x", "kme-y", port(neighbour.address));
        let kme = net.start(&config).await;
        let client = client(client_tls(dir.path(), Some("kme-y"), &[&TLS13]));
        Self {
            dir,
            net,
            kme,
            neighbour,
            client,
        }
    }

    /// Status, content type and body.
    async fn ask(
        &self,
        client: &Client,
        method: &str,
        path: &str,
        body: String,
    ) -> (u16, String, Value) {
        let url = format!("https://localhost:{}{path}", port(self.kme.address()));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let response = client.request(method, url).body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type");
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status, kind, body)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_answered_as_published() {
    let lab = Lab::start().await;
    for (name, method, path, body, status, expected) in table() {
        let text = match (body.get("raw"), &body) {
            (Some(raw), _) => raw.as_str().unwrap().to_owned(),
            (None, Value::Null) => String::new(),
            (None, body) => body.to_string(),
        };
        let (got, kind, body) = lab.ask(&lab.client, method, path, text).await;
        assert_eq!((got, plain(body)), (status, expected.clone()), "{name}");
        let json = if expected == json!("") {
            ""
        } else {
            "application/json"
        };
        assert_eq!(kind, json, "{name}");
    }
    let foreign = lock(&lab.net.foreign);
    let relayed: Vec<_> = foreign.values().map(|(_, relay)| relay.key_id).collect();
    assert!(
        !relayed.contains(&key_id(90)) && !relayed.contains(&key_id(98)),
        "{relayed:?}"
    );
    let extension = foreign[&key_id(3)].1.optional.as_ref().unwrap();
    assert_eq!(extension.get("E32473_x"), Some(r#"{"a":1}"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_an_sae_has_cannot_be_voided() {
    let lab = Lab::start().await;
    lab.ask(&lab.client, "POST", KEYS, sync(keys(1)).to_string())
        .await;
    lock(&lab.net.foreign).get_mut(&key_id(1)).unwrap().0 = Place::Taken;
    for members in [
        json!({"key_ids": [uuid(1)]}),
        json!({"all_confirmation": true}),
    ] {
        let (status, _, body) = lab
            .ask(&lab.client, "POST", VOID, void(members).to_string())
            .await;
        assert_eq!((status, body), (200, done("failed to void", &[1])));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_configured_neighbour_is_served_and_only_over_tls_1_3() {
    let lab = Lab::start().await;
    let unauthorized = problem(401, "unauthorized", "unauthorized", "unauthorized");
    // Certificates of the same CA: another KME, and an SAE.
    for stranger in ["kme-z", "kme-x", "sae-a"] {
        let stranger = client(client_tls(lab.dir.path(), Some(stranger), &[&TLS13]));
        for (method, path) in [
            ("GET", VERSIONS),
            ("POST", KEYS),
            ("POST", ACK),
            ("POST", VOID),
            ("GET", "/else"),
        ] {
            let (status, _, body) = lab.ask(&stranger, method, path, keys(1).to_string()).await;
            assert_eq!((status, plain(body)), (401, unauthorized.clone()), "{path}");
        }
    }
    assert!(lock(&lab.net.foreign).is_empty());
    let url = format!("https://localhost:{}{VERSIONS}", port(lab.kme.address()));
    for tls in [
        client_tls(lab.dir.path(), None, &[&TLS13]),
        client_tls(lab.dir.path(), Some("kme-y"), &[&TLS12]),
    ] {
        assert!(client(tls).get(&url).send().await.is_err());
    }
    let response = lab.client.get(&url).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_a_timeout_and_two_lengths_are_refused() {
    let lab = Lab::start().await;
    for (headers, start) in [
        ("content-length: 2", "HTTP/1.1 408"),
        (
            "content-length: 2\r\ntransfer-encoding: chunked",
            "HTTP/1.1 400",
        ),
    ] {
        let tls = client_tls(lab.dir.path(), Some("kme-y"), &[&TLS13]);
        let stream = TcpStream::connect(lab.kme.address()).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let mut stream = TlsConnector::from(Arc::new(tls))
            .connect(name, stream)
            .await
            .unwrap();
        let head = format!("POST {KEYS} HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut reply = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut reply));
        read.await.expect("still waiting").unwrap();
        assert_eq!(reply, *start.as_bytes());
    }
}

async fn offer(lab: &Lab, number: u64) {
    lock(&lab.net.own).insert(key_id(number), Place::Kept);
    let offer = Offer {
        key_id: key_id(number),
        value: value(number),
        parties: parties("near", "far"),
        extension: None,
        mandatory: None,
        optional: None,
    };
    lab.net.reports().offer(offer).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_send_is_as_published() {
    let dir = pki();
    // Acknowledgements and the first void get 503, all else 202.
    let neighbour = Scripted::start(dir.path(), "kme-y", |heard, number| {
        let unavailable = heard.request.contains("/their/") || number == 1;
        (if unavailable { 503 } else { 202 }, Value::Null)
    })
    .await;
    let net = Net::new(&["near"]);
    let kme = net
        .start(&config(
            dir.path(),
            "kme-x",
            "kme-y",
            port(neighbour.address),
        ))
        .await;
    let client = client(client_tls(dir.path(), Some("kme-y"), &[&TLS13]));
    let mut lab = Lab {
        dir,
        net,
        kme,
        neighbour,
        client,
    };

    offer(&lab, 1).await;
    let heard = lab.neighbour.next().await;
    let callback = format!("https://localhost:{}{ACK}", port(lab.kme.address()));
    assert_eq!(heard.request, format!("POST {KEYS}"));
    assert_eq!(heard.content_type, "application/json");
    let text = kme_api::SecretText::encode(value(1).expose());
    let parties = json!({"initiator_sae_id": "near", "target_sae_ids": ["far"]});
    let keys_sent = json!({"keys": [{"key_id": uuid(1), "value": text.expose()}],
                           "ack_callback_url": callback});
    assert_eq!(heard.body, with(parties.clone(), keys_sent));

    // Not released before `relayed`; a void is repeated until its word comes.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lock(&lab.net.own)[&key_id(1)], Place::Kept);
    lab.net.reports().void(key_id(1));
    for _ in 0..2 {
        let heard = lab.neighbour.next().await;
        assert_eq!(heard.request, format!("POST {VOID}"));
        let void_sent = json!({"key_ids": [uuid(1)], "ack_callback_url": callback});
        assert_eq!(heard.body, with(parties.clone(), void_sent));
    }
    let voided = ack(json!([{"key_id": uuid(1)}]), "voided").to_string();
    assert_eq!(lab.ask(&lab.client, "POST", ACK, voided).await.0, 200);
    while lock(&lab.net.own)[&key_id(1)] != Place::Gone {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    // An acknowledgement goes to the URL that the neighbour named, and is repeated after a 503.
    let url = format!(
        "https://localhost:{}/their/path?q=1",
        port(lab.neighbour.address)
    );
    let request = with(keys(2), json!({"ack_callback_url": url}));
    assert_eq!(
        lab.ask(&lab.client, "POST", KEYS, request.to_string())
            .await
            .0,
        202
    );
    for _ in 0..2 {
        let mut heard = lab.neighbour.next().await;
        while heard.request.ends_with("void") {
            heard = lab.neighbour.next().await; // one that was under way
        }
        assert_eq!(heard.request, "POST /their/path?q=1");
        assert_eq!(heard.body, done("relayed", &[2]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_neighbours_certificate_must_carry_its_id() {
    let dir = pki();
    let mut impostor = Scripted::start(dir.path(), "kme-z", |_, _| (202, Value::Null)).await;
    let net = Net::new(&["near"]);
    let _kme = net
        .start(&config(
            dir.path(),
            "kme-x",
            "kme-y",
            port(impostor.address),
        ))
        .await;
    lock(&net.own).insert(key_id(1), Place::Kept);
    let parties = parties("near", "far");
    let (extension, mandatory, optional) = (None, None, None);
    let offered = Offer {
        key_id: key_id(1),
        value: value(1),
        parties,
        extension,
        mandatory,
        optional,
    };
    net.reports().offer(offered).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_millis(500), impostor.next()).await;
    assert!(heard.is_err(), "a key went to an impostor");
}
