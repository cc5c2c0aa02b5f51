//! Calls of the doors: what was said before is answered as before, and what was done is on record.

use super::Node;
use crate::call::{Answers, Call, Once};
use crate::view::{AuditView, ChangedView, ReceiptView};
use operator::Refusal;
use operator::consent::Reply;
use operator::store::{AuditRow, Changes, ONCE_KEPT, OnceRow, Write};

/// Most rows of the audit that are read at once.
const MOST: usize = 1_000;

fn place(once: &Once) -> Vec<u8> {
    [b"once/", &once.name[..]].concat()
}

impl Node {
    /// Runs a job on behalf of a call: the first batch that counts carries what is written of it.
    pub(crate) fn on_behalf<T>(&mut self, call: &Call, job: impl FnOnce(&mut Self) -> T) -> T {
        let now = self.now();
        self.riders.mount(call, now);
        let done = job(self);
        self.riders.dismount(call);
        done
    }

    /// What was answered to a call of this name. Another body under the same name is refused.
    pub(crate) fn said_before(&mut self, once: &Once) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(row) = self.database.once(&once.name)? else { return Ok(None) };
        if self.now().since(row.at) >= ONCE_KEPT {
            return Ok(None);
        }
        if row.digest != once.digest {
            return Err(Refusal::refused(
                "other-body",
                "this idempotency key was used for another body; take a fresh one",
            ));
        }
        // Begun and not answered: the power went in between. Calls whose answers are not kept do no harm when done twice,
        // and a card whose keys were told is not told again.
        let plain = self.door_key.open_random(&place(once), &row.answer).ok();
        match plain {
            Some(plain) if plain == TOLD => Err(Refusal::OutOfPlace(
                "this was done, and its answer had secrets in it that are told once; ask anew with a fresh key".into(),
            )),
            plain => Ok(plain),
        }
    }

    /// The end of a call: its answer is kept, and what is not on record yet is put there.
    pub(crate) fn close_call(
        &mut self,
        call: &Call,
        outcome: &str,
        answer: Option<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let now = self.now();
        // What rode says that it was done; anything else is said beside it.
        let unsaid = !call.rode() || outcome != "done";
        let mut writes: Vec<Write> = call.audit(now, outcome).filter(|_| unsaid).into_iter().collect();
        if let (Some(once), Some(answer)) = (&call.once, answer) {
            let answer = if call.answers == Answers::Secrets { TOLD.to_vec() } else { answer };
            let answer = self.seal_answer(once, &answer);
            writes.push(Write::Once(OnceRow { name: once.name, digest: once.digest, at: now, answer }));
        }
        if !writes.is_empty() {
            self.database.commit(&[Changes(writes)])?;
        }
        Ok(())
    }

    fn seal_answer(&mut self, once: &Once, answer: &[u8]) -> Vec<u8> {
        self.door_key.seal_random(&mut self.rng, &place(once), answer)
    }

    /// The answer of a change of a deed rides with the change.
    pub(super) fn answer_change(&mut self, reply: &Reply) {
        let Some((answers, receipt)) = self.riders.wanted() else { return };
        let answer = match (answers, receipt) {
            (Answers::Changed, receipt) => {
                let receipt: Option<ReceiptView> =
                    receipt.and_then(|value| serde_json::from_value(value).ok());
                serde_json::to_vec(&ChangedView::after(&reply.state, receipt)).ok()
            }
            (Answers::Receipt, Some(receipt)) => serde_json::to_vec(&receipt).ok(),
            _ => None,
        };
        self.answer_with(answer);
    }

    /// An answer that is known before it is done.
    pub(super) fn answer_posted(&mut self, posted: &impl serde::Serialize) {
        if matches!(self.riders.wanted(), Some((Answers::Posted, _))) {
            self.answer_with(serde_json::to_vec(posted).ok());
        }
    }

    fn answer_with(&mut self, answer: Option<Vec<u8>>) {
        if let (Some(answer), Some(once)) = (answer, self.riders.named()) {
            let sealed = self.seal_answer(&once, &answer);
            self.riders.answer(sealed);
        }
    }

    /// The newest rows of the audit, newest first: all of them, or those of desks alone.
    pub(crate) fn audit_rows(&mut self, desks_alone: bool) -> Result<Vec<AuditView>, Refusal> {
        let rows = self.database.audit(MOST)?;
        let desks = |row: &AuditRow| matches!(row.role.as_str(), "clerk" | "supervisor");
        let view = |row: AuditRow| AuditView {
            at: row.at.0,
            who: row.who,
            role: row.role,
            what: row.what,
            about: row.about,
            outcome: row.outcome,
        };
        Ok(rows.into_iter().filter(|row| !desks_alone || desks(row)).map(view).collect())
    }
}

/// In the place of an answer that had secrets in it.
const TOLD: &[u8] = b"told once";
