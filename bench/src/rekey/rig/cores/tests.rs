use super::*;

fn frames(allowed: &[usize]) -> Option<(usize, [usize; 2])> {
    let frames = Cores::of(allowed).frames;
    frames.map(|of| (of.hosts, of.devices))
}

#[test]
fn something_is_always_left_for_the_others() {
    assert_eq!(frames(&[]), None);
    assert_eq!(frames(&[3]), None);
    assert_eq!(frames(&[0, 1]), Some((1, [1, 1])));
    assert_eq!(frames(&[0, 1, 2]), Some((2, [2, 2])));
    assert_eq!(frames(&[2, 3, 5, 7]), Some((7, [3, 5])));
    assert_eq!(frames(&[0, 1, 2, 3, 4]), Some((4, [2, 3])));
}

#[test]
fn frames_have_a_core_that_nothing_else_is_on() {
    let parted = std::thread::spawn(|| {
        let allowed = || allowed().expect("a thread has cores");
        let all = allowed();
        let cores = Cores::part(false).expect("to leave a core is always allowed");
        let others = allowed();
        let Some(of_frames) = cores.frames else {
            return assert_eq!(others, all, "one core: it is shared");
        };
        let work = || assert_eq!(allowed(), [of_frames.hosts]);
        cores.as_hosts(work).expect("a core that was allowed");
        assert_eq!(allowed(), others, "and back");
        assert!(!others.contains(&of_frames.hosts));

        let open = || -> Opener {
            Box::new(|| {
                Err(PortError::System {
                    what: "opened".to_owned(),
                    source: io::Error::other("on purpose"),
                })
            })
        };
        let [red, _black] = cores.keep(1, [open(), open()]);
        assert!(red().is_err_and(|error| error.to_string().contains("opened")));
        assert_eq!(allowed(), [of_frames.devices[1]], "stays there");
    });
    parted.join().expect("all of the above");
}

#[test]
fn hosts_are_real_time_threads_where_that_is_asked_for_and_only_for_their_work() {
    use thread_priority::thread_schedule_policy;

    let parted = std::thread::spawn(|| {
        if realtime(OF_FRAMES).is_err() {
            return eprintln!("skipped: real-time priority needs CAP_SYS_NICE");
        }
        fair().expect("the way back");
        let usual = thread_schedule_policy().expect("a policy");
        let cores = Cores::part(false).expect("cores");
        if cores.frames.is_none() {
            return eprintln!("skipped: one core, which all share");
        }
        let hosts = |cores: Cores| {
            let policy = cores.as_hosts(|| thread_schedule_policy().expect("a policy"));
            policy.expect("a core that was allowed")
        };
        assert_eq!(hosts(cores), usual);
        let first = Cores {
            realtime: true,
            ..cores
        };
        let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        assert_eq!(hosts(first), fifo);
        assert_eq!(thread_schedule_policy().expect("a policy"), usual);
        assert!(first.to_string().contains("SCHED_FIFO"));
    });
    parted.join().expect("all of the above");
}

#[test]
fn a_throttle_of_real_time_threads_is_refused_with_the_fix() {
    let throttled = std::fs::read_to_string(THROTTLE)
        .expect("a Linux kernel")
        .trim()
        != NO_THROTTLE;
    let refused = std::thread::spawn(|| Cores::part(true).map_err(|error| error.to_string()));
    match refused.join().expect("no panic") {
        Err(words) => assert!(words.starts_with("--realtime needs "), "{words}"),
        Ok(_) => assert!(!throttled, "it would stop frames for 50 ms of each second"),
    }
}
