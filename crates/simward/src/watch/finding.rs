//! What a watcher finds, and what it keeps to show others.

use deed::log::note::SignedNote;
use serde::Serialize;
use server::deployment::write_private;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// News or an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// An event of the watched number was logged.
    Event,
    /// Something that must not be.
    Alarm,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// News or an alarm.
    pub(crate) kind: Kind,
    /// A short name that never changes.
    pub(crate) code: &'static str,
    /// In words.
    pub(crate) text: String,
    /// Of which number.
    pub(crate) number: Option<String>,
    /// Which event of it.
    pub(crate) event: Option<u64>,
    /// Its leaf.
    pub(crate) leaf: Option<u64>,
    /// By when it was logged, in witnesses' time.
    pub(crate) logged_at: Option<u64>,
    /// Where the evidence is.
    pub(crate) evidence: Option<PathBuf>,
    /// What tells this alarm from others of its code: it is not told twice a day.
    #[serde(skip)]
    pub(crate) key: String,
    /// The evidence: files by name.
    #[serde(skip)]
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
}

impl Finding {
    /// An alarm.
    pub(crate) fn alarm(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Alarm,
            code,
            text: text.into(),
            number: None,
            event: None,
            leaf: None,
            logged_at: None,
            evidence: None,
            key: String::new(),
            files: Vec::new(),
        }
    }

    /// With a file of evidence.
    pub(crate) fn with(mut self, name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((name, bytes.into()));
        self
    }

    /// With a note as it was served.
    pub(crate) fn with_note(self, name: &'static str, note: &SignedNote) -> Self {
        self.with(name, note.encode())
    }

    /// What it is known by among alarms already told.
    pub(crate) fn id(&self) -> String {
        format!("{} {}", self.code, self.key)
    }

    /// Writes the evidence into a folder of its own, durably, before anybody is told where it is.
    pub(crate) fn keep(&mut self, within: &Path) -> io::Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        let all: Vec<&[u8]> = self.files.iter().map(|(_, bytes)| bytes.as_slice()).collect();
        let [a, b, c, d, ..] = keys::digest::sha256(&all);
        let folder = within.join(format!("{}-{}", self.code, hex::encode([a, b, c, d])));
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        write_private(&folder.join("what.txt"), format!("{}\n", self.text).as_bytes())?;
        for (name, bytes) in &self.files {
            write_private(&folder.join(name), bytes)?;
        }
        self.evidence = Some(folder);
        Ok(())
    }
}
