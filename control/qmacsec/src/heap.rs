//! The heap of the program wipes every block that it frees.
//!
//! Our own types wipe their secrets. The libraries between a KME and us do not: TLS and HTTP leave
//! QKD keys, as base64, in buffers that they give back. A buffer that grows is copied, and the old
//! block is wiped too. The frame path does not allocate, so this costs it nothing.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);
