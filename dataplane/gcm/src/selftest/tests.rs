use super::cases::CASES;
use super::{Engine, Fault, run_case, self_test};

#[test]
fn every_engine_passes() {
    assert_eq!(self_test(), Ok(()));
}

#[test]
fn a_wrong_answer_is_noticed() {
    for engine in Engine::available() {
        let mut case = CASES[3];
        case.icv = CASES[2].icv;
        assert_eq!(run_case(engine, &case, 1), Err(Fault::Seal));
        let mut case = CASES[7];
        case.key = CASES[3].key;
        assert_eq!(run_case(engine, &case, 64), Err(Fault::Seal));
    }
}
