//! The program `sim` finds no violation. `scripts/seeds` names the seeds: `SEEDS=n` their number,
//! `FROM=n` the first one.

use std::process::Command;

#[test]
fn the_program_finds_no_violation() {
    let number = |name, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let mut sim = Command::new(env!("CARGO_BIN_EXE_sim"));
    sim.args(["--seeds", &number("SEEDS", "10")]);
    sim.args(["--from", &number("FROM", "0")]);
    let output = sim.output().unwrap();
    let (said, wrong) = (output.stdout, output.stderr);
    println!("{}", String::from_utf8_lossy(&said));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&wrong)
    );
}
