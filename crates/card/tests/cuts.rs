//! The power goes at every step of every command that changes something: what is found then is all of it or nothing of it, and
//! no try comes back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use rand_chacha::rand_core::Rng as _;

const NEW_PIN: &str = "2468";
const IOT_SAFE: &str = "00a4040c07a0000005590010";

/// A command, what comes before it, and the path of the file that it changes.
struct Change {
    name: &'static str,
    before: Vec<String>,
    command: String,
    file: &'static str,
}

fn changes() -> Vec<Change> {
    let change = |name, before: &[&str], command: &str, file| {
        let before = before.iter().map(|apdu| (*apdu).to_owned()).collect();
        Change { name, before, command: command.into(), file }
    };
    // Made for all of them: 4F01 transparent, 4F02 cyclic, 4F03 data objects.
    vec![
        change("UPDATE BINARY", &["00a4000c024f01"], "00d60002021122", "7fff4f01"),
        change("UPDATE RECORD", &["00a4000c026fe4"], &format!("00dc010450{}", "5a".repeat(80)), "7fff6fe4"),
        change("UPDATE RECORD, cyclic", &["00a4000c024f02"], "00dc000303aabbcc", "7fff4f02"),
        change("INCREASE", &["00a4000c024f02"], "803200000105", "7fff4f02"),
        change("SET DATA", &["00a4000c024f03"], "80db0080038001aa", "7fff4f03"),
        change("DEACTIVATE FILE", &["00a4000c024f01"], "00040000", "7fff4f01"),
        change("TERMINATE EF", &["00a4000c024f01"], "00e80000", "7fff4f01"),
        change("CREATE FILE", &[], &create("4f0a", "4121", 8, 8, ""), "7fff4f0a"),
        change("DELETE FILE", &[], "00e40000024f01", "7fff4f01"),
        change("RESIZE FILE", &[], "80d400000a620883024f0180020018", "7fff4f01"),
        change("AUTHENTICATE", &[], &authenticate_apdu(challenge([9; 16], 1, 0)), "7fff6f07"),
        change("ACTIVATE FILE", &["00a4000c024f01", "00040000"], "00440000", "7fff4f01"),
        change("ENABLE PIN", &[&disable_apdu(PIN)], &enable_apdu(PIN), "7fff6f07"),
        change("CHANGE PIN", &[], &change_apdu(PIN, NEW_PIN), "7fff6f07"),
        change("DISABLE PIN", &[], &disable_apdu(PIN), "7fff6f07"),
        change("UNBLOCK PIN", &[], &unblock_apdu(PUK, NEW_PIN), "7fff6f07"),
        change("AUTHENTICATE, bootstrapping", &[], &gba_apdu([9; 16], 1), "7fff6fd6"),
        change(
            "AUTHENTICATE, a service's key",
            &[&gba_apdu([9; 16], 1)],
            "0088008408de036e616602696d",
            "7fff6fda",
        ),
        change(
            "TERMINAL RESPONSE, another telephone",
            &["801000000400000040", "801200000b"],
            "801400001681030126018202828183010094083a06000000000000",
            "2f20",
        ),
        change("GENERATE KEY PAIR", &[IOT_SAFE], "00b9000003840101", "7fff6f07"),
    ]
}

type Cut = Terminal<Mortal, Mortal>;

/// Everything about the card that the commands here change. The tries come first: looking at the rest spends some.
fn look(terminal: &mut Cut, file: &str) -> (String, String) {
    let tries = ["00200001", "002c0001", "0020000a"].map(|query| terminal.raw(query)).join(" ");
    terminal.send(USIM);
    let asked = terminal.send("80f2000000");
    let asked = &asked[asked.len() - 22..];
    // With a PIN that is one and is asked for, or with none.
    let pin = [PIN, NEW_PIN].into_iter().find(|pin| terminal.raw(&verify_apdu(pin)) == "9000");
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    let fresh = terminal.send(&authenticate_apdu(challenge([9; 16], 1, 0)));
    let fcp = terminal.send(&format!("00a40804{:02x}{file}", file.len() / 2));
    let mut content = terminal.send("00b0000000");
    content += &[1, 2].map(|n| terminal.send(&format!("00b2{n:02x}0400"))).concat();
    content += &terminal.send("80cb00800180");
    terminal.raw(IOT_SAFE);
    content += &terminal.send("00cd000003850101");
    (tries, format!("{asked} {pin:?} {} {fcp} {content}", &fresh[..4]))
}

#[test]
fn a_cut_at_every_step_of_every_change_leaves_all_of_it_or_nothing() {
    let mut rng = rng(31);
    let (mut terminal, world) = mortal();
    terminal.ready();
    assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
    for file in [
        create("4f01", "4121", 8, 8, ""),
        create("4f02", "46210003", 8, 9, ""),
        create("4f03", "7921", 8, 64, ""),
    ] {
        assert_eq!(terminal.raw(&file), "9000");
    }
    terminal.raw("00a4000c024f02");
    assert_eq!(terminal.raw("00dc000303000001"), "9000");
    drop(terminal);
    let saved = {
        let w = world.0.borrow();
        (w.banks.clone(), w.synced, w.anchor)
    };
    let (mut cuts, mut old_found, mut new_found) = (0, 0, 0);
    for change in changes() {
        let put_back = || {
            let mut w = world.0.borrow_mut();
            (w.banks, w.synced, w.anchor) = saved.clone();
            w.fuel = None;
            drop(w);
            let mut terminal = Terminal::open(world.clone(), world.clone());
            terminal.ready();
            assert_eq!(terminal.raw(&verify_adm_apdu(ADM)), "9000");
            for apdu in &change.before {
                let said = terminal.send(apdu);
                assert!(said.ends_with("9000") || said == "910b", "{}: {apdu}: {said}", change.name);
            }
            terminal
        };
        let reopened = || {
            let terminal = Terminal::open(world.clone(), world.clone());
            assert_eq!(terminal.card.lock(), None, "{}: an honest cut never locks a card", change.name);
            terminal
        };
        drop(put_back());
        let old = look(&mut reopened(), change.file);
        let mut terminal = put_back();
        let start = world.0.borrow().steps;
        let said = terminal.raw(&change.command);
        assert!(said == "9000" || said.starts_with("61"), "{}: {said}", change.name);
        let steps = world.0.borrow().steps - start;
        drop(terminal);
        let new = look(&mut reopened(), change.file);
        assert_ne!(old, new, "{} changes something that is looked at", change.name);
        for fuel in 0..steps {
            let mut terminal = put_back();
            world.0.borrow_mut().fuel = Some(fuel);
            let said = terminal.raw(&change.command);
            let heard = !world.0.borrow().dead() && (said == "9000" || said.starts_with("61"));
            drop(terminal);
            world.0.borrow_mut().cut(&mut rng);
            let mut terminal = reopened();
            terminal.rng = common::rng(rng.next_u64());
            let found = look(&mut terminal, change.file);
            // A code that was presented may cost a try, and never gives one back.
            assert!(
                found.0 <= old.0 || found.0 == new.0,
                "{}: tries {} after {}",
                change.name,
                found.0,
                old.0
            );
            if found.1 == new.1 {
                new_found += 1;
            } else {
                assert_eq!(found.1, old.1, "{} cut after {fuel} of {steps} steps", change.name);
                assert!(!heard, "{}: what was answered is lost", change.name);
                old_found += 1;
            }
            cuts += 1;
        }
    }
    println!("{cuts} cuts: {old_found} found all as before, {new_found} all as after, 0 in between");
    assert!(old_found > 500 && new_found > 50, "{old_found} and {new_found}");
}
