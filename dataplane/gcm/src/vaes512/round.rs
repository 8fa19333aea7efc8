//! One AES round of several vectors, alone or with one vector of GHASH in between. Only this module
//! fixes the order of instructions.

/// Round `$round` of four or (`five`) five vectors, side by side.
macro_rules! round {
    ($t:expr, $round:expr, $state:ident $(, $five:ident)?) => {{
        let _key: __m512i;
        // SAFETY: reads one round key; `$round` is below their number.
        unsafe {
            asm!(
                "vmovdqa64 {key}, [{keys} + {at}]",
                "vaesenc {s0}, {s0}, {key}",
                "vaesenc {s1}, {s1}, {key}",
                "vaesenc {s2}, {s2}, {key}",
                "vaesenc {s3}, {s3}, {key}",
                $(concat!("vaesenc {", stringify!($five), "}, {", stringify!($five), "}, {key}"),)?
                keys = in(reg) $t.round_keys.as_ptr(),
                at = const 64 * $round,
                key = out(zmm_reg) _key,
                s0 = inout(zmm_reg) $state[0],
                s1 = inout(zmm_reg) $state[1],
                s2 = inout(zmm_reg) $state[2],
                s3 = inout(zmm_reg) $state[3],
                $($five = inout(zmm_reg) $state[4],)?
                options(nostack, preserves_flags, readonly),
            );
        }
    }};
}

/// Same as `round`, and between its instructions `sum += x * h`, not reduced.
macro_rules! round_hash {
    ($t:expr, $round:expr, $state:ident, $sum:expr, $x:expr, $h:expr $(, $five:ident)?) => {{
        let _key: __m512i;
        let (_low, _high, _mid, _dle): (__m512i, __m512i, __m512i, __m512i);
        // SAFETY: reads one round key; `$round` is below their number.
        unsafe {
            asm!(
                "vmovdqa64 {key}, [{keys} + {at}]",
                "vaesenc {s0}, {s0}, {key}",
                "vpclmulqdq {low}, {x}, {h}, 0x00",
                "vaesenc {s1}, {s1}, {key}",
                "vpclmulqdq {high}, {x}, {h}, 0x11",
                "vaesenc {s2}, {s2}, {key}",
                "vpclmulqdq {mid}, {x}, {h}, 0x01",
                "vaesenc {s3}, {s3}, {key}",
                "vpclmulqdq {dle}, {x}, {h}, 0x10",
                $(concat!("vaesenc {", stringify!($five), "}, {", stringify!($five), "}, {key}"),)?
                "vpxorq {sum_low}, {sum_low}, {low}",
                "vpxorq {sum_high}, {sum_high}, {high}",
                "vpternlogq {sum_mid}, {mid}, {dle}, 0x96",
                keys = in(reg) $t.round_keys.as_ptr(),
                at = const 64 * $round,
                key = out(zmm_reg) _key,
                s0 = inout(zmm_reg) $state[0],
                s1 = inout(zmm_reg) $state[1],
                s2 = inout(zmm_reg) $state[2],
                s3 = inout(zmm_reg) $state[3],
                $($five = inout(zmm_reg) $state[4],)?
                x = in(zmm_reg) $x,
                h = in(zmm_reg) $h,
                low = out(zmm_reg) _low,
                high = out(zmm_reg) _high,
                mid = out(zmm_reg) _mid,
                dle = out(zmm_reg) _dle,
                sum_low = inout(zmm_reg) $sum.lo,
                sum_mid = inout(zmm_reg) $sum.mid,
                sum_high = inout(zmm_reg) $sum.hi,
                options(nostack, preserves_flags, readonly),
            );
        }
    }};
}

/// Expands to several `round`s.
macro_rules! rounds {
    ($t:expr, $state:ident, $($r:literal)*) => { $( round!($t, $r, $state); )* };
    (five $t:expr, $state:ident, $($r:literal)*) => { $( round!($t, $r, $state, five); )* };
}

/// Forces these values to be computed before the next block.
macro_rules! pin {
    ($($value:expr),*) => { $(
        // SAFETY: contains no instruction.
        unsafe { asm!("/* {} */", inout(zmm_reg) $value, options(nomem, nostack, preserves_flags)) };
    )* };
}

pub(super) use {pin, round, round_hash, rounds};
