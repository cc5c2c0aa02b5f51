//! Every wish of an owner's, said on the command line to a node whose clocks we move.

use super::Args;
use crate::owner::{Owner, read_receipt};
use crate::stage::Stage;
use clap::Parser;
use server::http::reader_token;
use server::view::NumberView;
use std::path::PathBuf;
use tempfile::TempDir;

const DAY: u64 = 86_400;
const NUMBER: &str = "8613800138000";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

struct Play {
    stage: Stage,
    folder: TempDir,
}

impl Play {
    /// A node with a number, whose owner's folder is `owner`.
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::open(folder.path(), 1_800_000_000).unwrap();
        std::fs::write(folder.path().join("node/url"), stage.api().unwrap().url()).unwrap();
        let play = Self { stage, folder };
        play.say("issue NUMBER --profile @card.toml --owner @owner").unwrap();
        play
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command; `@` is a file in the play's folder.
    fn say(&self, line: &str) -> Result<(), String> {
        let words = line.split(' ').map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).display().to_string(),
            None => word.replace("NUMBER", NUMBER),
        });
        let mut words: Vec<String> = std::iter::once("number".to_string()).chain(words).collect();
        if !line.starts_with("trust-key") {
            words.extend(["--data".into(), self.path("node").display().to_string()]);
        }
        let line = Line::try_parse_from(words).map_err(|e| e.to_string())?;
        super::run(line.args).map_err(|e| e.to_string())
    }

    /// A command that is refused, with these words in its reason.
    fn refused(&self, line: &str, why: &str) {
        let said = self.say(line).expect_err(line);
        assert!(said.contains(why), "{line}: {said}");
    }

    fn pass(&self, seconds: u64) {
        self.stage.advance(seconds);
        (0..2).for_each(|_| self.stage.tick().unwrap());
    }

    fn look(&self) -> NumberView {
        let api = self.stage.api().unwrap();
        api.get(&format!("/v1/numbers/{NUMBER}"), &api.desk).unwrap()
    }

    fn may_read(&self, receipt: &str) -> bool {
        let receipt = read_receipt(&self.path(receipt)).unwrap();
        let api = self.stage.api().unwrap();
        let read = api.get::<NumberView>(&format!("/v1/numbers/{NUMBER}"), &reader_token(&receipt.watch_key));
        read.is_ok()
    }
}

#[test]
fn trusted_people_are_in_the_deed_once_each_has_proved_a_key_and_then_speak_together() {
    let play = Play::begin();
    play.say("trust-key new @ann.key --name Ann").unwrap();
    play.say("trust-key new @bob.key --name Bob").unwrap();
    play.refused("trust-key new @bob.key --name Bob", "nothing was overwritten");
    play.refused("trust NUMBER --owner @owner --person @ann.key.pub", "at least two");
    play.refused("trust NUMBER --owner @owner --person @ann.key --person @bob.key", "not what");
    play.say("trust NUMBER --owner @owner --person @ann.key.pub --person @bob.key.pub --request @asked.toml")
        .unwrap();
    // Without --sign nothing is signed, and one who has not proved a key keeps all of them out.
    play.say("approve --key @ann.key --request @asked.toml").unwrap();
    play.say("approve --key @bob.key --request @asked.toml --sign").unwrap();
    play.pass(DAY + 60);
    assert_eq!(play.look().people_needed, 0);
    assert!(play.look().live.is_some());
    play.say("approve --key @ann.key --request @asked.toml --sign").unwrap();
    // A wait that began before the last proof is none; a new one begins.
    (0..2).for_each(|_| play.pass(DAY + 60));
    let now = play.look();
    assert_eq!((now.people_needed, now.factors.iter().filter(|f| f.place == 3).count()), (2, 2));
    // Born when their request would have ended, grown up a week later; then two of them change a SIM.
    play.pass(11 * DAY);
    let before = play.look().card_id;
    play.say("ask NUMBER --profile @new.toml").unwrap();
    play.say("approve --key @ann.key --sign").unwrap();
    play.pass(4 * DAY);
    assert_eq!(play.look().card_id, before, "one friend alone takes no number");
    play.say("approve --key @bob.key --sign").unwrap();
    play.pass(60);
    play.pass(3 * DAY + 60);
    assert_ne!(play.look().card_id, before);
    // Whoever is nobody's friend is told nothing.
    play.say("trust-key new @eve.key --name Eve").unwrap();
    play.refused("approve --key @eve.key --sign", "no deed knows this key");
}

#[test]
fn a_number_is_transferred_to_keys_that_its_new_owner_has_and_to_no_others() {
    let play = Play::begin();
    play.say("transfer-offer NUMBER --owner @new --offer @offer.toml").unwrap();
    play.say("transfer-offer NUMBER --owner @other --offer @second.toml").unwrap();
    play.refused("transfer NUMBER --owner @owner --offer @offer.toml", "--request");
    play.refused("transfer 8613800138001 --owner @owner --offer @offer.toml --request @x.toml", "is for +");
    play.say("transfer NUMBER --owner @owner --offer @offer.toml --request @handed.toml").unwrap();
    play.refused("transfer-accept NUMBER --owner @other --request @handed.toml", "not to these keys");
    assert!(!play.path("other/receipt.toml").exists());
    play.pass(DAY + 60);
    let old = hex::encode(Owner::load(&play.path("owner")).unwrap().passkey.factor().id().0);
    let is_in = |id: &str| play.look().factors.iter().any(|factor| factor.id == id);
    assert!(is_in(&old), "nobody proved to have the new keys");
    play.say("transfer-accept NUMBER --owner @new --request @handed.toml").unwrap();
    (0..2).for_each(|_| play.pass(DAY + 60));
    let new = hex::encode(Owner::load(&play.path("new")).unwrap().passkey.factor().id().0);
    assert!(is_in(&new) && !is_in(&old));
    // The old owner reads on until the new one, whose keys are young, changes the watch key.
    assert!(play.may_read("owner/receipt.toml"));
    play.refused("watch-key NUMBER --owner @new", "observation");
    // Grown up is what a later change has proved to be a week old.
    play.pass(11 * DAY);
    play.refused("watch-key NUMBER --owner @new", "observation");
    play.say("tenure NUMBER --owner @new --is business").unwrap();
    play.pass(DAY + 60);
    play.say("watch-key NUMBER --owner @new").unwrap();
    assert!(!play.may_read("owner/receipt.toml") && play.may_read("new/receipt.toml"));
    play.say("history NUMBER --owner @new").unwrap();
}

#[test]
fn there_is_always_a_receipt_that_reads_the_number() {
    let play = Play::begin();
    let receipt = std::fs::read(play.path("owner/receipt.toml")).unwrap();
    // Refused: nothing changes, and nothing is left over.
    play.refused("watch-key NUMBER --owner @owner --with both", "one key");
    play.say("add-key NUMBER --owner @owner --file @hold.key --may hold").unwrap();
    play.pass(20 * 60);
    play.refused("watch-key NUMBER --owner @owner --key @hold.key", "may consent");
    assert_eq!(std::fs::read(play.path("owner/receipt.toml")).unwrap(), receipt);
    assert!(!play.path("owner/receipt-next.toml").exists());
    // Accepted, but the power went before the receipt was renewed.
    play.say("watch-key NUMBER --owner @owner").unwrap();
    let renewed = std::fs::read(play.path("owner/receipt.toml")).unwrap();
    std::fs::write(play.path("owner/receipt-next.toml"), &renewed).unwrap();
    std::fs::write(play.path("owner/receipt.toml"), &receipt).unwrap();
    assert!(!play.may_read("owner/receipt.toml") && play.may_read("owner/receipt-next.toml"));
    play.say("watch-key NUMBER --owner @owner").unwrap();
    assert!(play.may_read("owner/receipt.toml") && !play.path("owner/receipt-next.toml").exists());
    // Interrupted before it was asked for: the key written down is the one that is used.
    let next = String::from_utf8(renewed).unwrap().replace("watch_key = \"", "watch_key = \"00");
    let cut = next.lines().map(|line| match line.strip_prefix("watch_key = ") {
        Some(key) => format!("watch_key = {}\"", &key[..65]),
        None => line.into(),
    });
    std::fs::write(play.path("owner/receipt-next.toml"), cut.collect::<Vec<_>>().join("\n")).unwrap();
    assert!(!play.may_read("owner/receipt-next.toml"));
    play.say("watch-key NUMBER --owner @owner --with phone").unwrap();
    assert!(play.may_read("owner/receipt.toml") && !play.path("owner/receipt-next.toml").exists());
    assert_eq!(read_receipt(&play.path("owner/receipt.toml")).unwrap().watch_key.danger_expose()[0], 0);
}

#[test]
fn keys_cards_locks_and_tenure_change_with_the_owners_keys_after_their_waits() {
    let play = Play::begin();
    play.say("add-key NUMBER --owner @owner --file @second.key --json").unwrap();
    play.pass(20 * 60);
    assert_eq!(play.look().factors.len(), 4);
    play.refused("tenure NUMBER --owner @owner --is personal", "changes nothing");
    play.say("tenure NUMBER --owner @owner --is business --with phone").unwrap();
    play.pass(DAY + 60);
    assert_eq!(play.look().tenure, "personal", "one place waits a week");
    play.say("veto NUMBER --owner @owner --with paper").unwrap();
    // The first sheet was used up by the key; the new key is grown up a week after its request's end.
    play.pass(11 * DAY);
    play.say("tenure NUMBER --owner @owner --is business --key @second.key").unwrap();
    play.say("agree NUMBER --owner @owner --with phone").unwrap();
    play.pass(60);
    play.pass(DAY + 60);
    assert_eq!(play.look().tenure, "business");

    play.say("lock NUMBER move 2g --owner @owner --by hold-code").unwrap();
    assert_eq!(play.look().holds, [0, 5]);
    play.refused("change NUMBER --owner @owner --profile @other.toml --with phone", "hold");
    play.say("unlock NUMBER move 2g --owner @owner --with phone").unwrap();
    play.pass(2 * 3_600);
    assert!(play.look().holds.is_empty());

    play.refused("remove-card NUMBER --owner @owner", "no card in slot 1");
    play.say("add-card NUMBER --owner @owner --profile @watch.toml --with phone").unwrap();
    play.pass(DAY + 60);
    assert_eq!(play.look().cards.len(), 2);
    play.say("remove-card NUMBER --owner @owner --slot 2 --with phone").unwrap();
    play.pass(7 * DAY + 60);
    assert_eq!(play.look().cards.len(), 1);

    let second = hex::encode(
        super::key_file::KeyFile::load(&play.path("second.key")).unwrap().signer().factor().id().0,
    );
    play.refused("remove-key NUMBER --owner @owner --name zz", "no key of this number");
    play.say(&format!("remove-key NUMBER --owner @owner --name {} --with phone", &second[..8])).unwrap();
    play.pass(7 * DAY + 60);
    assert!(play.look().factors.iter().all(|factor| factor.id != second));
}

#[test]
fn a_silenced_key_agrees_to_nothing_and_a_ported_number_is_closed() {
    let play = Play::begin();
    let phone = hex::encode(Owner::load(&play.path("owner")).unwrap().passkey.factor().id().0);
    play.refused(&format!("silence NUMBER --owner @owner --name {} --with phone", &phone[..8]), "");
    play.say(&format!("silence NUMBER --owner @owner --name {}", &phone[..8])).unwrap();
    play.refused("port-out NUMBER --owner @owner --recipient Other --code 123456 --with phone", "silenced");
    play.refused("port-out NUMBER --owner @owner --recipient Other --code --with paper", "");
    play.say("port-out NUMBER --owner @owner --recipient Other --code 123456 --with paper").unwrap();
    play.pass(DAY + 60);
    assert!(play.look().closed);
    play.refused("tenure NUMBER --owner @owner --is minor --with paper", "closed");
}

#[test]
fn two_desks_give_a_silent_owners_number_up_and_one_word_of_the_owner_stops_them() {
    let play = Play::begin();
    play.refused("give-up NUMBER --desk-key @node/keys/consent.key", "not a desk's key");
    play.say("give-up NUMBER --desk-key @node/keys/desk-1.key").unwrap();
    play.refused("agree NUMBER --owner @owner", "two desks");
    play.say("veto NUMBER --owner @owner").unwrap();
    assert!(play.look().live.is_none());
    play.say("give-up NUMBER --desk-key @node/keys/desk-1.key").unwrap();
    play.pass(91 * DAY);
    assert!(!play.look().closed, "one office alone gives nothing up");
    play.pass(30 * DAY);
    assert!(play.look().live.is_none());
    play.say("give-up NUMBER --desk-key @node/keys/desk-1.key").unwrap();
    play.say("give-up NUMBER --desk-key @node/keys/desk-2.key --json").unwrap();
    play.pass(89 * DAY);
    assert!(!play.look().closed);
    play.pass(2 * DAY);
    assert!(play.look().closed);
}
