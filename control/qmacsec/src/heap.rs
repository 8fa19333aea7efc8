//! The global allocator wipes every block that is freed.
//!
//! Our own types wipe their secrets. The libraries between a KME and us do not: TLS and HTTP leave
//! QKD keys, as base64, in buffers that they free. When a buffer grows, its old block is wiped too.
//! The frame path does not allocate, so this costs it nothing.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);
