//! Two KMEs with failover from the first to the second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyclient::{
    Blame, ClientConfig, Error, KeySource, KmeFault, Pace, Protocol, Retry, SourceConfig, Sources,
};
use tokio::net::TcpListener;
use wire::KeyId;

use crate::lab::{Answer, Kme, Seen, container, key32};
use crate::pki::Pki;

/// Long enough for a TLS handshake on a busy machine.
const PATIENCE: Duration = Duration::from_secs(1);

fn pace() -> Pace {
    Pace {
        patience: PATIENCE,
        probe_every: Duration::from_millis(20),
        quarantine: Duration::from_millis(100),
        look_every: Duration::from_millis(20),
    }
}

fn sources(pki: &Pki, kmes: &[&Kme]) -> Sources {
    let configs = kmes.iter().map(|kme| pki.config(kme)).collect();
    with(configs)
}

fn with(configs: Vec<ClientConfig>) -> Sources {
    let source = |client| SourceConfig {
        protocol: Protocol::Etsi014,
        client,
    };
    let configs = configs.into_iter().map(source).collect();
    match Sources::new(configs, pace()) {
        Ok(sources) => sources,
        Err(error) => panic!("{error}"),
    }
}

fn id(text: &str) -> KeyId {
    KeyId::new(text).unwrap()
}

/// Delivers fresh keys `NAME-0`, `NAME-1`, any key by its ID, and a status.
fn good(name: &'static str) -> impl Fn(usize, &Seen) -> Answer {
    move |n, seen| {
        if seen.line.ends_with("/status") {
            return Answer::ok("{}");
        }
        let named = seen.body.split(r#""key_ID":""#).nth(1);
        let id = match named.and_then(|rest| rest.split('"').next()) {
            Some(id) => id.to_owned(),
            None => format!("{name}-{n}"),
        };
        Answer::ok(&container(&[(&id, &key32(n as u8))]))
    }
}

fn not_found() -> Answer {
    Answer::json(
        400,
        r#"{"message":"one or more keys specified are not found on KME"}"#,
    )
}

fn calls(kme: &Kme, method: &str) -> usize {
    let seen = kme.seen();
    let calls = seen.iter().filter(|seen| seen.line.ends_with(method));
    calls.count()
}

fn active(sources: &Sources) -> usize {
    sources
        .health()
        .iter()
        .position(|health| health.active)
        .unwrap()
}

#[tokio::test]
async fn the_first_is_asked_alone_while_it_is_well() {
    let pki = Pki::new();
    let first = Kme::start(&pki, good("first")).await;
    let second = Kme::start(&pki, good("second")).await;
    let sources = sources(&pki, &[&first, &second]);
    for n in 0..20 {
        let key = sources.fresh(256).await.ok().unwrap();
        assert!(key.id.as_str().starts_with("first"));
        assert!(sources.by_id(id(&format!("k{n}")), 256).await.is_ok());
    }
    assert_eq!((first.seen().len(), second.seen().len()), (40, 0));
    let health = sources.health();
    assert_eq!(
        (health[0].keys, health[0].failures, health[0].active),
        (40, 0, true)
    );
    assert_eq!((health[1].keys, health[1].active), (0, false));
}

#[tokio::test]
async fn the_second_steps_in_and_the_first_comes_back_when_it_is_well() {
    let pki = Pki::new();
    let well = Arc::new(AtomicBool::new(false));
    let (is_well, up) = (Arc::clone(&well), good("first"));
    let first = Kme::start(&pki, move |n, seen| {
        if is_well.load(Ordering::SeqCst) {
            up(n, seen)
        } else {
            Answer::empty(503)
        }
    })
    .await;
    let second = Kme::start(&pki, good("second")).await;
    let sources = Arc::new(sources(&pki, &[&first, &second]));
    let tended = Arc::clone(&sources);
    let tending = tokio::spawn(async move { tended.tend().await });

    for _ in 0..5 {
        let key = sources.fresh(256).await.ok().unwrap();
        assert!(key.id.as_str().starts_with("second"));
    }
    // The first KME got two requests, which failed. The other three went to the second KME
    // directly.
    assert_eq!((calls(&first, "/enc_keys"), active(&sources)), (2, 1));
    let told = sources.health()[0].last_error.clone().unwrap();
    assert!(told.contains("503"), "{told}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(active(&sources), 1, "it is still ill");

    well.store(true, Ordering::SeqCst);
    for _ in 0..500 {
        if active(&sources) == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let key = sources.fresh(256).await.ok().unwrap();
    assert!(key.id.as_str().starts_with("first"));
    tending.abort();
}

#[tokio::test]
async fn a_wedged_or_very_slow_first_costs_no_more_than_our_patience() {
    for slow in [
        Answer::Never,
        Answer::Late(Duration::from_secs(5), Box::new(Answer::empty(503))),
    ] {
        let pki = Pki::new();
        let first = Kme::start(&pki, move |_, _| slow.clone()).await;
        let second = Kme::start(&pki, good("second")).await;
        let sources = sources(&pki, &[&first, &second]);
        for n in 0..3 {
            let began = Instant::now();
            assert!(sources.fresh(256).await.is_ok());
            assert!(sources.by_id(id(&format!("k{n}")), 256).await.is_ok());
            assert!(began.elapsed() < 4 * PATIENCE, "{:?}", began.elapsed());
        }
        assert_eq!(active(&sources), 1);
        // Both kinds of request now go directly to the second KME.
        let began = Instant::now();
        assert!(sources.fresh(256).await.is_ok());
        assert!(sources.by_id(id("last"), 256).await.is_ok());
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        assert!(sources.health()[0].failures >= 3);
    }
}

#[tokio::test]
async fn an_answer_that_is_late_but_the_only_one_is_taken() {
    let pki = Pki::new();
    let (late, up) = (PATIENCE + Duration::from_millis(500), good("first"));
    let first = Kme::start(&pki, move |n, seen| {
        Answer::Late(late, Box::new(up(n, seen)))
    })
    .await;
    let second = Kme::start(&pki, |_, _| Answer::empty(503)).await;
    let sources = sources(&pki, &[&first, &second]);
    assert!(sources.fresh(256).await.is_ok());
    assert!(sources.by_id(id("k"), 256).await.is_ok());
    assert_eq!((first.seen().len(), second.seen().len()), (2, 2));
    assert_eq!(active(&sources), 0);
}

#[tokio::test]
async fn when_both_fail_the_firsts_failure_is_told_and_nobody_moves() {
    let pki = Pki::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = listener.local_addr().unwrap();
    drop(listener);
    let second = Kme::start(&pki, |_, _| Answer::empty(503)).await;
    let config = pki.config(&second);
    let first = ClientConfig {
        base_url: format!("https://{dead}"),
        ..config.clone()
    };
    let sources = with(vec![first, config]);
    for n in 1..5 {
        let error = sources.fresh(256).await.err().unwrap();
        assert_eq!(error.blame(), Blame::Network, "{error}");
        assert!(error.to_string().contains(&dead.to_string()), "{error}");
        assert_eq!(error.retry(), Retry::Later);
        let health = sources.health();
        assert_eq!((health[0].failures, health[1].failures), (n, n));
    }
    assert_eq!(active(&sources), 0);
}

#[tokio::test]
async fn a_key_that_the_first_repeats_is_not_taken_twice() {
    let pki = Pki::new();
    let first = Kme::start(&pki, |_, _| Answer::ok(&container(&[("A-1", &key32(1))]))).await;
    let second = Kme::start(&pki, good("second")).await;
    let both = sources(&pki, &[&first, &second]);
    assert_eq!(both.fresh(256).await.ok().unwrap().id.as_str(), "A-1");
    let key = both.fresh(256).await.ok().unwrap();
    assert_eq!(key.id.as_str(), "second-0");
    let told = both.health()[0].last_error.clone().unwrap();
    assert!(told.contains("repeats"), "{told}");

    let alone = sources(&pki, &[&first]);
    assert!(alone.fresh(256).await.is_ok());
    let error = alone.fresh(256).await.err().unwrap();
    let repeated = KmeFault::RepeatedKeyId(id("A-1"));
    assert!(
        matches!(&error, Error::Kme { fault, .. } if *fault == repeated),
        "{error}"
    );
    assert_eq!((error.blame(), error.retry()), (Blame::Kme, Retry::Later));
}

#[tokio::test]
async fn a_named_key_is_fetched_where_it_is_and_never_again() {
    let pki = Pki::new();
    let first = Kme::start(&pki, |_, _| not_found()).await;
    let second = Kme::start(&pki, good("second")).await;
    let sources = sources(&pki, &[&first, &second]);
    let key = sources.by_id(id("K-1"), 256).await.ok().unwrap();
    assert_eq!(key.id.as_str(), "K-1");
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    // The KME that delivered last is asked first. A missing key is no failure of a KME.
    assert!(sources.by_id(id("K-2"), 256).await.is_ok());
    assert_eq!((first.seen().len(), second.seen().len()), (1, 2));
    assert_eq!(sources.health()[0].failures, 0);

    for spelling in ["K-1", "k-1", "K-2"] {
        let error = sources.by_id(id(spelling), 256).await.err().unwrap();
        assert!(matches!(error, Error::AskedTwice { .. }), "{error}");
        assert_eq!(
            (error.blame(), error.retry()),
            (Blame::Peer, Retry::NextKey)
        );
    }
    assert_eq!(
        (first.seen().len(), second.seen().len()),
        (1, 2),
        "nobody was asked"
    );
}

#[tokio::test]
async fn a_key_that_nobody_has_yet_may_be_asked_for_again() {
    let pki = Pki::new();
    let first = Kme::start(&pki, |_, _| not_found()).await;
    let late = good("second");
    let second = Kme::start(&pki, move |n, seen| match n {
        0 => not_found(),
        _ => late(n, seen),
    })
    .await;
    let sources = sources(&pki, &[&first, &second]);
    let error = sources.by_id(id("k"), 256).await.err().unwrap();
    let is_missing = |error: &Error| {
        matches!(
            error,
            Error::Kme {
                fault: KmeFault::KeyNotFound { .. },
                ..
            }
        )
    };
    assert!(is_missing(&error), "{error}");
    assert!(sources.by_id(id("k"), 256).await.is_ok());

    // Also if the other KME has a worse failure: the key may still arrive at the KME that answers.
    for (broken, answer) in [(0, not_found()), (1, not_found())] {
        let cut = Kme::start(&pki, |_, _| Answer::Cut).await;
        let missing = Kme::start(&pki, move |_, _| answer.clone()).await;
        let mut kmes = [&missing, &missing];
        kmes[broken] = &cut;
        let error = self::sources(&pki, &kmes)
            .by_id(id("k"), 256)
            .await
            .err()
            .unwrap();
        assert!(is_missing(&error), "{error}");
        assert_eq!(
            (cut.seen().len(), missing.seen().len()),
            (1, 1),
            "each once"
        );
    }
}

#[tokio::test]
async fn requests_side_by_side_are_each_answered_once() {
    let pki = Pki::new();
    let first = Kme::start(&pki, |n, seen| match n % 3 {
        0 => Answer::Cut,
        1 => Answer::Late(Duration::from_millis(20), Box::new(good("first")(n, seen))),
        _ => good("first")(n, seen),
    })
    .await;
    let second = Kme::start(&pki, good("second")).await;
    let sources = Arc::new(sources(&pki, &[&first, &second]));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let sources = Arc::clone(&sources);
        tasks.spawn(async move { sources.fresh(256).await.ok().unwrap().id });
    }
    let mut ids = tasks.join_all().await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
    let health = sources.health();
    assert_eq!(health[0].keys + health[1].keys, 30);
}

#[tokio::test]
async fn a_probe_takes_no_key_and_bears_a_kme_without_status() {
    let pki = Pki::new();
    for (answer, well) in [
        (Answer::ok("{}"), true),
        (Answer::ok("[]"), true),
        (Answer::empty(404), true),
        (Answer::empty(400), true),
        (Answer::empty(401), false),
        (Answer::empty(503), false),
        (Answer::html(200), false),
        (Answer::Cut, false),
    ] {
        let kme = Kme::start(&pki, move |_, _| answer.clone()).await;
        let source = KeySource::new(Protocol::Etsi014, pki.config(&kme))
            .ok()
            .unwrap();
        assert_eq!(source.probe().await.is_ok(), well, "{:?}", kme.seen());
        assert_eq!(calls(&kme, "/status"), 1);
    }
}

#[test]
fn a_site_has_one_or_two_kmes() {
    assert!(matches!(
        Sources::new(Vec::new(), Pace::default()),
        Err(Error::Bug { .. })
    ));
}
