//! Intel's Multi-Buffer Crypto for IPsec library, if it is installed: its direct call
//! (`IMB_AES256_GCM_ENC` and `_DEC`), which is the fastest it has for frames, one call a frame.
//!
//! The library keeps its functions in a struct, the manager, whose layout is part of its ABI and
//! changes between versions. So the version is asked first, an unknown one is refused, and a known
//! answer is computed before anything is measured.

#![allow(unsafe_code, reason = "a C library, loaded at run time")]

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use std::sync::Arc;

use gcm::ICV_LEN;
use libloading::Library;

use super::{FrameCipher, Icv};

const FILE: &str = "libIPSec_MB.so.1";

/// Offsets of the functions that we call, in octets from the start of the manager.
///
/// Found with `offsetof(IMB_MGR, …)` in a C program of a few lines, compiled against that
/// version's `intel-ipsec-mb.h` (1.3.0: Debian's libipsec-mb-dev 1.3-2, amd64). The same program
/// printed `sizeof(struct gcm_key_data)` = 1008 and `sizeof(struct gcm_context_data)` = 88.
struct Layout {
    /// The result of `imb_get_version()`.
    version: u32,
    gcm256_enc: usize,
    gcm256_dec: usize,
    gcm256_pre: usize,
}

const LAYOUTS: [Layout; 1] = [Layout {
    version: 0x01_03_00,
    gcm256_enc: 272,
    gcm256_dec: 296,
    gcm256_pre: 464,
}];

/// `struct gcm_key_data`, with room to spare.
#[repr(C, align(64))]
struct KeyData([u8; 1024]);

/// `struct gcm_context_data`, with room to spare.
#[repr(C, align(64))]
struct Context([u8; 128]);

/// `aes_gcm_pre_t`: raw key, expanded key.
type Pre = unsafe extern "C" fn(*const u8, *mut KeyData);

/// `aes_gcm_enc_dec_t`: expanded key, context, out, in, length, 12-octet IV, AAD, its length,
/// tag, its length.
type Crypt = unsafe extern "C" fn(
    *const KeyData,
    *mut Context,
    *mut u8,
    *const u8,
    u64,
    *const u8,
    *const u8,
    u64,
    *mut u8,
    u64,
);

type Text = extern "C" fn() -> *const c_char;
type Alloc = unsafe extern "C" fn(u64) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);
type Init = unsafe extern "C" fn(*mut c_void, *mut c_int);

#[derive(Debug, thiserror::Error)]
pub(super) enum IpsecMbError {
    #[error("{FILE} cannot be loaded (Debian: apt-get install libipsec-mb1): {0}")]
    NotThere(libloading::Error),
    #[error("{FILE} lacks a function: {0}")]
    Foreign(libloading::Error),
    #[error("{FILE} is version {0}, whose layout is not known here; known is 1.3.0")]
    Version(String),
    #[error("{FILE} could not allocate or fill its manager")]
    Manager,
    #[error("{FILE} fails a known answer test: not to be measured")]
    WrongAnswer,
}

pub(super) struct IpsecMb {
    pre: Pre,
    enc: Crypt,
    dec: Crypt,
    build: String,
    manager: *mut c_void,
    free: Free,
    /// Last, so that it outlives all the above.
    _library: Library,
}

// SAFETY: after `load` only `drop` reads or writes through `manager`; the functions keep their
// state in the key and context that they are given.
unsafe impl Send for IpsecMb {}
// SAFETY: as above.
unsafe impl Sync for IpsecMb {}

impl IpsecMb {
    pub(super) fn load() -> Result<Self, IpsecMbError> {
        // SAFETY: the library's initialiser only fills its own tables.
        let library = unsafe { Library::new(FILE) }.map_err(IpsecMbError::NotThere)?;
        // SAFETY: `u32 imb_get_version(void)`, in every version since 1.0.
        let version =
            unsafe { symbol::<extern "C" fn() -> u32>(&library, b"imb_get_version\0") }?();
        // SAFETY: `const char *imb_get_version_str(void)`, in every version since 1.0.
        let text = unsafe { symbol::<Text>(&library, b"imb_get_version_str\0") }?();
        let text = if text.is_null() {
            format!("{version:#x}")
        } else {
            // SAFETY: not null, and a C text that lives as long as the library.
            let text = unsafe { CStr::from_ptr(text) };
            text.to_string_lossy().into_owned()
        };
        let layout = LAYOUTS.iter().find(|layout| layout.version == version);
        let layout = layout.ok_or_else(|| IpsecMbError::Version(text.clone()))?;
        // SAFETY: `IMB_MGR *alloc_mb_mgr(u64 flags)`, in the version found.
        let alloc = unsafe { symbol::<Alloc>(&library, b"alloc_mb_mgr\0") }?;
        // SAFETY: `void free_mb_mgr(IMB_MGR *)`, in the version found.
        let free = unsafe { symbol::<Free>(&library, b"free_mb_mgr\0") }?;
        // SAFETY: `void init_mb_mgr_auto(IMB_MGR *, IMB_ARCH *)`, an enum without negative values.
        let init = unsafe { symbol::<Init>(&library, b"init_mb_mgr_auto\0") }?;
        // SAFETY: no flags; returns null when it fails.
        let manager = unsafe { alloc(0) };
        if manager.is_null() {
            return Err(IpsecMbError::Manager);
        }
        let mut arch = 0;
        // SAFETY: a manager just allocated, and an int to write to.
        unsafe { init(manager, &raw mut arch) };

        let functions = [layout.gcm256_pre, layout.gcm256_enc, layout.gcm256_dec];
        let functions = functions.map(|offset| function(manager, offset));
        let [Some(pre), Some(enc), Some(dec)] = functions else {
            // SAFETY: allocated above, not used any more.
            unsafe { free(manager) };
            return Err(IpsecMbError::Manager);
        };
        // SAFETY: the layout of this version says that this is a aes_gcm_pre_t.
        let pre = unsafe { core::mem::transmute::<*const c_void, Pre>(pre) };
        // SAFETY: likewise aes_gcm_enc_dec_t.
        let enc = unsafe { core::mem::transmute::<*const c_void, Crypt>(enc) };
        // SAFETY: likewise aes_gcm_enc_dec_t.
        let dec = unsafe { core::mem::transmute::<*const c_void, Crypt>(dec) };
        let build = format!("{text} {}", arch_name(arch));
        let this = Self {
            pre,
            enc,
            dec,
            build,
            manager,
            free,
            _library: library,
        };
        if this.known_answer() {
            Ok(this)
        } else {
            Err(IpsecMbError::WrongAnswer)
        }
    }

    pub(super) fn build(&self) -> &str {
        &self.build
    }

    /// Test case 14 of McGrew and Viega, "The Galois/Counter Mode of Operation": zeros throughout.
    fn known_answer(&self) -> bool {
        const CIPHERTEXT: u128 = 0xcea7_403d_4d60_6b6e_074e_c5d3_baf3_9d18;
        const TAG: u128 = 0xd0d1_c8a7_9999_6bf0_265b_98b5_d48a_b919;
        let mut key_data = KeyData([0; 1024]);
        // SAFETY: 32 octets, and room for the expanded key.
        unsafe { (self.pre)([0; 32].as_ptr(), &raw mut key_data) };
        let mut block = [0; 16];
        let mut icv = [0; ICV_LEN];
        crypt(self.enc, &key_data, &[], &mut block, &[0; 12], &mut icv);
        let sealed = block == CIPHERTEXT.to_be_bytes() && icv == TAG.to_be_bytes();
        crypt(self.dec, &key_data, &[], &mut block, &[0; 12], &mut icv);
        sealed && block == [0; 16] && icv == TAG.to_be_bytes()
    }
}

impl Drop for IpsecMb {
    fn drop(&mut self) {
        // SAFETY: allocated by alloc_mb_mgr, freed once; the library is still loaded.
        unsafe { (self.free)(self.manager) };
    }
}

/// A function of the library.
///
/// # Safety
/// It must have this type.
unsafe fn symbol<T: Copy>(library: &Library, name: &[u8]) -> Result<T, IpsecMbError> {
    // SAFETY: the caller knows its type.
    let symbol = unsafe { library.get::<T>(name) };
    Ok(*symbol.map_err(IpsecMbError::Foreign)?)
}

/// The pointer that stands at `offset` in the manager; `None` where it is null.
fn function(manager: *mut c_void, offset: usize) -> Option<*const c_void> {
    // SAFETY: the manager of every known version is far longer than these offsets (52 KB).
    let place = unsafe { manager.cast::<u8>().add(offset) };
    // SAFETY: a pointer stands there, and the offset is a multiple of 8.
    let function = unsafe { place.cast::<*const c_void>().read() };
    (!function.is_null()).then_some(function)
}

fn arch_name(arch: c_int) -> &'static str {
    match arch {
        2 => "SSE",
        3 => "AVX",
        4 => "AVX2",
        5 => "AVX-512",
        _ => "without vector instructions",
    }
}

fn crypt(
    function: Crypt,
    key: &KeyData,
    aad: &[u8],
    payload: &mut [u8],
    nonce: &[u8; 12],
    icv: &mut Icv,
) {
    let mut context = core::mem::MaybeUninit::<Context>::uninit();
    let text = payload.as_mut_ptr();
    // SAFETY: `function` came out of the manager of a known version; all pointers go with their
    // lengths; out and in are the same buffer, which the library allows; the context needs no
    // initial value.
    unsafe {
        function(
            ptr::from_ref(key),
            context.as_mut_ptr(),
            text,
            text,
            payload.len() as u64,
            nonce.as_ptr(),
            aad.as_ptr(),
            aad.len() as u64,
            icv.as_mut_ptr(),
            ICV_LEN as u64,
        );
    }
}

pub(super) struct Key {
    library: Arc<IpsecMb>,
    data: Box<KeyData>,
}

impl Key {
    pub(super) fn new(library: Arc<IpsecMb>, key: &[u8; 32]) -> Self {
        let mut data = Box::new(KeyData([0; 1024]));
        // SAFETY: 32 octets, and room for the expanded key.
        unsafe { (library.pre)(key.as_ptr(), &raw mut *data) };
        Self { library, data }
    }
}

impl FrameCipher for Key {
    fn seal(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &mut Icv) {
        crypt(self.library.enc, &self.data, aad, payload, &nonce, icv);
    }

    /// The library leaves it to its caller to compare the tags; so that is part of the work here,
    /// as it is for every other contender.
    fn open(&self, nonce: [u8; 12], aad: &[u8], payload: &mut [u8], icv: &Icv) -> bool {
        let mut tag = [0; ICV_LEN];
        crypt(self.library.dec, &self.data, aad, payload, &nonce, &mut tag);
        u128::from_ne_bytes(tag) ^ u128::from_ne_bytes(*icv) == 0
    }
}
