//! Invitations: codes that open one ceremony once. A desk invites the owner of a new number to make its keys; whoever has
//! a number's watch key invites a browser to the holder's portal.

use super::Node;
use super::heard::Begun;
use deed::event::{Issued, Proof};
use deed::record::Card;
use operator::Refusal;
use operator::consent::{Command, Reply};
use operator::store::Write;
use operator::timeline::{Actor, Entry, Happened};
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use wire::Msisdn;

/// How long a new owner has: the letter with the code may travel by post.
const TO_OWN: u64 = 7 * 86_400;
/// How long a browser has.
const TO_SIGN_IN: u64 = 15 * 60;

/// What an owner is invited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The number.
    pub number: Msisdn,
    /// Its first card.
    pub card: Card,
}

#[derive(Serialize, Deserialize)]
struct Row {
    number: String,
    card: Option<String>,
    until: u64,
}

/// The row of a code: its digest, so that whoever reads the database has no code.
fn name(kind: &str, code: &str) -> String {
    format!("{kind}/{}", hex::encode(keys::digest::sha256(&[code.as_bytes()])))
}

fn unknown() -> Refusal {
    Refusal::refused(
        "invitation",
        "this invitation is not known, is used already, or is too old; ask for another",
    )
}

impl Node {
    fn invite(&mut self, kind: &str, row: &Row, told: Option<Write>) -> Result<String, Refusal> {
        let mut code = [0; 16];
        self.rng.fill_bytes(&mut code);
        let code = hex::encode(code);
        let write = self.door_put(&name(kind, &code), row);
        self.write_door([Some(write), told].into_iter().flatten().collect())?;
        Ok(code)
    }

    fn invited(&mut self, kind: &str, code: &str) -> Result<Row, Refusal> {
        let row: Option<Row> = self.door_row(&name(kind, code))?;
        row.filter(|row| self.now().0 <= row.until).ok_or_else(unknown)
    }

    /// A desk invites the owner of a number that is to be issued to make its keys.
    pub fn invite_owner(&mut self, invited: &Invited) -> Result<String, Refusal> {
        let Invited { number, card } = invited;
        if self.pin(number).is_ok() {
            return Err(deed::Reason::LivingDeed.into());
        }
        self.heard.begin_line(Begun::Invitation, self.now())?;
        let until = self.now().0 + TO_OWN;
        self.invite(
            "issue",
            &Row { number: number.to_string(), card: Some(hex::encode(card.encode())), until },
            None,
        )
    }

    /// What a code invites an owner to.
    pub fn invited_owner(&mut self, code: &str) -> Result<Invited, Refusal> {
        let row = self.invited("issue", code)?;
        let card = row.card.and_then(|card| hex::decode(card).ok()).ok_or_else(unknown)?;
        Ok(Invited { number: row.number.parse().map_err(|_| unknown())?, card: Card::decode(&card)? })
    }

    /// The owner has made the keys: the number is issued, and the code is used.
    pub fn accept_invitation(
        &mut self,
        code: &str,
        body: Issued,
        proofs: Vec<Proof>,
    ) -> Result<Reply, Refusal> {
        let invited = self.invited_owner(code)?;
        let same = body.number == invited.number && body.slots == [(0, invited.card)];
        if !same {
            return Err(Refusal::refused("invitation", "the invitation is to another number or card"));
        }
        // A crash in between leaves a code that can issue nothing: the number lives.
        let reply = self.change(&invited.number, &Command::Issue { body: Box::new(body), proofs })?;
        self.write_door(vec![Write::Take(name("issue", code))])?;
        Ok(reply)
    }

    /// Whoever has a number's watch key invites a browser to the portal.
    pub fn invite_to_portal(&mut self, number: &Msisdn) -> Result<String, Refusal> {
        self.pin(number)?;
        let until = self.now().0 + TO_SIGN_IN;
        let told = self.entry(*number, &Entry::new(Actor::Owner, Happened::Invited {}));
        self.invite("portal", &Row { number: number.to_string(), card: None, until }, Some(told))
    }

    /// Which number's holder a code invites to the portal.
    pub fn invited_to_portal(&mut self, code: &str) -> Result<Msisdn, Refusal> {
        self.invited("portal", code)?.number.parse().map_err(|_| unknown())
    }

    /// Uses a portal code together with what it was for: all or nothing.
    pub fn use_portal_code(&mut self, code: &str, mut writes: Vec<Write>) -> Result<(), Refusal> {
        writes.insert(0, Write::Take(name("portal", code)));
        if self.write_door(writes)? { Ok(()) } else { Err(unknown()) }
    }
}
