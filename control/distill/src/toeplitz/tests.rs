use proptest::collection::vec;
use proptest::prelude::*;

use subtle::ConstantTimeEq;

use super::*;
use crate::wiped::tests::take_wiped;

fn secret(words: &[u64], len: usize) -> Bits {
    let halves = words
        .iter()
        .flat_map(|&word| [word as u32, (word >> 32) as u32]);
    let words = halves.take(len.div_ceil(32)).collect();
    Bits::new(Wiped::new(words), len).expect("as many words as bits")
}

fn bit(words: &[u64], i: usize) -> bool {
    words[i / 64] >> (i % 64) & 1 == 1
}

/// The definition, bit by bit.
fn plain(matrix: &Matrix, input: &Bits) -> Vec<bool> {
    let n = 64 * input.len().div_ceil(64);
    (0..matrix.shape.output_bits)
        .map(|row| {
            (0..input.len())
                .filter(|&column| bit(&matrix.seed, n + row - column))
                .fold(false, |sum, column| sum ^ input.bit(column))
        })
        .collect()
}

/// A shape, a seed and an input for it.
fn hashes() -> impl Strategy<Value = (Shape, Vec<u64>, Vec<u64>)> {
    (1usize..3000)
        .prop_flat_map(|input| (Just(input), 1..=input))
        .prop_flat_map(|(input, output)| {
            let shape = Shape::new(input, output).expect("it compresses");
            let seed = vec(any::<u64>(), shape.seed_words());
            (Just(shape), seed, vec(any::<u64>(), input.div_ceil(64)))
        })
}

fn matrix(shape: Shape, seed: Vec<u64>) -> Matrix {
    Matrix::new(shape, seed).expect("as long as the shape says")
}

proptest! {
    #[test]
    fn every_engine_gives_the_plain_hash((shape, seed, input) in hashes()) {
        let (matrix, input) = (matrix(shape, seed), secret(&input, shape.input_bits));
        let expected = plain(&matrix, &input);
        for engine in Engine::available() {
            let hash = matrix.hash_with(engine, &input).expect("the input fits");
            prop_assert_eq!(hash.len(), expected.len());
            let found: Vec<_> = (0..hash.len()).map(|i| hash.bit(i)).collect();
            prop_assert_eq!(&found, &expected, "{:?}", engine);
        }
    }

    #[test]
    fn the_hash_is_linear((shape, seed, a) in hashes(), mask in any::<u32>()) {
        let (matrix, a) = (matrix(shape, seed), secret(&a, shape.input_bits));
        let b = a.words().iter().map(|word| word.rotate_left(7) ^ mask).collect();
        let b = Bits::new(Wiped::new(b), a.len()).expect("as many words");
        let sum = a.words().iter().zip(b.words()).map(|(a, b)| a ^ b).collect();
        let hash = |input: &Bits| matrix.hash(input).expect("the input fits");
        let of_sum = hash(&Bits::new(Wiped::new(sum), a.len()).expect("as many words"));
        for ((a, b), sum) in hash(&a).words().iter().zip(hash(&b).words()).zip(of_sum.words()) {
            prop_assert_eq!(a ^ b, *sum);
        }
    }
}

#[test]
fn a_known_hash() {
    // Rows of the matrix, columns from left to right: seed bits 64 + row - column.
    // Row 0 is seed bits 64, 63, 62, 61 = 1, 1, 0, 1; row 1 is 65, 64, 63, 62 = 0, 1, 1, 0.
    let shape = Shape::new(4, 2).expect("it compresses");
    let matrix = Matrix::new(shape, vec![0b101 << 61, 0b01]).expect("two words");
    let hash = |input| {
        matrix
            .hash(&secret(&[input], 4))
            .expect("four bits")
            .words()[0]
    };
    assert_eq!(
        [
            hash(0b0001),
            hash(0b0010),
            hash(0b0100),
            hash(0b1000),
            hash(0b1111)
        ],
        [0b01, 0b11, 0b10, 0b01, 0b01]
    );
}

#[test]
fn engines_agree_on_a_large_block_in_several_parts() {
    let shape = Shape::new(500_000, 70_000).expect("it compresses");
    let words = |n: usize, mut state: u64| -> Vec<u64> {
        let next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state ^ (state >> 31)
        };
        std::iter::repeat_with(next).take(n).collect()
    };
    let matrix = Matrix::new(shape, words(shape.seed_words(), 1)).expect("as long as the shape");
    let input = secret(&words(500_000usize.div_ceil(64), 2), 500_000);
    let mut hashes = Engine::available().map(|engine| matrix.hash_with(engine, &input));
    let first = hashes.next().flatten().expect("the input fits");
    for other in hashes.flatten() {
        assert!(bool::from(first.ct_eq(&other)));
    }
    // Rows in each part, bit by bit.
    for row in (0..70_000).step_by(997) {
        let expected = (0..input.len())
            .filter(|&column| bit(&matrix.seed, 64 * input.len().div_ceil(64) + row - column))
            .fold(false, |sum, column| sum ^ input.bit(column));
        assert_eq!(first.bit(row), expected, "row {row}");
    }
}

#[test]
fn wrong_sizes_are_refused() {
    assert!(Shape::new(8, 0).is_err());
    assert!(Shape::new(8, 9).is_err());
    assert!(Shape::new(Shape::MAX_INPUT_BITS + 1, 8).is_err());
    let shape = Shape::new(65, 8).expect("it compresses");
    let wrong = WrongSeed {
        found: 2,
        needed: 3,
    };
    assert_eq!(Matrix::new(shape, vec![0; 2]).err(), Some(wrong));
    let matrix = Matrix::new(shape, vec![0; 3]).expect("three words");
    assert!(matrix.hash(&secret(&[0, 0], 66)).is_none());
}

#[test]
fn input_hash_and_all_between_are_wiped() {
    let shape = Shape::new(1000, 500).expect("it compresses");
    let matrix = Matrix::new(shape, vec![u64::MAX; 24]).expect("24 words");
    let input = secret(&[0x5a5a; 16], 1000);
    take_wiped();
    let hash = matrix.hash(&input);
    drop((input, hash));
    let mut wiped = take_wiped();
    wiped.sort_unstable();
    // A part has 8 words: padded input, product, buffer of the hash; hash; input; scratch.
    assert_eq!(wiped, [8, 8, 8, 16, 32, 40].map(|words| (words, true)));
}
