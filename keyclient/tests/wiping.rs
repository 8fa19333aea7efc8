//! Tests that freed memory never holds a key, with an allocator that examines each freed block.
//!
//! It covers all allocations of this crate between a reply and the drop of the key. It does not
//! cover the buffers of TLS and HTTP, which this crate cannot wipe.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use keyclient::{KeyBytes, SecretText};
use kme_api::etsi014::{DeliveredKey, KeyContainer};
use kme_api::skip::SkipKey;

/// The search pattern: a sequence of octets that no other part of a test program produces.
const KEY: [u8; 32] = *b"\xf0the key that must not linger!\xf1\xf2";
/// The key as base64, without the padding.
const TEXT: &[u8] = b"8HRoZSBrZXkgdGhhdCBtdXN0IG5vdCBsaW5nZXIh8fI";

/// The first half of the key in hexadecimal.
const HEX: &[u8] = b"f0746865206b65792074686174206d75";

/// Freed blocks that still held the key in any form.
static LINGERING: AtomicUsize = AtomicUsize::new(0);

struct Watch;

// SAFETY: every call is passed unchanged to the system allocator; freed memory is only read before.
unsafe impl GlobalAlloc for Watch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's guarantees are those of the system allocator.
        unsafe { System.alloc_zeroed(layout) } // zeroed, so that all of a block may be read
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        {
            // SAFETY: the block is live until the next statement, `layout.size()` octets long and
            // was initialised by `alloc`.
            let octets = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            if [&KEY[..16], &TEXT[..16], &HEX[..16]]
                .iter()
                .any(|form| holds(octets, form))
            {
                LINGERING.fetch_add(1, Ordering::SeqCst);
            }
        }
        // SAFETY: as for `alloc`.
        unsafe { System.dealloc(block, layout) }
    }
    // `realloc` is the default: alloc, copy, dealloc. So a buffer that grows is examined too.
}

#[global_allocator]
static ALLOCATOR: Watch = Watch;

fn holds(block: &[u8], pattern: &[u8]) -> bool {
    block.windows(pattern.len()).any(|window| window == pattern)
}

/// Counts the freed blocks that hold the key while `work` runs.
fn lingering(work: impl FnOnce()) -> usize {
    let before = LINGERING.load(Ordering::SeqCst);
    work();
    LINGERING.load(Ordering::SeqCst) - before
}

// Only one test: the count belongs to the whole program.
#[test]
fn keys_leave_nothing_behind() {
    assert_eq!(TEXT.len(), 43);
    assert_eq!(
        lingering(|| drop(KEY.to_vec())),
        1,
        "the watch sees a careless drop"
    );
    assert_eq!(lingering(|| drop(TEXT.to_vec())), 1, "in each form");
    assert_eq!(lingering(|| drop(HEX.to_vec())), 1, "in each form");

    // A reply in a buffer that is wiped below, so that the test itself leaves no key on the heap.
    let mut reply = zeroize::Zeroizing::new(Vec::with_capacity(512));
    reply.extend_from_slice(br#"{"keys":[{"key_ID":"a","key_extension":[],"key":""#);
    reply.extend_from_slice(TEXT);
    reply.extend_from_slice(br#"=","more":null}]}"#);

    let read = lingering(|| {
        let container: KeyContainer = serde_json::from_slice(&reply).unwrap();
        let key: KeyBytes = container.keys[0].key.decode().ok().unwrap();
        assert!(key.expose() == KEY);
        drop(container);
        drop(key);
    });
    assert_eq!(read, 0, "reading a container");

    let refused = lingering(|| {
        let broken = &reply[..reply.len() - 2];
        assert!(serde_json::from_slice::<KeyContainer>(broken).is_err());
    });
    assert_eq!(refused, 0, "a container that breaks off after the key");

    let written = lingering(|| {
        let text = SecretText::encode(&KEY);
        assert!(text.expose().as_bytes().starts_with(TEXT));
        drop(DeliveredKey::new("a", text, Some("modelled")));
    });
    assert_eq!(written, 0, "encoding a key");

    let mut skip = zeroize::Zeroizing::new(Vec::with_capacity(512));
    skip.extend_from_slice(br#"{"keyId":"a","key":""#);
    let hex = lingering(|| {
        let text = SecretText::encode_hex(&KEY);
        assert!(text.expose().as_bytes().starts_with(HEX));
        skip.extend_from_slice(text.expose().as_bytes());
        skip.extend_from_slice(br#""}"#);
    });
    assert_eq!(hex, 0, "encoding a key for SKIP");
    let read = lingering(|| {
        let key: SkipKey = serde_json::from_slice(&skip).unwrap();
        assert!(key.key.decode_hex().ok().unwrap().expose() == KEY);
    });
    assert_eq!(read, 0, "reading a key of SKIP");
    assert_eq!(lingering(|| drop(skip)), 0, "the reply of SKIP");
    assert_eq!(lingering(|| drop(reply)), 0, "the reply itself");
}
