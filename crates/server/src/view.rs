//! What the API says, as JSON. Bytes are lower-case hexadecimal.

use deed::State;
use deed::pin::{Pin, Serve};
use deed::record::Tenure;
use deed::state::{Live, Slot};
use operator::pins::Served;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wire::UnixTime;

/// A number as its pin has it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NumberView {
    /// E.164 digits.
    pub number: String,
    /// What `resolve` answers: from the pin, never from the database.
    pub imsi: String,
    /// Serial number of the card in slot 0.
    pub iccid: String,
    /// Name of the card in slot 0.
    pub card_id: String,
    /// The deed.
    pub deed_id: String,
    /// Newest event.
    pub seq: u64,
    /// Its head.
    pub head: String,
    /// The live request.
    pub live: Option<LiveView>,
    /// Names of the stand-by cards that sleep.
    #[serde(default)]
    pub sleeping: Vec<String>,
    /// Every card, by its slot.
    #[serde(default)]
    pub cards: Vec<SlotView>,
    /// Hold bits that stand.
    pub holds: Vec<u64>,
    /// The owner's keys.
    pub factors: Vec<FactorView>,
    /// How many of the trusted people speak together; 0 where there are none.
    #[serde(default)]
    pub people_needed: u64,
    /// `personal`, `business` or `minor`.
    #[serde(default)]
    pub tenure: String,
    /// Whether the deed is at its end: the number has left or was given up.
    #[serde(default)]
    pub closed: bool,
    /// `served`, `emergency-only` or `refused`.
    pub served: String,
    /// Codes by SMS are held until then.
    pub sms_held_until: Option<u64>,
    /// Where the card was last seen.
    #[serde(default)]
    pub seen: Option<SeenView>,
    /// The newest time a quorum of witnesses vouches for.
    pub witnessed: u64,
    /// A test deployment says so with every answer.
    pub test_deed: bool,
    /// Where the promise ends.
    pub caveat: String,
}

/// A card in its slot.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SlotView {
    /// Which slot; the number is answered by slot 0.
    pub slot: u64,
    /// Name of the card.
    pub card_id: String,
    /// Its serial number.
    pub iccid: String,
    /// Whether it is a stand-by card that sleeps.
    pub asleep: bool,
}

/// Where a card was last seen.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeenView {
    /// When.
    pub at: u64,
    /// Whether it is attached now.
    pub attached: bool,
    /// The network.
    pub plmn: String,
    /// The tracking area.
    pub area: u16,
    /// The phone.
    pub imei: String,
}

/// What happened about a number: a card at the network, a sign-in, an alarm.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HappenedView {
    /// When.
    pub at: u64,
    /// `card`, `sign-in` or `alarm`.
    pub kind: String,
    /// What became of it: a short name.
    pub outcome: String,
    /// With what, and where.
    pub about: String,
}

/// A request that waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LiveView {
    /// Its head, which consents and vetoes name.
    pub request: String,
    /// In a few words.
    pub what: String,
    /// The whole intent, to be signed.
    pub intent: String,
    /// How many have agreed.
    pub consents: usize,
    /// Not before.
    pub not_before: u64,
    /// Not after.
    pub expiry: u64,
    /// When its wait is over, once one has begun.
    #[serde(default)]
    pub ready_at: Option<u64>,
}

/// One of the owner's keys.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FactorView {
    /// Its name.
    pub id: String,
    /// 1 phone, 2 elsewhere, 3 people.
    pub place: u64,
    /// A recovery sheet that has been used.
    pub spent: bool,
    /// Whether it may agree to nothing any more.
    #[serde(default)]
    pub silenced: bool,
}

/// What a single-process test deployment cannot promise.
const CAVEAT: &str = "witnesses and enforcement point run in one process with the operator";
/// The same, if other people run its witnesses.
pub(crate) const WITNESSED_CAVEAT: &str =
    "the enforcement point runs in one process with the operator; others run its witnesses";

impl NumberView {
    /// Of a pin.
    pub fn of(pin: &Pin, witnessed: UnixTime, live: bool, ready_at: Option<UnixTime>) -> Self {
        let state = &pin.state;
        let card = state.card();
        let (served, sms_held_until) = match card.map(|c| pin.serve(&c.imsi, witnessed)) {
            Some(Serve::Serve { sms_held_until }) => ("served", sms_held_until),
            Some(Serve::EmergencyOnly) => ("emergency-only", None),
            _ => ("refused", None),
        };
        Self {
            number: state.number.to_string(),
            imsi: pin.resolve(witnessed).map(|i| i.to_string()).unwrap_or_default(),
            iccid: card.map(|c| c.iccid.to_string()).unwrap_or_default(),
            card_id: card.map(|c| hex::encode(c.id().0)).unwrap_or_default(),
            deed_id: hex::encode(state.deed_id),
            seq: state.seq(),
            head: hex::encode(state.head()),
            live: state.live.as_ref().map(|l| LiveView::of(l, ready_at)),
            sleeping: state.slots.iter().filter(|s| s.dormant).map(|s| hex::encode(s.card.id().0)).collect(),
            cards: state.slots.iter().map(SlotView::of).collect(),
            holds: state.standing_holds(),
            factors: factors(state),
            people_needed: state.people_needed,
            tenure: match state.tenure {
                Tenure::Personal => "personal",
                Tenure::Business => "business",
                Tenure::Minor => "minor",
            }
            .into(),
            closed: state.closed.is_some(),
            served: served.into(),
            sms_held_until: sms_held_until.map(|t| t.0),
            seen: None,
            witnessed: witnessed.0,
            test_deed: !live,
            caveat: CAVEAT.into(),
        }
    }
}

impl ChangedView {
    /// Of a state after a change.
    pub(crate) fn after(state: &State, receipt: Option<ReceiptView>) -> Self {
        Self {
            deed_id: hex::encode(state.deed_id),
            seq: state.seq(),
            head: hex::encode(state.head()),
            request: state.live.as_ref().map(|l| hex::encode(l.head)),
            in_deed: true,
            receipt,
        }
    }
}

impl SlotView {
    fn of(slot: &Slot) -> Self {
        let card = &slot.card;
        let (card_id, iccid) = (hex::encode(card.id().0), card.iccid.to_string());
        Self { slot: slot.number, card_id, iccid, asleep: slot.dormant }
    }
}

impl LiveView {
    pub(crate) fn of(live: &Live, ready_at: Option<UnixTime>) -> Self {
        Self {
            request: hex::encode(live.head),
            what: operator::consent::describe(&live.intent),
            intent: hex::encode(live.intent.encode()),
            consents: live.consents.len(),
            not_before: live.intent.not_before,
            expiry: live.intent.expiry,
            ready_at: ready_at.map(|t| t.0),
        }
    }
}

fn factors(state: &State) -> Vec<FactorView> {
    let view = |f: &deed::state::FactorState| FactorView {
        id: hex::encode(f.id.0),
        place: f.factor.place.number(),
        spent: f.spent,
        silenced: f.silenced_consent,
    };
    state.factors.iter().map(view).collect()
}

/// How a card is served.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServeView {
    /// `served`, `emergency-only` or `refused`.
    pub served: String,
    /// Why not.
    pub code: Option<String>,
    /// Codes by SMS are held until then.
    pub sms_held_until: Option<u64>,
    /// The number it answers for.
    pub number: Option<String>,
}

impl ServeView {
    /// Of an answer.
    pub fn of(served: &Served<'_>, number: Option<String>) -> Self {
        match served {
            Served::Line(line) => Self {
                served: "served".into(),
                code: None,
                sms_held_until: line.sms_held_until.map(|t| t.0),
                number,
            },
            Served::EmergencyOnly => {
                Self { served: "emergency-only".into(), code: None, sms_held_until: None, number }
            }
            Served::Refused { code, .. } => Self {
                served: "refused".into(),
                code: Some((*code).into()),
                sms_held_until: None,
                number: None,
            },
        }
    }
}

/// A card drawn from the stock: for the personalisation bureau alone.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct DrawnView {
    /// The deed's card record.
    pub card: String,
    /// Serial number.
    pub iccid: String,
    /// Identity.
    pub imsi: String,
    /// K.
    pub k: String,
    /// OPc.
    pub opc: String,
    /// The card's own signing key.
    pub card_key: String,
    /// KIc and KID of remote management.
    pub ota: [String; 2],
}

/// Bytes of a first event, of a request, of a statement.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementBody {
    /// Event type.
    #[serde(rename = "type")]
    pub kind: u64,
    /// The event's body.
    pub body: String,
    /// Who signed it.
    pub proofs: Vec<String>,
}

/// A desk's request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// The whole intent.
    pub intent: String,
}

/// A desk invites the owner of a new number.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteBody {
    /// The number.
    pub number: String,
    /// The deed's record of its first card.
    pub card: String,
}

/// A code that opens one ceremony once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CodeView {
    /// The code.
    pub code: String,
}

/// What an owner is invited to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    /// The number.
    pub number: String,
    /// The deed's record of its first card.
    pub card: String,
    /// Name of the newest manifest, which the first event names.
    pub manifest_id: String,
    /// SHA-256 of the root key.
    pub root_digest: String,
    /// A test deployment says so.
    pub test_deed: bool,
}

/// Names a factor.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TipBody {
    /// Its name.
    pub factor: String,
}

/// Where a deed stands, for whoever signs without having read it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TipView {
    /// The deed.
    pub deed_id: String,
    /// Newest event.
    pub seq: u64,
    /// Its head.
    pub head: String,
    /// The live request, for a trusted person alone: whoever is to agree must see to what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveView>,
}

/// An update of a file of a number's card.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateBody {
    /// The file's path from the MF, four hexadecimal digits for each step; 7FFF is the USIM.
    pub path: String,
    /// Where in it.
    pub offset: u16,
    /// The new octets.
    pub octets: String,
}

/// An objection handed in directly.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectionBody {
    /// The objection.
    pub objection: String,
}

/// What the bureau wants.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrawBody {
    /// The chip, if the card is an eSIM profile.
    pub eid: Option<String>,
}

/// Where a deed stands after a change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangedView {
    /// The deed.
    pub deed_id: String,
    /// Newest event.
    pub seq: u64,
    /// Its head.
    pub head: String,
    /// Head of the live request.
    pub request: Option<String>,
    /// Whether the deed carries it; an objection stands without, as its receipt says.
    pub in_deed: bool,
    /// The enforcement point's word, for an objection.
    pub receipt: Option<ReceiptView>,
}

/// The enforcement point's receipt.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    /// Whether it was in time.
    pub in_time: bool,
    /// What is signed.
    pub message: String,
    /// By the role auc.
    pub signature: String,
}

/// The next manifest.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestBody {
    /// It, under its root's signature.
    pub signed: String,
}

/// The deployment's manifests.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ManifestView {
    /// Signed manifests, as one list.
    pub manifests: String,
    /// SHA-256 of the root key.
    pub root_digest: String,
    /// The newest time a quorum of witnesses vouches for.
    pub witnessed: u64,
}

/// An alarm or a notice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MessageView {
    /// When.
    pub at: u64,
    /// A short name.
    pub code: String,
    /// What.
    pub text: String,
}

/// What somebody with a token did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// When.
    pub at: u64,
    /// What the token is called.
    pub who: String,
    /// Its role.
    pub role: String,
    /// Which call.
    pub what: String,
    /// The end of the number it was about.
    pub about: String,
    /// `done`, or why not.
    pub outcome: String,
}

/// Why something was not done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    /// A short name that never changes.
    pub code: String,
    /// In words.
    pub message: String,
}
