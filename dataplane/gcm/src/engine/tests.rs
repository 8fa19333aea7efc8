use super::Engine;

#[test]
fn names_lead_back_to_their_engine() {
    for engine in Engine::ALL {
        assert_eq!(engine.name().parse(), Ok(engine));
        assert_eq!(engine.to_string(), engine.name());
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_known_ones() {
    let error = "des".parse::<Engine>().unwrap_err().to_string();
    assert!(error.contains("`des`"), "{error}");
    for engine in Engine::ALL {
        assert!(error.contains(engine.name()), "{error}");
    }
}

#[test]
fn the_best_engine_is_available() {
    assert!(Engine::best().is_available());
    assert_eq!(Engine::available().next(), Some(Engine::best()));
}
