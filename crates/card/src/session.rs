//! What a card knows only while it has power: where it stands, and whom it has recognised.

use crate::credential::Which;
use crate::files::{Access, Dir, Ef};
use crate::ota::Assembly;
use crate::state::State;
use alloc::vec::Vec;

/// Everything a reset forgets.
pub(crate) struct Session {
    /// The current directory.
    pub(crate) dir: Dir,
    /// The current EF.
    pub(crate) ef: Option<Ef>,
    /// The current record of the current EF; 0 before the first.
    pub(crate) record: u8,
    /// Whether the USIM has been selected, so that 7FFF means something.
    pub(crate) application: bool,
    /// Data waiting for GET RESPONSE.
    pub(crate) pending: Vec<u8>,
    /// Parts of a packet that goes on.
    pub(crate) assembly: Option<Assembly>,
    pin_verified: bool,
    adm_verified: bool,
}

impl Session {
    /// As after a reset: the MF, nobody recognised.
    pub(crate) const fn new() -> Self {
        Self {
            dir: Dir::Mf,
            ef: None,
            record: 0,
            application: false,
            pending: Vec::new(),
            assembly: None,
            pin_verified: false,
            adm_verified: false,
        }
    }

    pub(crate) const fn enter(&mut self, dir: Dir) {
        self.dir = dir;
        self.ef = None;
        self.record = 0;
    }

    pub(crate) const fn choose(&mut self, ef: Ef) {
        self.ef = Some(ef);
        self.record = 0;
    }

    /// The application ends: its directory and its PIN's verification with it (TS 102 221 §8.5.3, §9.4).
    pub(crate) const fn terminate(&mut self) {
        self.enter(Dir::Mf);
        self.application = false;
        self.pin_verified = false;
    }

    pub(crate) const fn verified(&mut self, which: Which, verified: bool) {
        match which {
            Which::Pin => self.pin_verified = verified,
            Which::Adm => self.adm_verified = verified,
            Which::Puk => {}
        }
    }

    /// Whether whoever speaks may do what takes this. A disabled PIN asks nobody (TS 102 221 §9.4.1).
    pub(crate) const fn allows(&self, access: Access, state: &State) -> bool {
        match access {
            Access::Always => true,
            Access::Pin => self.pin_verified || !state.credential(Which::Pin).enabled,
            Access::Adm => self.adm_verified,
            Access::Never => false,
        }
    }
}
