//! Finds DPDK by `pkg-config`, compiles the shim against its headers, and links the libraries that
//! the shim calls. Drivers are no link dependency: DPDK loads them from its own directory.
//!
//! Without the feature `link` it does nothing.
#![allow(
    clippy::print_stdout,
    reason = "cargo reads what a build script prints"
)]

#[cfg(not(feature = "link"))]
fn main() {}

#[cfg(feature = "link")]
fn main() {
    use std::{env, process::exit};

    const OLDEST: &str = "22.11";
    /// The libraries whose functions the shim calls.
    const LIBRARIES: [&str; 4] = ["rte_ethdev", "rte_mbuf", "rte_mempool", "rte_eal"];
    const SOURCES: [&str; 3] = ["csrc/shim.h", "csrc/device.c", "csrc/frames.c"];

    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    let mut config = pkg_config::Config::new();
    config.atleast_version(OLDEST).cargo_metadata(false);
    let dpdk = config.probe("libdpdk").unwrap_or_else(|error| {
        eprintln!("DPDK {OLDEST} or newer is needed for the feature `dpdk` and was not found.");
        eprintln!("fix: apt-get install libdpdk-dev dpdk pkg-config (Debian, Ubuntu);");
        eprintln!("      for a DPDK of your own, PKG_CONFIG_PATH names the folder of libdpdk.pc;");
        eprintln!("      or build without the feature.");
        eprintln!("pkg-config: {error}");
        exit(1)
    });

    let mut shim = cc::Build::new();
    shim.files(SOURCES.iter().filter(|source| source.ends_with(".c")))
        .includes(&dpdk.include_paths)
        // The flags of libdpdk.pc; the pkg-config crate keeps only the include paths.
        .flag("-include")
        .flag("rte_config.h")
        .flag("-std=gnu11")
        .opt_level(3)
        .warnings(true)
        .extra_warnings(true)
        .flag_if_supported("-Wno-unused-parameter"); // for DPDK's own headers
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
        shim.flag("-march=corei7"); // the minimum that DPDK's headers need
    }
    shim.compile("qmacsec_dpdk");

    for path in &dpdk.link_paths {
        println!("cargo:rustc-link-search=native={}", path.display());
    }
    for library in LIBRARIES {
        println!("cargo:rustc-link-lib={library}");
    }
}
