//! What can have happened to a number: one table, from which everything else comes.

use super::field::{Field, Value};
use crate::store::Stream;
use deed::Reason;
use deed::cbor::{Reader, Writer};
use wire::{Imei, Imsi, Plmn, UnixTime};

macro_rules! happened {
    ($(
        $(#[$doc:meta])*
        $name:ident = $number:literal, $text:literal, $stream:ident { $($field:ident: $ty:ty),* }
    )*) => {
        /// Something that happened, with what is known of it.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(missing_docs, reason = "a field is what its name and the line above it say")]
        pub enum Happened { $( $(#[$doc])* $name { $($field: $ty),* }, )* }

        /// What kind of thing. Its number stands in rows and its name in answers; neither ever changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $( $(#[$doc])* $name = $number, )* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }

            /// Among which records it is kept.
            pub const fn stream(self) -> Stream {
                match self { $( Self::$name => Stream::$stream, )* }
            }

            fn of_number(number: u64) -> Option<Self> {
                match number { $( $number => Some(Self::$name), )* _ => None }
            }
        }

        impl Happened {
            /// Of what kind.
            pub const fn kind(&self) -> Kind {
                match self { $( Self::$name { .. } => Kind::$name, )* }
            }

            /// What is known of it, by name.
            pub fn details(&self) -> Vec<(&'static str, Value)> {
                match self { $( Self::$name { $($field),* } => vec![$((stringify!($field), $field.value())),*], )* }
            }

            pub(super) fn write(&self, w: Writer) -> Writer {
                match self { $( Self::$name { $($field),* } => {
                    let fields: &[&str] = &[$(stringify!($field)),*];
                    let w = w.uint($number).array(fields.len());
                    $( let w = $field.write(w); )*
                    w
                } )* }
            }

            pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Reason> {
                match Kind::of_number(r.uint()?).ok_or(Reason::Unknown("kind of entry"))? { $( Kind::$name => {
                    let fields: &[&str] = &[$(stringify!($field)),*];
                    r.array(fields.len() as u64)?;
                    Ok(Self::$name { $($field: Field::read(r)?),* })
                } )* }
            }
        }
    };
}

happened! {
    /// Somebody signed in at the portal.
    SignedIn = 1, "sign-in", SignIn { how: String, device: String }
    /// Somebody tried to sign in, and failed.
    SignInFailed = 2, "sign-in-failed", SignIn { how: String, device: String }
    /// A device signed in that had never done so.
    NewDevice = 3, "new-device", SignIn { device: String }
    /// A way of signing in was added or changed.
    SignInChanged = 4, "sign-in-changed", SignIn { what: String, device: String }
    /// A browser was invited to the portal by whoever has the watch key.
    Invited = 5, "invited", SignIn { }

    /// A card of the number proved itself and was served.
    Attached = 10, "attached", Network { imsi: Imsi, imei: Imei, plmn: Plmn, area: u64 }
    /// A card that is or was the number's was not served.
    TurnedAway = 11, "turned-away", Network { why: String, imsi: Imsi, imei: Imei, plmn: Plmn, area: u64 }
    /// A phone went.
    Detached = 12, "detached", Network { imsi: Imsi }
    /// The card is in another phone than before.
    PhoneChanged = 13, "phone-changed", Network { from: Imei, to: Imei }
    /// The card is in another place than before.
    PlaceChanged = 14, "place-changed", Network { from: Plmn, to: Plmn, area: u64 }
    /// The card is in another country than before.
    CountryChanged = 15, "country-changed", Network { from: Plmn, to: Plmn }
    /// The card's sequence number was ahead, and the network followed it.
    Resynced = 16, "resynced", Network { imsi: Imsi }
    /// A resynchronisation was refused: its code is wrong, or nobody had asked.
    ResyncRefused = 17, "resync-refused", Network { imsi: Imsi, why: String }
    /// The card said that a challenge was not its network's.
    MacFailure = 18, "mac-failure", Network { imsi: Imsi, imei: Imei, plmn: Plmn }
    /// The card gave another response than its key gives.
    WrongResponse = 19, "wrong-response", Network { imsi: Imsi, imei: Imei, plmn: Plmn }

    /// The number has an owner and a card.
    Issued = 30, "issued", Deed { iccid: String }
    /// A change was asked for.
    Requested = 31, "requested", Deed { what: String, change: u64 }
    /// Somebody agreed to it, from where.
    Consented = 32, "consented", Deed { from: String }
    /// It was stopped.
    Vetoed = 33, "vetoed", Deed { from: String }
    /// It is over: expired, refused or superseded.
    Ended = 34, "ended", Deed { reason: u64 }
    /// A lock or a suspension was set.
    Held = 35, "held", Deed { bits: String, from: String }
    /// A change is done.
    Committed = 36, "committed", Deed { what: String, change: u64 }
    /// An objection stands at the authentication centre.
    Objected = 37, "objected", Deed { in_time: bool }
    /// The number is watched by another key from now on.
    WatchKeyChanged = 38, "watch-key-changed", Deed { from: String }
    /// The number goes on under a later manifest of its operator.
    ManifestAdopted = 39, "manifest-adopted", Deed { }
    /// The authentication centre saw something that does not fit the deed.
    Observed = 46, "observed", Deed { what: String }
    /// The owner is to be told something.
    NoticeQueued = 40, "notice-queued", Deed { code: String }
    /// The owner has seen so many notices.
    NoticesSeen = 41, "notices-seen", Deed { count: u64 }
    /// A card was ordered to change a file of its own.
    Ordered = 42, "ordered", Deed { what: String, imsi: Imsi }
    /// The owner said that he is travelling.
    Travelling = 43, "travelling", Deed { until: UnixTime }
    /// A reason for caution was set aside for this number.
    ReasonSetAside = 44, "reason-set-aside", Deed { rule: String, until: UnixTime }
    /// Codes are held, or changes wait longer, for reasons that stand beside.
    Cautious = 45, "cautious", Deed { score: u64, reasons: String, codes_held_until: Option<UnixTime> }

    /// A code came for the number.
    CodePosted = 50, "code-posted", Code { from: String }
    /// A code is held.
    CodeHeld = 51, "code-held", Code { from: String, until: Option<UnixTime> }
    /// The phone has stored a code.
    CodeDelivered = 52, "code-delivered", Code { from: String }
    /// A code grew too old before anybody took it.
    CodeForgotten = 53, "code-forgotten", Code { from: String }

    /// Something cannot be right.
    Alarmed = 60, "alarm", Alarm { code: String }

    /// The card would not answer: what it said (TS 31.102 §7.1.2.1, TS 102 221 §10.2.1).
    CardRefused = 70, "card-refused", Card { status: u64, imsi: Imsi, imei: Imei }
    /// A secret was wrong at the card: PIN, PUK or ADM, and how many tries are left.
    SecretFailed = 71, "secret-failed", Card { which: String, left: u64 }
    /// The card said, signed by its owner's key: this was not me.
    CardAlert = 72, "card-alert", Card { count: u64, location: String }
}

impl std::str::FromStr for Kind {
    type Err = wire::Malformed;
    fn from_str(text: &str) -> Result<Self, wire::Malformed> {
        let found = Self::ALL.iter().find(|kind| kind.name() == text);
        found
            .copied()
            .ok_or(wire::Malformed::new("kind of entry", "none of those that docs/timeline.md lists"))
    }
}
