//! What a card knows only while it has power: where each logical channel stands, and whom it has recognised.

use crate::authenticate::Blocks;
use crate::card::Live;
use crate::channels::Channels;
use crate::file::FileId;
use crate::iot_safe::OnChannel;
use crate::key::{KeyRef, KeySet};
use crate::ota::Assembly;
use crate::plain::Plain;
use crate::rule::{Condition, Operation};
use crate::state::State;
use crate::toolkit::Toolkit;
use crate::vault::Secrets;
use alloc::vec::Vec;
use core::fmt;
use wire::apdu::Status;

/// The EF that a channel has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) file: FileId,
    /// The identifier it was chosen by, which is another than its own if a link led to it.
    pub(crate) fid: u16,
}

/// Data objects on their way into or out of a file, block by block (TS 102 221 §11.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// What was taken from a file, and how much of it has been given out.
    Out { file: FileId, whole: Vec<u8>, given: usize, last: usize },
    /// What has come for a file.
    In { file: FileId, so_far: Vec<u8> },
}

/// One logical channel: its place in the tree, and who has proved on it to be whom (TS 102 221 §8.7).
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    /// The current directory.
    pub(crate) dir: FileId,
    /// The current EF.
    pub(crate) ef: Option<Chosen>,
    /// The current record of the current EF; 0 before the first.
    pub(crate) record: u8,
    /// The application that is active.
    pub(crate) application: Option<FileId>,
    /// A transfer under way.
    pub(crate) transfer: Option<Transfer>,
    /// A command of which only the beginning has come.
    pub(crate) chain: Option<Chain>,
    /// AUTHENTICATE, block by block.
    pub(crate) blocks: Option<Blocks>,
    /// What the application of keys knows here.
    pub(crate) safe: OnChannel,
    shown: KeySet,
}

impl Channel {
    /// As after a reset: the MF, nobody recognised.
    pub(crate) const fn new() -> Self {
        Self {
            dir: FileId::MF,
            ef: None,
            record: 0,
            application: None,
            transfer: None,
            chain: None,
            blocks: None,
            safe: None,
            shown: KeySet::EMPTY,
        }
    }

    /// One that begins where this one stands, with nothing under way.
    pub(crate) fn another(&self) -> Self {
        Self { transfer: None, chain: None, blocks: None, safe: None, ..self.clone() }
    }

    pub(crate) fn enter(&mut self, dir: FileId) {
        self.dir = dir;
        self.ef = None;
        self.record = 0;
        self.transfer = None;
    }

    pub(crate) fn choose(&mut self, ef: Chosen) {
        self.ef = Some(ef);
        self.record = 0;
        self.transfer = None;
    }

    /// An application begins; one that was there before ends, and with it what was shown to it alone.
    pub(crate) fn begin(&mut self, application: FileId) {
        if self.application != Some(application) {
            self.shown = self.shown.global();
            (self.blocks, self.safe) = (None, None);
        }
        self.application = Some(application);
    }

    /// The application ends: its directory and whoever was recognised with it (TS 102 221 §8.5.3). The universal PIN is no
    /// application's (§9.4.1).
    pub(crate) fn terminate(&mut self) {
        let universal = KeySet::of(KeyRef::UNIVERSAL);
        let kept = if self.shown.has_all(universal) { universal } else { KeySet::EMPTY };
        *self = Self { shown: kept, ..Self::new() };
    }

    /// Nobody is recognised here any more, and nothing is under way.
    pub(crate) fn forget_all(&mut self) {
        self.shown = KeySet::EMPTY;
        (self.transfer, self.chain, self.blocks, self.safe) = (None, None, None, None);
    }

    /// Whoever speaks has shown this key.
    pub(crate) const fn recognise(&mut self, key: KeyRef) {
        self.shown = self.shown.with(KeySet::of(key));
    }

    /// And is taken for its holder no more.
    pub(crate) const fn forget(&mut self, key: KeyRef) {
        self.shown = self.shown.without(KeySet::of(key));
    }

    /// Whether whoever speaks may do what takes this.
    pub(crate) fn allows(&self, takes: Condition, state: &State) -> bool {
        takes.allows(state.effective(self.shown))
    }

    /// Whether whoever speaks may do this to that file. Rules are an operator's to change, whatever a rule says.
    pub(crate) fn may(&self, operation: Operation, file: FileId, state: &State) -> bool {
        let takes = state.tree.takes(file, operation);
        let changes_rules = operation != Operation::Read && state.tree.file(file).is_some_and(|f| f.is_arr());
        self.allows(takes, state) && (!changes_rules || takes.is_administrative())
    }
}

/// Data waiting for GET RESPONSE, and on which channel.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) channel: u8,
    /// Wiped on drop: it may be keys.
    pub(crate) data: Plain,
}

/// The beginning of a command whose end has not come (ISO/IEC 7816-4 §5.3.3).
#[derive(Clone)]
pub(crate) struct Chain {
    /// Class without the chaining bit, instruction, parameters.
    pub(crate) head: [u8; 4],
    /// What has come, which may be a PIN; `None` once another command broke in.
    pub(crate) data: Option<Plain>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain(…)")
    }
}

/// Everything a reset forgets.
pub(crate) struct Session {
    pub(crate) channels: Channels,
    /// The card's secrets, while somebody is recognised for whom they may be used.
    pub(crate) secrets: Option<Secrets>,
    pub(crate) pending: Pending,
    /// Whether the terminal has said that it knows more than three further channels.
    pub(crate) knows_all_channels: bool,
    /// Parts of a packet that goes on.
    pub(crate) assembly: Option<Assembly>,
    pub(crate) toolkit: Toolkit,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            channels: Channels::new(),
            secrets: None,
            pending: Pending::default(),
            knows_all_channels: false,
            assembly: None,
            toolkit: Toolkit::default(),
        }
    }

    /// Closes the vault if nobody is recognised any more.
    pub(crate) fn close_vault(&mut self, state: &State) {
        let holders = Condition::key(KeyRef::PIN1);
        if self.secrets.is_some() && !self.channels.open_ones().any(|c| c.allows(holders, state)) {
            self.secrets = None;
        }
    }
}

/// The secrets, for whoever gave the PIN on this channel, or where nobody is asked for it.
pub(crate) fn secrets<'s, M, A>(
    live: &Live<M, A>,
    channel: &Channel,
    secrets: &'s mut Option<Secrets>,
) -> Result<&'s Secrets, Status> {
    if !channel.allows(Condition::key(KeyRef::PIN1), &live.state) {
        return Err(Status::SECURITY_NOT_SATISFIED);
    }
    if secrets.is_none() {
        let key = live.state.held(&live.pepper).ok_or(Status::SECURITY_NOT_SATISFIED)?;
        *secrets = live.state.open(&key);
    }
    secrets.as_ref().ok_or(Status::TECHNICAL_PROBLEM)
}
