//! What an event was: asked of the node, and believed only after the whole history was checked from the receipt.
//!
//! Only here does a node learn who asks. It is asked when an event of the number was found, and not at all if the owner
//! does not want it.

use super::finding::{Finding, Kind};
use crate::api::Api;
use deed::event::{Body, Event, head};
use deed::history::Receipt;
use server::http::reader_token;
use wire::Msisdn;

/// Where a number's history is asked for.
pub(crate) struct Histories {
    /// The node.
    pub(crate) api: Api,
    /// The number.
    pub(crate) number: Msisdn,
    /// What the owner has.
    pub(crate) receipt: Receipt,
}

impl Histories {
    /// The finding of an event with what it was, or an alarm in its place.
    pub(crate) fn explain(&self, finding: Finding, head_in_log: &deed::Digest) -> Finding {
        let Some(seq) = finding.event else { return finding };
        let token = reader_token(&self.receipt.watch_key);
        let bytes = match self.api.get_bytes(&format!("/v1/numbers/{}/history", self.number), &token) {
            Ok(bytes) => bytes,
            Err(error) => {
                let text =
                    format!("{}; ask for it: its history was not to be had here ({error})", finding.text);
                return Finding { text, ..finding };
            }
        };
        let wrong = |code, why: String| {
            let text = format!("event {seq} of your number is in the log, and {why}");
            let alarm = Finding::alarm(code, text).with("history.deed", bytes.clone());
            Finding {
                number: finding.number.clone(),
                event: finding.event,
                leaf: finding.leaf,
                logged_at: finding.logged_at,
                key: seq.to_string(),
                ..alarm
            }
        };
        if let Err(broken) = crate::verify::check(&bytes, &self.receipt) {
            let held = crate::verify::reached(broken.reached);
            return wrong(
                "history",
                format!("the history shown for it does not hold after `{held}`: {}", broken.reason),
            );
        }
        let history = deed::history::History::decode(&bytes).ok();
        let at = usize::try_from(seq).ok();
        let shown = history.as_ref().zip(at).and_then(|(history, at)| history.events.get(at));
        let Some(shown) = shown else {
            return wrong("hidden", "the history shown ends before it".into());
        };
        if head(&shown.event) != *head_in_log {
            return wrong("history", "the history shown has another event in its place".into());
        }
        let words = Event::decode(&shown.event).map(|event| plain(&event.body));
        let text = format!("{}; {}", finding.text, words.unwrap_or_else(|e| e.to_string()));
        Finding { text, kind: Kind::Event, ..finding }
    }
}

/// What an event was, and what its owner may want to do.
fn plain(body: &Body) -> String {
    let what = crate::number::word(body);
    match body {
        Body::Requested { .. } => {
            format!("checked, it is: {what}. If that was not you, stop it: `simward number veto`")
        }
        _ => format!("checked, it is: {what}"),
    }
}
