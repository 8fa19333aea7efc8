//! DPDK's log. Its lines give the reason where return values are plain errnos. So the last lines
//! are kept for the error, and nothing is written to the terminal or to syslog.

use std::{
    collections::VecDeque,
    ffi::{c_char, c_int},
    slice,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::limits;

/// The last lines, oldest first.
static SAID: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Redirects DPDK's log to this module, before EAL starts.
#[allow(unsafe_code, reason = "a call of DPDK")]
pub(super) fn take_over() -> c_int {
    // SAFETY: called once, by `Eal::start`, before EAL starts; `hear` does not call DPDK.
    unsafe { dpdk_sys::qm_log_to(hear) }
}

/// Clears the kept lines and runs a call; the lines kept afterwards belong to this call.
pub(super) fn listen<T>(call: impl FnOnce() -> T) -> T {
    said().clear();
    call()
}

/// The last lines in brackets, for an error; empty if there are none.
pub(super) fn last_words() -> String {
    let said = said();
    if said.is_empty() {
        return String::new();
    }
    let lines: Vec<_> = said.iter().map(String::as_str).collect();
    format!(" (it said: {})", lines.join("; "))
}

#[allow(unsafe_code, reason = "called by C")]
extern "C" fn hear(text: *const c_char, len: usize) {
    // SAFETY: the shim passes the buffer of its stream: `len` octets, alive during this call.
    let text = unsafe { slice::from_raw_parts(text.cast::<u8>(), len) };
    let mut said = said();
    for line in String::from_utf8_lossy(text).lines() {
        let line: String = line
            .trim()
            .chars()
            .take(limits::DPDK_LOG_LINE_LEN)
            .collect();
        if line.is_empty() {
            continue;
        }
        if said.len() == limits::DPDK_LOG_LINES {
            said.pop_front();
        }
        said.push_back(line);
    }
}

fn said() -> MutexGuard<'static, VecDeque<String>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}
