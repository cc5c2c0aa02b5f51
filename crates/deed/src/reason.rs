//! Why a history was refused: in words an owner, a clerk and an auditor can act on.

use alloc::string::String;

/// An event that is no legal continuation, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq}: {reason}")]
pub struct Refusal {
    /// Its place in the chain.
    pub seq: u64,
    /// Why.
    pub reason: Reason,
}

/// The reasons, each with a short name of its own for machines ([`Reason::code`]).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant's text is its documentation")]
pub enum Reason {
    #[error("not deterministic CBOR of format 1: {0}")]
    Encoding(&'static str),
    #[error("{0} breaks a limit of format 1")]
    Limit(&'static str),
    #[error("unknown {0}; format 1 never skips what it does not know")]
    Unknown(&'static str),
    #[error("belongs to another deed")]
    OtherDeed,
    #[error("its number in the chain is not the next one")]
    Sequence,
    #[error("does not follow the newest event of this deed")]
    Prev,
    #[error("the manifest it was issued under is not known here")]
    Manifest,
    #[error("the manifest is not signed by the configured root")]
    Root,
    #[error("a signer is neither a factor of this deed nor a role of its operator")]
    Signer,
    #[error("this kind of signer may not sign this event: {0}")]
    Role(&'static str),
    #[error("one signer signed twice")]
    SignedTwice,
    #[error("a signature does not verify")]
    Signature,
    #[error("the passkey's answer is not for this statement: {0}")]
    WebAuthn(&'static str),
    #[error("the authenticator's signature counter went back: it may object, not consent")]
    Counter,
    #[error("signed over a head that is not in this chain")]
    AsOf,
    #[error("signed before something that makes it void: {0}")]
    Stale(&'static str),
    #[error("this factor's consent was silenced")]
    Silenced,
    #[error("this recovery sheet was used up by an earlier change")]
    Spent,
    #[error("a signature is missing: {0}")]
    Missing(&'static str),
    #[error("the intent is not well formed: {0}")]
    Intent(&'static str),
    #[error("the first event is not complete: {0}")]
    Issue(&'static str),
    #[error("the manifest cannot be adopted yet: {0}")]
    Adoption(&'static str),
    #[error("a hold forbids it (bit {0})")]
    Held(u64),
    #[error("another request of equal or higher rank is live")]
    Rank,
    #[error("there is no such live request")]
    NoRequest,
    #[error("the consent is for another intent than the live request's")]
    OtherIntent,
    #[error("the request overrides objections from this signer's place")]
    Overridden,
    #[error("silencing needs more than this: {0}")]
    Silencing(&'static str),
    #[error("the counted consents reach no class that may do this")]
    Class,
    #[error("the waiting time has not passed: {waited} of {needed} witnessed seconds")]
    Wait { waited: u64, needed: u64 },
    #[error("outside the request's time: witnessed {ready}, allowed {not_before} to {expiry}")]
    Window { ready: u64, not_before: u64, expiry: u64 },
    #[error("the owner was not notified before the wait began")]
    NotNotified,
    #[error("the log proof does not hold: {0}")]
    Log(String),
    #[error("an objection stands against this request")]
    Objected,
    #[error(
        "too late to stop: the change is already being written; kept as a hold, undo it by a new request"
    )]
    TooLate,
    #[error("the deed is closed")]
    Closed,
    #[error("the number was closed too short a time ago, or this is not what follows: {0}")]
    Generation(&'static str),
    #[error("this number already has a living deed here")]
    LivingDeed,
    #[error("the new card's IMSI or key already belongs to a number")]
    CardTaken,
    #[error("the new card's key does not match its commitment in the deed")]
    KeyMismatch,
    #[error("this part of format 1 is not served yet: {0}")]
    NotYet(&'static str),
}

impl Reason {
    /// A short name that never changes, for vectors, JSON and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "encoding",
            Self::Limit(_) => "limit",
            Self::Unknown(_) => "unknown",
            Self::OtherDeed => "other-deed",
            Self::Sequence => "sequence",
            Self::Prev => "prev",
            Self::Manifest => "manifest",
            Self::Root => "root",
            Self::Signer => "signer",
            Self::Role(_) => "role",
            Self::SignedTwice => "signed-twice",
            Self::Signature => "signature",
            Self::WebAuthn(_) => "webauthn",
            Self::Counter => "counter",
            Self::AsOf => "as-of",
            Self::Stale(_) => "stale",
            Self::Silenced => "silenced",
            Self::Spent => "spent",
            Self::Missing(_) => "missing",
            Self::Intent(_) => "intent",
            Self::Issue(_) => "issue",
            Self::Adoption(_) => "adoption",
            Self::Held(_) => "held",
            Self::Rank => "rank",
            Self::NoRequest => "no-request",
            Self::OtherIntent => "other-intent",
            Self::Overridden => "overridden",
            Self::Silencing(_) => "silencing",
            Self::Class => "class",
            Self::Wait { .. } => "wait",
            Self::Window { .. } => "window",
            Self::NotNotified => "not-notified",
            Self::Log(_) => "log",
            Self::Objected => "objected",
            Self::TooLate => "too-late",
            Self::Closed => "closed",
            Self::Generation(_) => "generation",
            Self::LivingDeed => "living-deed",
            Self::CardTaken => "card-taken",
            Self::KeyMismatch => "key-mismatch",
            Self::NotYet(_) => "not-yet",
        }
    }

    /// With the place where it happened.
    pub const fn at(self, seq: u64) -> Refusal {
        Refusal { seq, reason: self }
    }
}
