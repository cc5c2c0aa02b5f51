//! What the authentication centre sees, on record in the deed: evidence that no database keeps from the owner.

use super::Node;
use super::deeds::unknown;
use deed::Digest;
use deed::event::{AsOf, Body, Observation};
use operator::Refusal;
use operator::consent::{Command, Reply};
use operator::store::AlarmRow;
use wire::Msisdn;

impl Node {
    /// Writes into a deed that something was seen that does not fit it. `digest` is of what was seen.
    pub fn observe(&mut self, number: &Msisdn, what: Observation, digest: Digest) -> Result<Reply, Refusal> {
        let state = &self.pins.pin(number).ok_or_else(unknown)?.state;
        let tip = AsOf { seq: state.seq(), head: state.head() };
        let body = Body::Observed { what, digest };
        let proof = self.auc.proof(&state.deed_id, tip, &body);
        self.change(number, &Command::Observe { body: Box::new(body), proof: Box::new(proof) })
    }

    /// An edit of the database is on record too; a deed that is closed, or a node that changes nothing now, has the alarm.
    pub(super) fn observe_edit(&mut self, number: &Msisdn, alarm: &AlarmRow) {
        if !matches!(alarm.code.as_str(), "index" | "key" | "history") {
            return;
        }
        let digest = keys::digest::sha256(&[alarm.code.as_bytes(), b"\0", alarm.text.as_bytes()]);
        if let Err(refusal) = self.observe(number, Observation::Edit, digest) {
            tracing::warn!(code = refusal.code(), "an edit of the database is not on record in its deed");
        }
    }
}
