//! Values of config files: types that cannot hold an invalid value, parsed from the user's text.
//! Their messages end in `; fix: ...`, which [`super::file`] prints on a separate line.

use std::fmt;
use std::time::Duration;

use port::DeviceName;
use port::xdp::XdpMode;
use serde::Deserialize;

/// A duration such as `3s`, `500ms` or `5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        humantime::parse_duration(&text).map(Self).map_err(|_| {
            "is not a duration; fix: write a number with its unit, like \"3s\", \"500ms\" or \
                 \"5m\""
                .to_owned()
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

/// A MAC address: `01:80:c2:00:00:03`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mac(pub wire::MacAddr);

impl TryFrom<String> for Mac {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            "is not a MAC address; fix: write six pairs of hex digits joined by colons, like \
         \"02:00:00:00:00:0a\""
                .to_owned()
        })
    }
}

/// Addresses, `x` for any digit: `01:80:c2:00:00:0x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Addresses(pub wire::MacPattern);

impl TryFrom<String> for Addresses {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            "is not a MAC address; fix: write six pairs of hex digits joined by colons, with x for \
             any digit, like \"01:80:c2:00:00:0x\""
                .to_owned()
        })
    }
}

/// An action for frames, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ActionName(pub worker::Action);

impl TryFrom<String> for ActionName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        use worker::Action::{Bypass, Discard, Protect};
        [Protect, Bypass, Discard]
            .into_iter()
            .find(|action| action.name() == text)
            .map(Self)
            .ok_or_else(|| "is not an action; fix: protect, bypass or discard".to_owned())
    }
}

/// A control protocol by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ProtocolName(pub worker::Protocol);

impl TryFrom<String> for ProtocolName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            let names = worker::Protocol::ALL.map(worker::Protocol::name);
            format!(
                "is not the name of a known protocol; fix: one of {}, or give destination and \
                 ethertype",
                names.join(", ")
            )
        })
    }
}

/// A cipher suite by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SuiteName(pub secy::Suite);

impl TryFrom<String> for SuiteName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            "is not a cipher suite of 802.1AE; fix: gcm-aes-xpn-256 (default), gcm-aes-256, \
         gcm-aes-xpn-128 or gcm-aes-128"
                .to_owned()
        })
    }
}

/// The basis of keys, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyPolicyName(pub rekey::KeyPolicy);

impl TryFrom<String> for KeyPolicyName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            "is not a key policy; fix: qkd-and-pqc (default), qkd or pqc-when-short, the same at \
             both ends"
                .to_owned()
        })
    }
}

/// The AES-GCM engine: `auto`, or one by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct EngineName(pub gcm::Engine);

impl Default for EngineName {
    fn default() -> Self {
        Self(gcm::Engine::best())
    }
}

impl TryFrom<String> for EngineName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::default());
        }
        let engine: gcm::Engine = text.parse().map_err(|_| {
            let names: Vec<_> = gcm::Engine::ALL
                .iter()
                .map(|engine| engine.name())
                .collect();
            format!(
                "is not an AES-GCM engine; fix: auto (the fastest here), or one of {}",
                names.join(", ")
            )
        })?;
        if engine.is_available() {
            Ok(Self(engine))
        } else {
            Err("needs CPU features that this machine lacks; fix: write \"auto\"".to_owned())
        }
    }
}

/// The place where the XDP program of an AF_XDP port runs: `auto`, or one by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct XdpModeName(pub XdpMode);

impl Default for XdpModeName {
    fn default() -> Self {
        Self(XdpMode::Auto)
    }
}

impl TryFrom<String> for XdpModeName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            "is not a mode of AF_XDP; fix: auto (the best that works), zerocopy, native or skb"
                .to_owned()
        })
    }
}

/// A device of DPDK: a PCI address, or a virtual device and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DeviceText(pub DeviceName);

impl TryFrom<String> for DeviceText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|why| format!("is not a device of DPDK; fix: {why}"))
    }
}
