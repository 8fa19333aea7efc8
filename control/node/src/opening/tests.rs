use network::LinkId;

use super::{Answer, Opening, Purpose, other_topology};

#[test]
fn openings_and_answers_survive_their_octets_and_nothing_else_is_one() {
    for purpose in [Purpose::Messages, Purpose::Quantum] {
        let opening = Opening {
            purpose,
            link: LinkId(0x1234),
            digest: [7; 32],
        };
        let octets = opening.encode();
        assert_eq!(Opening::decode(&octets), Some(opening));
        for at in 0..9 {
            let mut wrong = octets.clone();
            wrong[at] ^= 0x80;
            assert_eq!(Opening::decode(&wrong), None, "octet {at}");
        }
        assert_eq!(Opening::decode(&octets[1..]), None);
        assert_eq!(Opening::decode(&octets[..octets.len() - 1]), None);
    }
    let answers = [
        Answer::Accepted,
        Answer::OtherTopology([9; 32]),
        Answer::NoSuchLink,
        Answer::Cut,
    ];
    for answer in answers {
        assert_eq!(Answer::decode(&answer.encode()), Some(answer));
    }
    assert_eq!(Answer::decode(&[4; 33]), None);
    assert_eq!(Answer::decode(&[0; 32]), None);
}

#[test]
fn another_topology_is_named_by_both_hashes() {
    assert_eq!(
        other_topology("sued", &[0xab; 32], &[1; 32]),
        "sued has another topology (hash abababab, ours 01010101); fix: give both nodes the same \
         file"
    );
}
