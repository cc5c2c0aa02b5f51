//! Remote management of a number's card (TS 102 225, TS 31.115): a packet sealed for that card, sent as a short message.

use super::Node;
use super::radio::Posted;
use operator::Refusal;
use operator::message::Queued;
use operator::ota::{Sending, Update, update_file};
use operator::timeline::{Actor, Entry, Happened};
use wire::sms::{Address, Timestamp};
use wire::{Imsi, Msisdn};

fn counter_row(imsi: &Imsi) -> String {
    format!("ota/{imsi}")
}

impl Node {
    /// Updates a file of the card that a number has now. The counter is stored before the packet exists: no two packets
    /// bear one, whatever fails in between.
    pub fn update_card(
        &mut self,
        number: &Msisdn,
        path: &[u16],
        offset: u16,
        octets: &[u8],
    ) -> Result<Posted, Refusal> {
        let card = self.pin(number)?.state.card().ok_or_else(super::deeds::unknown)?;
        let (imsi, keys) = (card.imsi, self.ota_keys(&card.iccid));
        let counter = self.door_row::<u64>(&counter_row(&imsi))?.unwrap_or(0) + 1;
        let row = self.door_put(&counter_row(&imsi), &counter);
        let order = Happened::Ordered { what: "update a file".into(), imsi };
        let entry = self.entry(*number, &Entry::new(Actor::Desk, order));
        self.write_door(vec![row, entry])?;
        let sending = Sending {
            originator: Address::Digits { kind: 0x91, digits: "999700000000".into() },
            timestamp: Timestamp::new(self.clock.now(), 0),
            reference: counter.to_be_bytes()[7],
        };
        let messages = update_file(&keys, counter, &Update { path, offset, octets }, &sending)?;
        let tpdus = messages.iter().map(|m| m.to_bytes()).collect::<Result<_, _>>()?;
        self.post(number, &Queued::Card { imsi: imsi.to_string(), tpdus })
    }
}
