//! The pages. What a holder sees comes from the pins, by way of the same view that the API shows.

use super::Shared;
use super::account::Account;
use super::words::Speaker;
use crate::node::Node;
use crate::view::NumberView;
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use deed::intent::{Change, Intent};
use deed::record::Card;
use operator::Refusal;
use serde::Deserialize;
use wire::Msisdn;

/// Time as a machine reads it; the page's script says it as people do, in their own place.
pub(super) struct Moment(pub(super) u64);

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_second(seconds) {
            Ok(time) => time.fmt(f),
            Err(_) => f.write_str("?"),
        }
    }
}

/// The frame around every page.
pub(super) struct Frame<'a> {
    pub(super) w: Speaker<'a>,
    /// Where this page is: where a change of language comes back to.
    pub(super) path: &'static str,
    pub(super) signed_in: bool,
}

impl Frame<'_> {
    pub(super) fn is_here(&self, path: &str) -> bool {
        self.path == path
    }
}

/// A change that waits.
struct Pending {
    request: String,
    kind: u64,
    old: String,
    new: String,
    agreed: usize,
    ready: Option<Moment>,
    expiry: Moment,
}

impl Pending {
    fn of(view: &NumberView) -> Option<Self> {
        let live = view.live.as_ref()?;
        let intent = Intent::decode(&hex::decode(&live.intent).ok()?).ok()?;
        let card = |card: &Card| ending(card.iccid.as_str());
        let (old, new) = match &intent.change {
            Change::Move { to, .. } | Change::Wake { to, .. } => (ending(&view.iccid), card(to)),
            Change::PortOut { recipient, .. } => (String::new(), recipient.clone()),
            change => (String::new(), change.brings().map(card).unwrap_or_default()),
        };
        Some(Self {
            request: live.request.clone(),
            kind: intent.change.kind(),
            old,
            new,
            agreed: live.consents,
            ready: live.ready_at.map(Moment),
            expiry: Moment(live.expiry),
        })
    }
}

/// The last digits of a serial number: enough to tell one's cards apart, too little to be worth photographing.
pub(super) fn ending(iccid: &str) -> String {
    let start = iccid.len().saturating_sub(6);
    format!("…{}", iccid.get(start..).unwrap_or_default())
}

struct Status {
    number: String,
    served: String,
    card: String,
    codes_held_until: Option<Moment>,
    seen: Option<Seen>,
    attached: bool,
    alarms: Vec<Line>,
    pending: Option<Pending>,
    notices: Vec<Line>,
    test_deed: bool,
    /// Whether some of its witnesses run in the operator's own process.
    own_witnesses: bool,
    move_page: String,
}

struct Line {
    at: Moment,
    code: String,
}

/// Where the card was last seen.
struct Seen {
    at: Moment,
    plmn: String,
    area: String,
    imei: String,
}

impl From<operator::presence::Seen> for Seen {
    fn from(seen: operator::presence::Seen) -> Self {
        let plmn = seen.plmn.to_string();
        let imei = seen.imei.to_string();
        Self {
            at: Moment(seen.at.0),
            plmn: format!("{}-{}", seen.plmn.country(), plmn.get(3..).unwrap_or_default()),
            area: format!("{:04X}", seen.area),
            imei: ending(&imei),
        }
    }
}

impl Status {
    fn of(node: &mut Node, number: &Msisdn, move_origin: &str) -> Result<Self, Refusal> {
        let live = node.is_live();
        let pin = node.pin(number)?;
        let ready = pin.state.live.as_ref().and_then(|live| node.ready_at(&live.head));
        let view = NumberView::of(pin, node.witnessed(), live, ready);
        // Records that do not read must not stand between an owner and the button that stops things.
        let seen = node.last_seen(number).unwrap_or_default().map(Seen::from);
        let attached = node.is_attached(number);
        let alarms = node.alarms_about(number).unwrap_or_default().into_iter();
        let alarms = alarms.map(|(at, code)| Line { at: Moment(at.0), code }).collect();
        let mut notices = node.notices(number).unwrap_or_default();
        let all = notices.len() as u64;
        node.notices_seen(number, all).unwrap_or_else(|e| tracing::error!(%e, "notices"));
        notices.reverse();
        notices.truncate(5);
        Ok(Self {
            number: number.to_string(),
            card: ending(&view.iccid),
            pending: Pending::of(&view),
            served: view.served,
            seen,
            attached,
            alarms,
            codes_held_until: view.sms_held_until.map(Moment),
            notices: notices.into_iter().map(|n| Line { at: Moment(n.at.0), code: n.code }).collect(),
            test_deed: view.test_deed,
            own_witnesses: node.has_own_witnesses(),
            move_page: format!("{move_origin}/#number={number}"),
        })
    }
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    frame: Frame<'a>,
    w: Speaker<'a>,
    status: Status,
    said: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPart<'a> {
    w: Speaker<'a>,
    status: Status,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    frame: Frame<'a>,
    w: Speaker<'a>,
    begin: bool,
    move_page: String,
    failed: bool,
}

struct Key {
    device: String,
    made: Moment,
    used: Option<Moment>,
}

#[derive(Template)]
#[template(path = "security.html")]
struct SecurityPage<'a> {
    frame: Frame<'a>,
    w: Speaker<'a>,
    keys: Vec<Key>,
    move_page: String,
    said: Option<&'static str>,
    password: Option<PasswordState>,
    totp: bool,
    setting_up: Option<SettingUp>,
    fresh: String,
}

struct PasswordState {
    since: Moment,
    days: u64,
    known_to_others: bool,
}

/// An authenticator app that is being set up.
struct SettingUp {
    uri: String,
    secret: String,
    picture: String,
}

pub(super) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page does not render");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) fn failed(refusal: &Refusal) -> Response {
    if let Refusal::Broken(why) = refusal {
        tracing::error!(%why, "portal");
        return (StatusCode::SERVICE_UNAVAILABLE, "the operator's system failed; please try again\n")
            .into_response();
    }
    (StatusCode::FORBIDDEN, format!("{refusal}\n")).into_response()
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    said: Option<String>,
}

pub(super) async fn home(State(portal): Shared, headers: HeaderMap, Query(said): Query<Said>) -> Response {
    let w = portal.speaker(&headers);
    let Some(session) = portal.session(&headers) else {
        let frame = Frame { w, path: "/", signed_in: false };
        let failed = said.said.as_deref() == Some("not-signed-in");
        return page(&SignInPage { frame, w, begin: false, move_page: portal.move_origin.clone(), failed });
    };
    let move_origin = portal.move_origin.clone();
    let status = portal.node.run(move |node| Status::of(node, &session.number, &move_origin)).await;
    let said = match said.said.as_deref() {
        Some("stopped") => Some("said-stopped"),
        Some("too-late") => Some("said-too-late"),
        Some("nothing") => Some("said-nothing"),
        Some("suspended") => Some("said-suspended"),
        Some("asked") => Some("said-asked"),
        Some("own-key") => Some("said-own-key"),
        Some("closing") => Some("said-closing"),
        _ => None,
    };
    match status {
        Ok(status) => {
            let frame = Frame { w, path: "/", signed_in: true };
            page(&HomePage { frame, w, status, said })
        }
        Err(refusal) => failed(&refusal),
    }
}

pub(super) async fn status(State(portal): Shared, headers: HeaderMap) -> Response {
    let w = portal.speaker(&headers);
    let Some(session) = portal.session(&headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let move_origin = portal.move_origin.clone();
    match portal.node.run(move |node| Status::of(node, &session.number, &move_origin)).await {
        Ok(status) => page(&StatusPart { w, status }),
        Err(refusal) => failed(&refusal),
    }
}

pub(super) async fn begin(State(portal): Shared, headers: HeaderMap) -> Response {
    let w = portal.speaker(&headers);
    let frame = Frame { w, path: "/begin", signed_in: false };
    page(&SignInPage { frame, w, begin: true, move_page: portal.move_origin.clone(), failed: false })
}

/// A picture that stands in the page itself.
fn in_page(svg: &str) -> String {
    use base64ct::{Base64, Encoding as _};
    format!("data:image/svg+xml;base64,{}", Base64::encode_string(svg.as_bytes()))
}

pub(super) async fn security(
    State(portal): Shared,
    headers: HeaderMap,
    Query(said): Query<Said>,
) -> Response {
    let w = portal.speaker(&headers);
    let Some(session) = portal.session(&headers) else { return Redirect::to("/").into_response() };
    let number = session.number;
    let account = portal.node.run(move |node| Ok((Account::load(node, &number)?, node.now()))).await;
    let said = match said.said.as_deref() {
        Some("short") => Some("said-short"),
        Some("long") => Some("said-long"),
        Some("common") => Some("said-common"),
        Some("yours") => Some("said-yours"),
        Some("password-set") => Some("said-password-set"),
        Some("totp-set") => Some("said-totp-set"),
        Some("wrong-code") => Some("said-wrong-code"),
        Some("failed") => Some("failed-other"),
        _ => None,
    };
    match account {
        Ok((account, now)) => {
            let password = account.password.as_ref().map(|password| PasswordState {
                since: Moment(password.since),
                days: now.0.saturating_sub(password.since) / 86_400,
                known_to_others: password.is_known_to_others(),
            });
            let setting_up = account.new_totp.as_deref().and_then(|secret| {
                let (uri, picture) = super::password::picture(secret, &number)?;
                Some(SettingUp { uri, secret: secret.into(), picture: in_page(&picture) })
            });
            let totp = account.totp.is_some();
            let fresh = super::password::fresh().unwrap_or_default();
            let keys = account.passkeys.into_iter();
            let keys = keys
                .map(|k| Key { device: k.device, made: Moment(k.made), used: k.used.map(Moment) })
                .collect();
            let frame = Frame { w, path: "/security", signed_in: true };
            let move_page = portal.move_origin.clone();
            page(&SecurityPage { frame, w, keys, move_page, said, password, totp, setting_up, fresh })
        }
        Err(refusal) => failed(&refusal),
    }
}

#[derive(Deserialize)]
pub(super) struct StopForm {
    request: String,
}

/// Not me: the owner's desk objects, at the enforcement point first.
pub(super) async fn stop(State(portal): Shared, headers: HeaderMap, Form(form): Form<StopForm>) -> Response {
    let Some(session) = portal.session(&headers) else { return Redirect::to("/").into_response() };
    let request = hex::decode(&form.request).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let Some(request) = request else { return StatusCode::BAD_REQUEST.into_response() };
    let stated = portal.node.run(move |node| node.stop(&session.number, request)).await;
    let said = match stated.map(|stated| stated.receipt.is_some_and(|r| r.in_time)) {
        Ok(true) => "stopped",
        Ok(false) => "too-late",
        Err(Refusal::Broken(why)) => return failed(&Refusal::Broken(why)),
        // The request overrides the operator, and what is said here is said by the operator's desk.
        Err(refusal) if refusal.code() == "overridden" => "own-key",
        // Somebody, or the time, was faster: there is nothing left to stop.
        Err(_) => "nothing",
    };
    Redirect::to(&format!("/?said={said}")).into_response()
}

/// Phone gone: one tap, at once.
pub(super) async fn suspend(State(portal): Shared, headers: HeaderMap) -> Response {
    let Some(session) = portal.session(&headers) else { return Redirect::to("/").into_response() };
    let stated = portal.node.run(move |node| node.suspend(&session.number)).await;
    match stated.map(|stated| stated.receipt.is_some_and(|r| r.in_time)) {
        Ok(true) => Redirect::to("/?said=suspended").into_response(),
        // A change was being written: the line is served as before, and must be suspended again.
        Ok(false) => Redirect::to("/?said=closing").into_response(),
        Err(Refusal::Broken(why)) => failed(&Refusal::Broken(why)),
        Err(_) => Redirect::to("/?said=nothing").into_response(),
    }
}

/// Asks to resume; agreeing is for the move page.
pub(super) async fn resume(State(portal): Shared, headers: HeaderMap) -> Response {
    let Some(session) = portal.session(&headers) else { return Redirect::to("/").into_response() };
    match portal.node.run(move |node| node.ask_to_resume(&session.number)).await {
        Ok(()) => Redirect::to("/?said=asked").into_response(),
        Err(Refusal::Broken(why)) => failed(&Refusal::Broken(why)),
        Err(_) => Redirect::to("/?said=nothing").into_response(),
    }
}

#[derive(Template)]
#[template(path = "promises.html")]
struct PromisesPage<'a> {
    frame: Frame<'a>,
    w: Speaker<'a>,
    body: String,
}

/// Every promise, what is true of it, and the command that shows it: the project's own page.
pub(super) async fn promises(State(portal): Shared, headers: HeaderMap) -> Response {
    let w = portal.speaker(&headers);
    let text = match w.tag {
        "en" => include_str!("../../../../docs/promises.md"),
        _ => include_str!("../../../../docs/promises.zh-CN.md"),
    };
    let mut body = String::new();
    pulldown_cmark::html::push_html(&mut body, pulldown_cmark::Parser::new(text));
    let signed_in = portal.session(&headers).is_some();
    page(&PromisesPage { frame: Frame { w, path: "/promises", signed_in }, w, body })
}

/// The portal's own files.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "portal.css" => ("text/css; charset=utf-8", include_str!("../../portal/portal.css")),
        "portal.js" => ("text/javascript; charset=utf-8", include_str!("../../portal/portal.js")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

pub(super) async fn not_found(State(portal): Shared, headers: HeaderMap) -> Response {
    let w = portal.speaker(&headers);
    (StatusCode::NOT_FOUND, w.say("not-found")).into_response()
}
