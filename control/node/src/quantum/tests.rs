use std::time::{Duration, Instant};

use network::LinkId;
use network::supply::Supply;

use super::{Devices, HEAD_LEN, decode};
use crate::limits::BLOCK_LEN_MAX;

const PERIOD: Duration = Duration::from_secs(10);

fn supply(block_loss: f64) -> Supply {
    Supply {
        block_bits: 8007,
        block_period: PERIOD,
        block_loss,
        epsilon: 1e-10,
        excess_noise_snu: 0.01,
        no_key: None,
    }
}

fn device(blocks_at_start: u32, block_loss: f64) -> super::Device {
    of(supply(block_loss), blocks_at_start)
}

fn of(supply: Supply, blocks_at_start: u32) -> super::Device {
    let links = [(LinkId(3), supply)].into_iter();
    let device = Devices::new(links, blocks_at_start).0.remove(&LinkId(3));
    device.unwrap().into_inner().unwrap()
}

#[test]
fn blocks_at_the_start_come_at_once_then_one_each_period_with_rising_numbers() {
    let mut device = device(2, 0.0);
    let now = Instant::now();
    assert_eq!((device.due(now), device.at_once), (now, 2));
    let (first, bits) = device.take().unwrap().unwrap();
    assert_eq!(bits.len(), HEAD_LEN + 1000, "whole octets");
    assert_eq!((first.epsilon, first.excess_noise), (1e-10, 0.01));
    let (second, other_bits) = device.take().unwrap().unwrap();
    assert!(second.number > first.number && bits[HEAD_LEN..] != other_bits[HEAD_LEN..]);
    let due = device.due(now);
    assert!(due > now + PERIOD / 2);
    device.take().unwrap();
    assert_eq!(device.due(now), due + PERIOD);
}

#[test]
fn a_large_block_comes_whole_in_parts_of_rising_numbers() {
    let block_bits = 8 * (3 * BLOCK_LEN_MAX as u64 + 5);
    let large = Supply {
        block_bits,
        ..supply(0.0)
    };
    let mut device = of(large, 0);
    let (now, last) = (device.next_at, device.number);
    let (mut bits, mut numbers) = (0, Vec::new());
    while device.due(now) == now {
        let (block, content) = device.take().unwrap().unwrap();
        assert!(content.len() - HEAD_LEN <= BLOCK_LEN_MAX);
        bits += 8 * (content.len() - HEAD_LEN) as u64;
        numbers.push(block.number - last);
    }
    assert_eq!((bits, numbers), (block_bits, vec![1, 2, 3, 4]));
    assert_eq!(device.due(now), now + PERIOD);
}

#[test]
fn blocks_that_were_due_without_a_line_are_lost_and_the_pace_stays() {
    let mut device = device(0, 0.0);
    let due = device.due(Instant::now());
    device.resume(due - PERIOD / 2);
    assert_eq!(device.due(due), due);
    device.resume(due + PERIOD * 5 / 2);
    assert_eq!(device.due(due), due + PERIOD * 3);
}

#[test]
fn a_block_that_fails_gives_no_bits_but_takes_its_time_and_its_number() {
    let mut device = device(0, 1.0);
    let (number, due) = (device.number, device.next_at);
    // The chance that the highest random number occurs is 1 in 4 billion.
    assert!(device.take().unwrap().is_none());
    assert_eq!((device.number, device.next_at), (number + 1, due + PERIOD));
}

#[test]
fn a_block_survives_its_octets() {
    let (block, frame) = device(1, 0.0).take().unwrap().unwrap();
    assert_eq!(decode(&frame), Some((block, &frame[HEAD_LEN..])));
    assert_eq!(decode(&frame[..23]), None);
}
