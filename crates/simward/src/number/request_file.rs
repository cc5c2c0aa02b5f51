//! A live request in a file: for those who must sign too and have no door to the number.

use super::NumberError;
use super::change::digest;
use deed::Digest;
use deed::event::AsOf;
use deed::history::Receipt;
use deed::intent::Intent;
use keys::Secret;
use serde::{Deserialize, Serialize};
use server::deployment::write_private;
use server::view::{LiveView, NumberView};
use std::path::Path;

/// A request, and where the deed stood when it was written down.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestFile {
    /// In a few words, as the node says it; what is signed is `intent`.
    pub(super) what: String,
    deed_id: String,
    seq: u64,
    head: String,
    request: String,
    intent: String,
    /// For the new owner of a transfer alone: what the old one hands over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<HandedOver>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandedOver {
    root_digest: String,
    watch_key: String,
}

impl RequestFile {
    /// Of a number's live request.
    pub(super) fn of(number: &NumberView) -> Option<Self> {
        let live = number.live.as_ref()?;
        Some(Self::new(&number.deed_id, (number.seq, &number.head), live))
    }

    /// Of a live request of a deed at its newest event.
    pub(super) fn new(deed_id: &str, (seq, head): (u64, &str), live: &LiveView) -> Self {
        Self {
            what: live.what.clone(),
            deed_id: deed_id.into(),
            seq,
            head: head.into(),
            request: live.request.clone(),
            intent: live.intent.clone(),
            receipt: None,
        }
    }

    /// With what the new owner of the number will read it by.
    pub(super) fn with_receipt(self, receipt: &Receipt) -> Self {
        let receipt = HandedOver {
            root_digest: hex::encode(receipt.root_digest),
            watch_key: hex::encode(receipt.watch_key.danger_expose()),
        };
        Self { receipt: Some(receipt), ..self }
    }

    /// Writes it, for its reader alone.
    pub(super) fn save(&self, path: &Path) -> Result<(), NumberError> {
        let text = toml::to_string(self).map_err(|e| NumberError::Asked(e.to_string()))?;
        write_private(path, text.as_bytes()).map_err(|e| NumberError::File(path.display().to_string(), e))
    }

    /// From its file.
    pub(super) fn load(path: &Path) -> Result<Self, NumberError> {
        let text =
            std::fs::read_to_string(path).map_err(|e| NumberError::File(path.display().to_string(), e))?;
        toml::from_str(&text).map_err(|_| {
            NumberError::Asked(format!("{}: not a request as `--request` writes it", path.display()))
        })
    }

    pub(super) fn deed_id(&self) -> Result<Digest, NumberError> {
        Ok(digest(&self.deed_id)?)
    }

    pub(super) fn as_of(&self) -> Result<AsOf, NumberError> {
        Ok(AsOf { seq: self.seq, head: digest(&self.head)? })
    }

    pub(super) fn request(&self) -> Result<Digest, NumberError> {
        Ok(digest(&self.request)?)
    }

    /// What would be signed: from the bytes, not from the words beside them.
    pub(super) fn intent(&self) -> Result<Intent, NumberError> {
        let intent = hex::decode(&self.intent).ok().and_then(|bytes| Intent::decode(&bytes).ok());
        intent.ok_or_else(|| NumberError::Asked("the request's `intent` is no intent".into()))
    }

    /// The receipt that a transfer hands over.
    pub(super) fn receipt(&self) -> Result<Receipt, NumberError> {
        let none = || NumberError::Asked("this request hands no number over: it has no receipt in it".into());
        let receipt = self.receipt.as_ref().ok_or_else(none)?;
        Ok(Receipt {
            deed_id: self.deed_id()?,
            root_digest: digest(&receipt.root_digest)?,
            watch_key: Secret::new(digest(&receipt.watch_key)?),
            seq: self.seq,
            head: digest(&self.head)?,
        })
    }
}
