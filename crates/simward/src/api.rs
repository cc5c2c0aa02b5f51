//! The command line's side of a node's HTTP door, on loopback.

use serde::Serialize;
use serde::de::DeserializeOwned;
use server::view::ErrorView;
use std::path::Path;
use std::time::Duration;

/// Why a call did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The node said no.
    #[error("{message}")]
    Refused {
        /// A short name that never changes.
        code: String,
        /// In words.
        message: String,
    },
    /// There is no node.
    #[error("no node answers at {url} ({why}); start one with `simward up`")]
    NoNode {
        /// Where it should be.
        url: String,
        /// What happened instead.
        why: String,
    },
    /// The data folder is none.
    #[error("{0}: {1}; is this a node's data folder, and has `simward up` run there?")]
    Folder(String, std::io::Error),
    /// An answer that is none of ours.
    #[error("the node's answer is not understood: {0}")]
    Answer(String),
}

impl ApiError {
    /// Whether nothing was done, for certain.
    pub(crate) fn is_certain(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code != "broken" && code != "http")
    }

    /// The short name of a refusal.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::NoNode { .. } => "no-node",
            Self::Folder(..) => "folder",
            Self::Answer(_) => "answer",
        }
    }
}

/// A node, and the tokens of whoever asks.
#[derive(Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    url: String,
    /// Lets a desk ask.
    pub(crate) desk: String,
    /// Lets the bureau draw cards.
    pub(crate) bureau: String,
    /// Lets relying parties post messages and ask.
    pub(crate) bank: String,
}

impl Api {
    /// The node whose data folder this is: its address and tokens stand there.
    pub(crate) fn of_folder(data: &Path) -> Result<Self, ApiError> {
        let read = |name: &str| {
            let path = data.join(name);
            let text = std::fs::read_to_string(&path)
                .map_err(|e| ApiError::Folder(path.display().to_string(), e))?;
            Ok(text.trim().to_string())
        };
        let [desk, bureau, bank] = ["keys/desk.token", "keys/bureau.token", "keys/bank.token"].map(read);
        Ok(Self::new(&read("url")?, &desk?, &bureau?, &bank?))
    }

    /// The same without any token, for somebody who brings signatures.
    pub(crate) fn of_anybody(data: &Path) -> Result<Self, ApiError> {
        let path = data.join("url");
        let url =
            std::fs::read_to_string(&path).map_err(|e| ApiError::Folder(path.display().to_string(), e))?;
        Ok(Self::new(url.trim(), "", "", ""))
    }

    /// A node at an address.
    pub(crate) fn new(url: &str, desk: &str, bureau: &str, bank: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self {
            agent: config.into(),
            url: url.into(),
            desk: desk.into(),
            bureau: bureau.into(),
            bank: bank.into(),
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// GET, as whoever has this token.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str, token: &str) -> Result<T, ApiError> {
        let bytes = self.get_bytes(path, token)?;
        serde_json::from_slice(&bytes).map_err(|e| ApiError::Answer(e.to_string()))
    }

    /// GET of something that is not JSON.
    pub(crate) fn get_bytes(&self, path: &str, token: &str) -> Result<Vec<u8>, ApiError> {
        let request =
            self.agent.get(format!("{}{path}", self.url)).header("authorization", format!("Bearer {token}"));
        self.read(request.call())
    }

    /// GET of something that goes on, from behind a place in it.
    pub(crate) fn listen(
        &self,
        path: &str,
        token: &str,
        last: Option<&str>,
    ) -> Result<impl std::io::BufRead + use<>, ApiError> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        // It ends when its reader likes.
        let request = request.config().timeout_global(None).build();
        let no_node = |e: ureq::Error| ApiError::NoNode { url: self.url.clone(), why: e.to_string() };
        let response = request.call().map_err(no_node)?;
        if !response.status().is_success() {
            return Err(self.read(Ok(response)).err().unwrap_or(ApiError::Answer("no refusal".into())));
        }
        Ok(std::io::BufReader::new(response.into_body().into_reader()))
    }

    /// POST, as whoever has this token.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        token: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        let request =
            self.agent.post(format!("{}{path}", self.url)).header("authorization", format!("Bearer {token}"));
        let bytes = self.read(request.send_json(body))?;
        serde_json::from_slice(&bytes).map_err(|e| ApiError::Answer(e.to_string()))
    }

    fn read(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Vec<u8>, ApiError> {
        let no_node = |e: ureq::Error| ApiError::NoNode { url: self.url.clone(), why: e.to_string() };
        let mut response = response.map_err(no_node)?;
        let bytes = response.body_mut().read_to_vec().map_err(no_node)?;
        if response.status().is_success() {
            return Ok(bytes);
        }
        match serde_json::from_slice::<ErrorView>(&bytes) {
            Ok(ErrorView { code, message }) => Err(ApiError::Refused { code, message }),
            Err(_) => Err(ApiError::Answer(format!("HTTP {}", response.status()))),
        }
    }
}
