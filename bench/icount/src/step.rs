//! Counting with ptrace: the parent lets the child do one instruction after the other.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use gcm::Engine;
use nix::sys::personality::{self, Persona};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::work::{Piece, Selection, measured, run};
use crate::{CountError, Counts, per_frame};

/// A piece of work never takes more steps: the child would be in an endless loop.
const STEPS_MAX: u64 = 50_000_000;

/// Does the work of the child: it asks to be traced, and stops before and after each piece of work.
pub fn child(tell: &mut dyn FnMut(&Piece)) -> Result<(), CountError> {
    ptrace::traceme()?;
    run(Selection::Vaes512, &mut |piece, work| {
        tell(piece);
        let stop = || raise(Signal::SIGSTOP).expect("a process may send itself a signal");
        stop();
        measured(work);
        stop();
    });
    Ok(())
}

/// Runs `program` with `arguments` as the child, and counts.
pub fn count(program: &std::path::Path, arguments: &[&str]) -> Result<Counts, CountError> {
    if !Engine::Vaes512.is_available() {
        return Err(CountError::Cpu);
    }
    // The work of memcpy depends on the layout of memory. The child inherits this setting; where it
    // is not allowed, counts may differ by a few instructions.
    let persona = personality::get();
    if let Ok(persona) = persona {
        let _ = personality::set(persona | Persona::ADDR_NO_RANDOMIZE);
    }
    // Parent and child take turns at every step; on one core that is much quicker than across two.
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.into_iter().last()) {
        core_affinity::set_for_current(core);
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let child = command.spawn();
    if let Ok(persona) = persona {
        let _ = personality::set(persona);
    }
    let mut child = child?;
    let instructions = steps(&child);
    if instructions.is_err() {
        // Already gone in most cases; its status is collected either way.
        let _ = child.kill();
    }
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said)?;
    }
    let _ = child.wait();
    per_frame(&parse(&said)?, &instructions?)
}

/// Instructions between each pair of stops.
fn steps(child: &Child) -> Result<Vec<u64>, CountError> {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("process ids are positive i32"));
    let mut all = Vec::new();
    loop {
        match waitpid(pid, None)? {
            WaitStatus::Stopped(_, Signal::SIGSTOP) => all.push(steps_to_stop(pid)?),
            WaitStatus::Stopped(_, signal) => {
                ptrace::cont(pid, signal)?;
                continue;
            }
            WaitStatus::Exited(_, 0) => return Ok(all),
            other => return Err(CountError::Child(format!("{other:?}"))),
        }
        ptrace::cont(pid, None)?;
    }
}

/// Single steps until the child stops itself again.
fn steps_to_stop(pid: Pid) -> Result<u64, CountError> {
    for steps in 0..STEPS_MAX {
        ptrace::step(pid, None)?;
        match waitpid(pid, None)? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            WaitStatus::Stopped(_, Signal::SIGSTOP) => return Ok(steps),
            other => return Err(CountError::Child(format!("{other:?} while stepping"))),
        }
    }
    Err(CountError::Child("endless work".to_owned()))
}

/// A piece as the child tells it: frames, a blank, its name.
pub fn tell(piece: &Piece) -> String {
    format!("{} {}\n", piece.frames, piece.name)
}

pub(crate) fn parse(said: &str) -> Result<Vec<Piece>, CountError> {
    let piece = |line: &str| {
        let (frames, name) = line.split_once(' ')?;
        Some(Piece {
            name: name.to_owned(),
            frames: frames.parse().ok().filter(|&n| n > 0)?,
        })
    };
    said.lines()
        .map(|line| piece(line).ok_or_else(|| CountError::Child(format!("it says `{line}`"))))
        .collect()
}
