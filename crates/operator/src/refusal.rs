//! Why something was not done, and whose fault that is.

/// One kind for each party that can be at fault; a door turns it into its protocol's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// These bytes are not the message they claim to be.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A good message at the wrong moment.
    #[error("out of place: {0}")]
    OutOfPlace(String),
    /// Understood, and the rules say no.
    #[error("refused ({code}): {why}")]
    Refused {
        /// A short name that never changes.
        code: &'static str,
        /// In words.
        why: String,
    },
    /// Not yet: so many witnessed seconds are missing.
    #[error("refused (wait): {why}")]
    Wait {
        /// In words.
        why: String,
        /// How many.
        missing: u64,
    },
    /// Our store or our bug: wake someone.
    #[error("broken: {0}")]
    Broken(String),
}

impl Refusal {
    /// The rules say no.
    pub fn refused(code: &'static str, why: impl Into<String>) -> Self {
        Self::Refused { code, why: why.into() }
    }

    /// A short name for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::OutOfPlace(_) => "out-of-place",
            Self::Refused { code, .. } => code,
            Self::Wait { .. } => "wait",
            Self::Broken(_) => "broken",
        }
    }
}

impl From<deed::Refusal> for Refusal {
    fn from(refusal: deed::Refusal) -> Self {
        if let deed::Reason::Wait { waited, needed } = &refusal.reason {
            return Self::Wait { missing: needed.saturating_sub(*waited), why: refusal.to_string() };
        }
        Self::Refused { code: refusal.reason.code(), why: refusal.to_string() }
    }
}

impl From<deed::Reason> for Refusal {
    fn from(reason: deed::Reason) -> Self {
        Self::Refused { code: reason.code(), why: reason.to_string() }
    }
}

impl From<wire::Malformed> for Refusal {
    fn from(malformed: wire::Malformed) -> Self {
        Self::Malformed(malformed.to_string())
    }
}

impl From<crate::store::Broken> for Refusal {
    fn from(broken: crate::store::Broken) -> Self {
        Self::Broken(broken.0)
    }
}
