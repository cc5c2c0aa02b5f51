//! Every endpoint of the API. What is not in here is not there.

use super::endpoint::{Endpoint, Form, Handler, Twice, Who, any, json, list, text};
use super::timeline::{self, PageView};
use super::{self as door, audit, openapi, risk};
use crate::bank::{self, CheckBody, DateBody, MessageBody, PostedView};
use crate::log_door;
use crate::tokens::Role::{Auditor, Bureau, Clerk, Supervisor};
use crate::view::{
    AuditView, ChangedView, CodeView, DrawBody, DrawnView, HappenedView, InvitationView, InviteBody,
    ManifestBody, ManifestView, MessageView, NumberView, ObjectionBody, ReceiptView, RequestBody, ServeView,
    StatementBody, TipBody, TipView, UpdateBody,
};
use axum::routing::{get, post};

const DESKS: &[crate::tokens::Role] = &[Clerk, Supervisor];
const SUPERVISORS: &[crate::tokens::Role] = &[Supervisor];
const WATCHERS: &[crate::tokens::Role] = &[Supervisor, Auditor];

const JSON: &str = "application/json";

/// Something to read.
const fn reads(
    path: &'static str,
    who: Who,
    about: &'static str,
    answer: Form,
    handler: Handler,
) -> Endpoint {
    let answer = (JSON, answer);
    Endpoint {
        method: "GET",
        path,
        who,
        twice: Twice::Reads,
        for_owners: false,
        about,
        body: None,
        answer,
        handler,
    }
}

/// Something to do.
const fn does(
    path: &'static str,
    who: Who,
    about: &'static str,
    (body, answer): (Form, Form),
    handler: Handler,
) -> Endpoint {
    let (answer, body) = ((JSON, answer), Some(body));
    Endpoint { method: "POST", path, who, twice: Twice::Key, for_owners: false, about, body, answer, handler }
}

/// A question too long for a GET.
const fn asks(
    path: &'static str,
    who: Who,
    about: &'static str,
    (body, answer): (Form, Form),
    handler: Handler,
) -> Endpoint {
    Endpoint { twice: Twice::Reads, ..does(path, who, about, (body, answer), handler) }
}

/// For the move page's host, too.
const fn owners(endpoint: Endpoint) -> Endpoint {
    Endpoint { for_owners: true, ..endpoint }
}

const fn as_type(kind: &'static str, endpoint: Endpoint) -> Endpoint {
    Endpoint { answer: (kind, endpoint.answer.1), ..endpoint }
}

use Handler::{Bank, Door, Log};
use Who::{Anybody, Code, Holder, Machine, Roles, RolesOrHolder, Signature};

/// The endpoints.
pub static ENDPOINTS: &[Endpoint] = &[
    reads("/v1/openapi.json", Anybody, "This description.", any, Door(|| get(openapi::serve))),
    owners(reads(
        "/v1/manifest",
        Anybody,
        "The operator's signed manifests.",
        json::<ManifestView>,
        Door(|| get(door::manifest)),
    )),
    does(
        "/v1/manifests",
        Signature,
        "The next manifest, under its root's signature.",
        (json::<ManifestBody>, json::<ManifestView>),
        Door(|| post(door::publish_manifest)),
    ),
    does(
        "/v1/cards",
        Roles(&[Bureau]),
        "Draws a card from the stock.",
        (json::<DrawBody>, json::<DrawnView>),
        Door(|| post(door::draw)),
    ),
    does(
        "/v1/numbers",
        Roles(DESKS),
        "A number's first event, signed by its owner's keys.",
        (json::<StatementBody>, json::<ChangedView>),
        Door(|| post(door::issue)),
    ),
    owners(reads(
        "/v1/numbers/{number}",
        RolesOrHolder(DESKS),
        "A number as its pin has it.",
        json::<NumberView>,
        Door(|| get(door::show)),
    )),
    owners(does(
        "/v1/numbers/{number}/statements",
        Signature,
        "A request, consent, veto, hold or new watch key in somebody's own name.",
        (json::<StatementBody>, json::<ChangedView>),
        Door(|| post(door::statement)),
    )),
    does(
        "/v1/numbers/{number}/requests",
        Roles(DESKS),
        "A desk asks for a change. It is no consent.",
        (json::<RequestBody>, json::<ChangedView>),
        Door(|| post(door::request)),
    ),
    does(
        "/v1/numbers/{number}/card",
        Roles(DESKS),
        "A desk updates a file of the number's card from afar.",
        (json::<UpdateBody>, json::<PostedView>),
        Door(|| post(door::update_card)),
    ),
    as_type(
        "application/octet-stream",
        owners(reads(
            "/v1/numbers/{number}/history",
            Holder,
            "The whole history, to be verified offline.",
            text,
            Door(|| get(door::history)),
        )),
    ),
    owners(reads(
        "/v1/numbers/{number}/notices",
        RolesOrHolder(DESKS),
        "What the owner was told.",
        list::<MessageView>,
        Door(|| get(door::notices)),
    )),
    owners(does(
        "/v1/numbers/{number}/portal",
        Holder,
        "Invites a browser to the portal.",
        (any, json::<CodeView>),
        Door(|| post(door::invite_to_portal)),
    )),
    owners(reads(
        "/v1/numbers/{number}/log",
        Holder,
        "Cards at the network, sign-ins, alarms.",
        list::<HappenedView>,
        Door(|| get(timeline::happened)),
    )),
    owners(reads(
        "/v1/numbers/{number}/timeline",
        Holder,
        "The timeline, a page.",
        json::<PageView>,
        Door(|| get(timeline::page)),
    )),
    as_type(
        "text/csv",
        owners(reads(
            "/v1/numbers/{number}/timeline.csv",
            Holder,
            "The timeline, a table.",
            text,
            Door(|| get(timeline::as_csv)),
        )),
    ),
    as_type(
        "text/event-stream",
        owners(reads(
            "/v1/numbers/{number}/timeline/live",
            Holder,
            "The timeline as it goes on.",
            text,
            Door(|| get(timeline::live)),
        )),
    ),
    owners(reads(
        "/v1/numbers/{number}/risk",
        RolesOrHolder(DESKS),
        "How careful the node is with the number, and why.",
        json::<risk::CautionView>,
        Door(|| get(risk::of_number)),
    )),
    owners(does(
        "/v1/numbers/{number}/travel",
        Holder,
        "The holder is travelling.",
        (json::<risk::TravelBody>, json::<risk::DoneView>),
        Door(|| post(risk::travel)),
    )),
    owners(does(
        "/v1/numbers/{number}/card-secret",
        Holder,
        "A secret was wrong at the card.",
        (json::<risk::CardSecretBody>, json::<risk::DoneView>),
        Door(|| post(risk::card_secret)),
    )),
    does(
        "/v1/numbers/{number}/risk/aside",
        Roles(SUPERVISORS),
        "Sets a reason for caution aside for a time.",
        (json::<risk::AsideBody>, json::<risk::DoneView>),
        Door(|| post(risk::aside)),
    ),
    reads(
        "/v1/risk",
        Roles(DESKS),
        "The rules of caution.",
        json::<risk::AllRulesView>,
        Door(|| get(risk::rules)),
    ),
    does(
        "/v1/risk/proposal",
        Roles(SUPERVISORS),
        "Proposes rules of caution.",
        (json::<risk::RulesBody>, json::<risk::RulesView>),
        Door(|| post(risk::propose)),
    ),
    does(
        "/v1/risk/approval",
        Roles(SUPERVISORS),
        "An office's signature under proposed rules.",
        (json::<risk::ApprovalBody>, json::<risk::ApprovedView>),
        Door(|| post(risk::approve)),
    ),
    does(
        "/v1/risk/trial",
        Roles(SUPERVISORS),
        "Puts rules on trial.",
        (json::<risk::RulesBody>, json::<risk::DoneView>),
        Door(|| post(risk::on_trial)),
    ),
    does(
        "/v1/invitations",
        Roles(DESKS),
        "Invites the owner of a new number to make its keys.",
        (json::<InviteBody>, json::<CodeView>),
        Door(|| post(door::invite)),
    ),
    owners(reads(
        "/v1/invitations/{code}",
        Code,
        "What an owner is invited to.",
        json::<InvitationView>,
        Door(|| get(door::invitation)),
    )),
    owners(does(
        "/v1/invitations/{code}",
        Code,
        "The owner has made the keys.",
        (json::<StatementBody>, json::<ChangedView>),
        Door(|| post(door::accept_invitation)),
    )),
    owners(does(
        "/v1/objections",
        Signature,
        "An objection, handed in directly.",
        (json::<ObjectionBody>, json::<ReceiptView>),
        Door(|| post(door::objection)),
    )),
    owners(asks(
        "/v1/tips",
        Anybody,
        "Where the deed stands that a key is in.",
        (json::<TipBody>, json::<TipView>),
        Door(|| post(door::tip)),
    )),
    reads(
        "/v1/resolve/{number}",
        Roles(DESKS),
        "The IMSI that answers for a number.",
        text,
        Door(|| get(door::resolve)),
    ),
    reads(
        "/v1/serve/{imsi}",
        Roles(DESKS),
        "How a card is served.",
        json::<ServeView>,
        Door(|| get(door::serve)),
    ),
    reads("/v1/alarms", Roles(WATCHERS), "Alarms.", list::<MessageView>, Door(|| get(door::alarms))),
    reads(
        "/v1/audit",
        Roles(WATCHERS),
        "What clerks, supervisors, auditors, the bureau and machines did; to a supervisor, what desks did.",
        list::<AuditView>,
        Door(|| get(audit::read)),
    ),
    does(
        "/v1/messages",
        Machine("messages"),
        "Posts a message to a number.",
        (json::<MessageBody>, json::<PostedView>),
        Bank(|| post(bank::message)),
    ),
    asks(
        "/sim-swap/v2/check",
        Machine("sim-swap"),
        "CAMARA SIM Swap 2.1.0: whether the SIM was changed lately.",
        (json::<CheckBody>, any),
        Bank(|| post(bank::check)),
    ),
    asks(
        "/sim-swap/v2/retrieve-date",
        Machine("sim-swap"),
        "CAMARA SIM Swap 2.1.0: when.",
        (json::<DateBody>, any),
        Bank(|| post(bank::retrieve_date)),
    ),
    asks(
        "/sim-swap-consent/v0/retrieve",
        Machine("who-agreed"),
        "Who agreed to that.",
        (json::<DateBody>, any),
        Bank(|| post(bank::who_agreed)),
    ),
    as_type(
        "text/plain",
        reads(
            "/log/{*rest}",
            Anybody,
            "The log: checkpoint, tiles, entries, proofs (C2SP tlog-tiles).",
            text,
            Log(|| get(log_door::read)),
        ),
    ),
];
