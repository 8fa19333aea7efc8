use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// The chosen codes. A change of any edge makes two ends disagree, so these stay.
const DIGESTS: [&str; 3] = [
    "49c36eaa8a7ea32b65bb55cf8c085c2a6a5932921882bfad24b14294ed757a24",
    "3b5d0d7ba27666bc4c83a7c192726c3d3c655af59a90d17887fafab422dd5467",
    "e48930f51ae84455949da39083517c863003da3559ed86093927cd57de27fc48",
];

#[test]
fn the_codes_in_use_are_pinned_and_have_their_profile_and_girth() {
    for (rate, pinned) in Rate::ALL.into_iter().zip(DIGESTS) {
        let code = Code::of(rate);
        let octets = code.digest();
        let digest: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(digest, pinned, "{rate:?}");
        let secret = 1.0 - code.syndrome_len() as f64 / code.word_len() as f64;
        assert!((secret - rate.value()).abs() < 1e-4, "{rate:?}: {secret}");
        profile(&code, rate);
        assert_eq!(short_cycles(&code), 0, "{rate:?}");
    }
}

fn profile(code: &Code, rate: Rate) {
    assert_eq!(code.variables(), Code::SIZE);
    let share = |count: usize| count as f64 / Code::SIZE as f64 * 1e4;
    let near = |count: usize, want: usize| (share(count) - want as f64).abs() < 1.0;
    let want = rate.profile();
    assert!(near(code.checks.len(), want.core_checks));
    assert!(near(code.pairs.len(), want.pairs));
    let mut degrees = vec![(0, 0); code.core];
    for edge in code.checks.iter().flatten() {
        degrees[edge.variable()].0 += 1;
    }
    let pairs = code.pairs.iter().flatten();
    for edge in pairs.chain(code.triples.iter().flatten()) {
        degrees[edge.variable()].1 += 1;
    }
    for (core_share, core, leaf) in want.core {
        let of_kind = degrees.iter().filter(|degrees| degrees.0 == core);
        assert!(near(of_kind.clone().count(), core_share));
        let mean =
            of_kind.clone().map(|degrees| degrees.1).sum::<usize>() as f64 / of_kind.count() as f64;
        assert!((mean - leaf as f64).abs() < 0.5, "{mean}");
    }
    let least = code.checks.iter().map(Vec::len).min().unwrap();
    let most = code.checks.iter().map(Vec::len).max().unwrap();
    assert!(most - least <= 2, "{least} to {most}");
    for [one, other, third] in &code.triples {
        let variables = [one, other, third].map(|edge| edge.variable);
        assert_eq!(HashSet::from(variables).len(), 3);
    }
}

/// Counts, on the lifted core, how often a walk of at most three edges from a variable meets a node
/// again. Each cycle of length 4 or 6 is such a meeting.
fn short_cycles(code: &Code) -> usize {
    let (variables, checks) = (code.core * LANES, code.checks.len() * LANES);
    let mut of_variable = vec![Vec::new(); variables];
    let mut of_check = vec![Vec::new(); checks];
    for (check, edges) in code.checks.iter().enumerate() {
        for edge in edges {
            for lane in 0..LANES {
                let variable = edge.variable() * LANES + lane;
                let check = check * LANES + (lane + edge.shift()) % LANES;
                of_variable[variable].push(check);
                of_check[check].push(variable);
            }
        }
    }
    let mut found = 0;
    for root in 0..variables {
        let (mut checks, mut seen) = (HashSet::new(), HashSet::from([root]));
        for &first in &of_variable[root] {
            found += usize::from(!checks.insert(first));
        }
        for &first in &of_variable[root] {
            for &second in of_check[first].iter().filter(|&&second| second != root) {
                found += usize::from(!seen.insert(second));
                for &third in of_variable[second].iter().filter(|&&third| third != first) {
                    found += usize::from(!checks.insert(third));
                }
            }
        }
    }
    found
}

#[test]
fn the_count_of_short_cycles_finds_one() {
    let mut code = Code::build(Rate::Tenth, 512, 1);
    let edge = |variable| Edge { variable, shift: 0 };
    code.checks = vec![vec![edge(0), edge(1)], vec![edge(0), edge(1)]];
    assert!(short_cycles(&code) > 0);
    code.checks = vec![vec![edge(0), edge(1)], vec![edge(1), edge(2)]];
    assert_eq!(short_cycles(&code), 0);
}

#[test]
fn another_seed_gives_another_code() {
    let digest = |seed| Code::build(Rate::Tenth, 512, seed).digest();
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_syndrome_is_linear_and_the_leaves_follow_from_the_core(
        a in prop::collection::vec(any::<u32>(), 512),
        b in prop::collection::vec(any::<u32>(), 512),
    ) {
        let code = Code::build(Rate::Tenth, 512, 1);
        let sum: Vec<u32> = a.iter().zip(&b).map(|(a, b)| a ^ b).collect();
        let core = a[..code.core].to_vec();
        let [a, b, sum] = [a, b, sum].map(|words| code.word(Wiped::new(words.into())).unwrap());
        let [of_a, of_b, of_sum] = [&a, &b, &sum].map(|word| code.syndrome(word));
        let added = of_a.words().iter().zip(of_b.words()).map(|(a, b)| a ^ b);
        prop_assert_eq!(of_sum.words(), &added.collect::<Vec<_>>()[..]);
        prop_assert!(code.complete(core.into_iter(), &of_a).words() == a.words());
    }
}

#[test]
fn words_and_syndromes_of_another_length_are_refused() {
    let code = Code::build(Rate::Fifth, 512, 1);
    assert!(code.word(Wiped::zeroed(511)).is_none());
    assert!(code.parse_syndrome(vec![0; 512]).is_none());
    let syndrome = code.syndrome(&code.word(Wiped::new(vec![7; 512].into())).unwrap());
    assert_eq!(
        code.parse_syndrome(syndrome.words().to_vec()),
        Some(syndrome)
    );
}
