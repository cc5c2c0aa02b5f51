//! A log as it is served: C2SP tlog-tiles over HTTP. Whoever serves it learns that somebody reads the log, and not whose
//! number it is about.

use deed::Digest;
use deed::log::LogError;
use deed::log::note::SignedNote;
use deed::log::tile::{FULL, Tile};
use std::time::Duration;

/// Longest answer read: a full bundle of entries is at most 256 × 65,537 octets, and ours are far shorter.
const MAX_ANSWER: u64 = 17 * 1024 * 1024;

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// Nobody answers.
    #[error("{url} does not answer: {why}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// It has not got what its own checkpoint says it has.
    #[error("{0} is not there, though the log's own checkpoint covers it")]
    Gone(String),
    /// It is something else.
    #[error("{path}: {why}")]
    NotThat {
        /// What was asked for.
        path: String,
        /// Why it is not that.
        why: &'static str,
    },
    /// From what was read nothing can be computed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Where resources of a log come from.
pub(crate) trait Source {
    /// What is at a path after the log's prefix; nothing, if nothing is there.
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError>;
}

/// A log at an address.
pub(crate) struct Http {
    agent: ureq::Agent,
    prefix: String,
}

impl Http {
    /// The log with this URL prefix.
    pub(crate) fn new(prefix: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { agent: config.into(), prefix: prefix.trim_end_matches('/').into() }
    }
}

impl Source for Http {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let url = format!("{}/{path}", self.prefix);
        let unreachable = |why: String| SourceError::Unreachable { url: url.clone(), why };
        let mut response = self.agent.get(&url).call().map_err(|e| unreachable(e.to_string()))?;
        match response.status().as_u16() {
            404 => Ok(None),
            200 => {
                let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
                body.map(Some).map_err(|e| unreachable(e.to_string()))
            }
            status => Err(unreachable(format!("HTTP {status}"))),
        }
    }
}

/// The newest checkpoint, as it is served.
pub(crate) fn checkpoint(source: &dyn Source) -> Result<SignedNote, SourceError> {
    let path = "checkpoint".to_string();
    let bytes = source.get(&path)?.ok_or_else(|| SourceError::Gone(path.clone()))?;
    SignedNote::parse(&bytes).map_err(|e| SourceError::NotThat { path, why: e.0 })
}

/// A tile's bytes and the name they came under: a partial tile may be gone once it is full (tlog-tiles, "Partial Tiles").
fn fetch(source: &dyn Source, tile: &Tile) -> Result<(Tile, Vec<u8>), SourceError> {
    if let Some(bytes) = source.get(&tile.to_string())? {
        return Ok((*tile, bytes));
    }
    let full = Tile { width: FULL as u16, ..*tile };
    match source.get(&full.to_string())? {
        Some(bytes) if full != *tile => Ok((full, bytes)),
        _ => Err(SourceError::Gone(tile.to_string())),
    }
}

/// A tile's hashes.
pub(crate) fn hashes(source: &dyn Source, tile: &Tile) -> Result<Vec<Digest>, SourceError> {
    let (served, bytes) = fetch(source, tile)?;
    let not_that = |e: LogError| SourceError::NotThat { path: served.to_string(), why: e.0 };
    let mut hashes = served.read_hashes(&bytes).map_err(not_that)?;
    hashes.truncate(usize::from(tile.width));
    Ok(hashes)
}

/// A bundle's entries.
pub(crate) fn entries(source: &dyn Source, tile: &Tile) -> Result<Vec<Vec<u8>>, SourceError> {
    let (served, bytes) = fetch(source, tile)?;
    let not_that = |e: LogError| SourceError::NotThat { path: served.to_string(), why: e.0 };
    let entries = served.read_entries(&bytes).map_err(not_that)?;
    Ok(entries.into_iter().take(usize::from(tile.width)).map(<[u8]>::to_vec).collect())
}
