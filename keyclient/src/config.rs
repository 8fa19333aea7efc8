//! The configuration of a client for one KME, and the URLs that follow from it.

use core::time::Duration;
use std::path::PathBuf;

use url::Url;

use crate::fault::ConfigError;
use crate::limits::{ID_LEN_MAX, TIMEOUT_MAX};

/// One KME and how to reach it.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// `https://host[:port]`, with or without the path `/api/v1/keys`. For a KME behind a prefix:
    /// `https://host/prefix`.
    pub base_url: String,
    /// ID that the KME's certificate must carry as common name or subject alternative name. With
    /// `None`, any certificate of the CA for this host is accepted.
    pub kme_id: Option<String>,
    /// ID of the SAE at the other site.
    pub peer_sae_id: String,
    /// PEM file with the certificate(s) of the CA that issued the KME's certificate.
    pub ca: PathBuf,
    /// PEM file with our SAE's certificate, followed by intermediate certificates if any.
    pub cert: PathBuf,
    /// PEM file with the private key of that certificate, not encrypted.
    pub key: PathBuf,
    /// Time limit for one call, connecting included. Must be well below the rekey interval.
    pub timeout: Duration,
    /// The form of the requests for keys.
    pub form: Form,
}

/// The protocol of a KME.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// ETSI GS QKD 014.
    #[default]
    Etsi014,
    /// SKIP, draft-cisco-skip.
    Skip,
}

/// The two forms of "Get key" and "Get key with key IDs".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// JSON in the body, which every KME understands.
    #[default]
    Post,
    /// Parameters in the URL where the standard allows it. Several `key_ID`s still use POST.
    Get,
}

/// The URLs of the three methods of ETSI GS QKD 014.
pub(crate) struct Urls {
    pub(crate) status: Url,
    pub(crate) enc_keys: Url,
    pub(crate) dec_keys: Url,
}

/// The URLs of the methods of SKIP. A key ID is appended to the path of `key`.
pub(crate) struct SkipUrls {
    pub(crate) capabilities: Url,
    pub(crate) key: Url,
}

/// Path of the API below the host, from the standard.
const API: [&str; 3] = ["api", "v1", "keys"];

impl ClientConfig {
    /// Checks everything except the files, and builds the URLs.
    pub(crate) fn urls(&self) -> Result<Urls, ConfigError> {
        self.check()?;
        let base = self.base(&API)?;
        let url = |method: &str| {
            let mut url = base.clone();
            if let Ok(mut path) = url.path_segments_mut() {
                path.push(&self.peer_sae_id).push(method); // percent-encodes the ID
            }
            url
        };
        Ok(Urls {
            status: url("status"),
            enc_keys: url("enc_keys"),
            dec_keys: url("dec_keys"),
        })
    }

    /// The same for SKIP, whose paths begin directly below `base_url`.
    pub(crate) fn skip_urls(&self) -> Result<SkipUrls, ConfigError> {
        self.check()?;
        let base = self.base(&[])?;
        let url = |method: &str| {
            let mut url = base.clone();
            if let Ok(mut path) = url.path_segments_mut() {
                path.push(method);
            }
            url
        };
        Ok(SkipUrls {
            capabilities: url("capabilities"),
            key: url("key"),
        })
    }

    /// The URL of a neighbour KME, below which the paths of ETSI GS QKD 020 begin.
    pub(crate) fn neighbour_url(&self) -> Result<Url, ConfigError> {
        self.check()?;
        self.base(&[])
    }

    fn check(&self) -> Result<(), ConfigError> {
        check_id("sae_id", &self.peer_sae_id)?;
        if let Some(kme_id) = &self.kme_id {
            check_id("kme_id", kme_id)?;
        }
        if self.timeout.is_zero() || self.timeout > TIMEOUT_MAX {
            return Err(ConfigError {
                field: "timeout",
                value: format!("{:?}", self.timeout),
                problem: "out of range".to_owned(),
                fix: format!("use more than 0 and at most {TIMEOUT_MAX:?}"),
            });
        }
        Ok(())
    }

    /// Returns `base_url` with the API's path.
    fn base(&self, api: &[&str]) -> Result<Url, ConfigError> {
        let wrong = |problem: &str, fix: &str| ConfigError {
            field: "url",
            value: self.base_url.clone(),
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        };
        let example = "write it like https://kme-a:8443";
        let mut url = Url::parse(&self.base_url)
            .map_err(|error| wrong(&format!("not a URL ({error})"), example))?;
        if url.scheme() != "https" {
            return Err(wrong("keys travel over https only", example));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "holds a user name or password",
                "the certificate says who we are",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("holds a query or fragment", example));
        }
        let segments: Vec<_> = url.path().split('/').filter(|s| !s.is_empty()).collect();
        let ends_in_api = segments.ends_with(api);
        let holds_api = !api.is_empty() && segments.windows(api.len()).any(|part| part == api);
        if holds_api && !ends_in_api {
            return Err(wrong(
                "holds the path of a request, which the client adds itself",
                example,
            ));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            if !ends_in_api {
                path.extend(api);
            }
        }
        Ok(url)
    }
}

/// Checks an ID: it is free text, but must be usable as one segment of a path.
fn check_id(field: &'static str, id: &str) -> Result<(), ConfigError> {
    let problem = if id.is_empty() {
        "empty"
    } else if id.len() > ID_LEN_MAX {
        "too long"
    } else if id.chars().any(char::is_control) {
        "holds control characters"
    } else if matches!(id, "." | "..") {
        "would be taken for a step in the path of the URL"
    } else {
        return Ok(());
    };
    Err(ConfigError {
        field,
        value: id
            .chars()
            .filter(|c| !c.is_control())
            .take(ID_LEN_MAX)
            .collect(),
        problem: problem.to_owned(),
        fix: "write the ID as it is registered at the KME".to_owned(),
    })
}

#[cfg(test)]
mod tests;
