//! Attacks on the card itself, and on what lies on disks: by guesses, over the air, with a copied folder, a changed file, a
//! stolen image.

use super::DemoError;
use super::cast::Cast;
use super::phone::Phone;
use super::report::Attack;
use crate::card::profile;
use crate::card::terminal::TerminalError;
use crate::number::issue::draw;
use crate::phone::PhoneError;
use crate::talk::{Outcome, converse, introduce, swap};
use crate::up::seeded;
use card::Code;
use keys::sign::Host;
use operator::ota::{Receipt, Sending, Update, messages, read_receipt, update_file};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use wire::secured_packet::ResponseStatus;
use wire::sms::{Address, Deliver, Timestamp};
use wire::{Malformed, Msisdn, UnixTime};

fn stuck(why: impl std::fmt::Display) -> DemoError {
    DemoError::Stuck(why.to_string())
}

/// The PIN guessed: three tries, each spent before it is compared; then the PUK.
pub(super) fn by_guessing_the_pin(cast: &mut Cast) -> Result<(), DemoError> {
    let (_, profile) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let (right, puk) = (profile.pin.clone(), profile.puk.clone());
    let wrong = if right.danger_expose().starts_with(b"0000") { "1111" } else { "0000" };
    let wrong = Code::pin(wrong).map_err(stuck)?;
    let mut phone = Phone::new(profile, &cast.stage.radio(), 30, seeded()?)?;
    let guesses = phone.with_card(|card| (0..3).map(|_| card.verify(&wrong, true)).collect::<Vec<_>>());
    let last = phone.with_card(|card| card.verify(&right, true));
    // To the card itself: a terminal would not even ask any more.
    let raw = phone.verify_pin(&right)?;
    let blocked = raw == [0x69, 0x83] && matches!(last, Err(TerminalError::Blocked { .. }));
    let no_guess = guesses.iter().all(Result::is_err);
    let unblocked = phone.with_card(|card| {
        card.unblock_pin(&puk, &right, true)?;
        card.verify(&right, true)
    });
    cast.report.attack(Attack {
        name: "pin-guessed",
        words: "PIN guessed; after three guesses even the right one",
        refused: no_guess && blocked && unblocked.is_ok(),
        reason: hex::encode(raw),
        why: "each try is spent before it is compared; the PUK alone gives new ones",
    });
    Ok(())
}

/// The operator's own packet works once; replayed, weakened to DES, or sealed by somebody else it does nothing.
pub(super) fn over_the_air(cast: &mut Cast) -> Result<(), DemoError> {
    let (_, profile) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let keys = profile.ota.clone().ok_or_else(|| stuck("a card without keys of remote management"))?;
    let mut phone = Phone::new(profile, &cast.stage.radio(), 31, seeded()?)?;
    let update = Update { path: &[0x7fff, 0x6f46], offset: 1, octets: b"Shouhao" };
    let sending = Sending {
        originator: Address::from(&cast.number),
        timestamp: Timestamp::new(UnixTime(cast.stage.now()), 0),
        reference: 1,
    };
    let sealed = update_file(&keys, 1, &update, &sending).map_err(stuck)?;
    let first = answer(&mut phone, &sealed)?;
    let done = read_receipt(&keys, &first).map_err(stuck)?;
    if !matches!(done, Receipt::Proven { status: 0x9000, .. }) {
        return Err(stuck(format!("the operator's own packet was refused: {done:?}")));
    }
    cast.report.step(
        "operator",
        "updates a file of the card over the air (AES)",
        "done, receipt with checksum",
    );
    let replayed = read_receipt(&keys, &answer(&mut phone, &sealed)?).map_err(stuck)?;
    cast.report.attack(Attack {
        name: "ota-replayed",
        words: "the operator's packet to the card, recorded and sent again",
        refused: replayed == Receipt::Unproven(ResponseStatus::COUNTER_LOW),
        reason: status(&replayed),
        why: "the card takes each counter once, and stores it before it acts",
    });
    let des = weakened(&sealed, &sending).map_err(stuck)?;
    let des = answer(&mut phone, &des)?;
    let said = read_receipt(&keys, &des).map_err(stuck)?;
    cast.report.attack(Attack {
        name: "ota-des",
        words: "a packet to the card under DES, as cards once took it",
        refused: matches!(said, Receipt::Unproven(_)),
        reason: status(&said),
        why: "single DES falls to a table in minutes; this card knows AES alone",
    });
    let other = keys::ota::OtaKeys::random(&mut seeded()?);
    let forged = update_file(&other, 9, &update, &sending).map_err(stuck)?;
    let said = answer(&mut phone, &forged)?;
    cast.report.attack(Attack {
        name: "ota-forged",
        words: "a packet to the card sealed with somebody else's key",
        refused: said.is_empty(),
        reason: if said.is_empty() { "silence".into() } else { hex::encode(said) },
        why: "a wrong checksum gets no answer: not one octet made with the key",
    });
    Ok(())
}

fn status(receipt: &Receipt) -> String {
    match receipt {
        Receipt::Unproven(status) => format!("status {:02x}", status.0),
        Receipt::Proven { .. } => "carried out".into(),
    }
}

/// What the card answers to the last of these messages.
fn answer(phone: &mut Phone, messages: &[Deliver]) -> Result<Vec<u8>, DemoError> {
    let mut answer = Vec::new();
    for message in messages {
        answer = phone.envelope(&message.to_bytes().map_err(stuck)?)?;
    }
    Ok(answer)
}

/// The same packet with the octets that name the algorithms set to DES in CBC mode (TS 102 225 §5.1.2: KIc and KID 11).
fn weakened(sealed: &[Deliver], sending: &Sending) -> Result<Vec<Deliver>, Malformed> {
    let [message] = sealed else { return Err(Malformed::new("packet", "of several messages")) };
    let wire::sms::Payload::Octets(octets) = &message.user_data.payload else {
        return Err(Malformed::new("packet", "no octets"));
    };
    // CPL (2), CHL (1), SPI (2), then KIc and KID.
    let mut octets = octets.clone();
    for at in [5, 6] {
        *octets.get_mut(at).ok_or(Malformed::new("packet", "cut short"))? = 0x11;
    }
    messages(&octets, sending)
}

/// A message and a call recorded by somebody who has all keys that the operator ever had of both cards.
pub(super) fn by_listening(cast: &mut Cast) -> Result<(), DemoError> {
    let mut rng = seeded()?;
    let (mine, profile) = draw(cast.api()?, &cast.number, &mut rng)?;
    let other_number: Msisdn = "8613800138001".parse().map_err(stuck)?;
    let (theirs, other_profile) = draw(cast.api()?, &other_number, &mut rng)?;
    let number = cast.number;
    let leaked = [profile.clone(), other_profile.clone()];
    let radio = cast.stage.radio();
    let mut here = Phone::new(profile, &radio, 32, seeded()?)?;
    let mut there = Phone::new(other_profile, &radio, 33, seeded()?)?;
    here.give_pin()?;
    there.give_pin()?;
    let peer = |phone: &mut Phone, number: &Msisdn, card: &deed::record::Card| {
        let identity = phone.with_card(|card| introduce(card, number)).map_err(stuck)?;
        let key = card.card_pub.ok_or_else(|| stuck("a card without a key"))?;
        let peer = identity.verify(&Host, number, &key).map_err(stuck)?;
        Ok::<_, DemoError>((swap(&identity, &key, &mut seeded()?).is_err(), peer))
    };
    let (kept_out, me) = peer(&mut here, &number, &mine)?;
    let (kept_out_there, other) = peer(&mut there, &other_number, &theirs)?;
    let text = "今晚八点".as_bytes();
    let outcome =
        here.with_card(|a| there.with_card(|b| converse((a, &me), (b, &other), text, &leaked, &mut rng)));
    let Outcome { read, packets, opened, in_clear, .. } = outcome.map_err(stuck)?;
    if read != text {
        return Err(stuck("the other card read something else"));
    }
    cast.report.attack(Attack {
        name: "overheard",
        words: "message and call between two cards recorded, both K in hand",
        refused: opened == 0 && !in_clear && kept_out && kept_out_there,
        reason: format!("opened {opened} of {packets}"),
        why: "the keys are agreed between the cards, each made in its card and used once",
    });
    Ok(())
}

/// A card's folder copied to another place, and one of its files changed: by the command line, as a thief would.
pub(super) fn by_copying_and_changing(cast: &mut Cast) -> Result<(), DemoError> {
    let folder = cast.stage.folder.clone();
    let (_, card) = draw(cast.api()?, &cast.number, &mut seeded()?)?;
    let (state, keys) = (folder.join("card"), folder.join("device-keys"));
    let profile_file = folder.join("card.toml");
    profile::save(&profile_file, &card)?;
    let run = |arguments: &[&Path]| simward(&keys, arguments);
    let make = [Path::new("make"), Path::new("--state"), &state, Path::new("--profile"), &profile_file];
    run(&make)?.map_err(stuck)?;
    let copy = folder.join("elsewhere");
    copy_folder(&state, &copy)?;
    let read = |state: &Path| run(&[Path::new("pin"), Path::new("status"), Path::new("--state"), state]);
    let copied = read(&copy)?;
    let original = read(&state)?;
    cast.report.attack(Attack {
        name: "card-copied",
        words: "a card's whole folder copied and opened elsewhere",
        refused: copied.is_err() && original.is_ok(),
        reason: first_words(&copied),
        why: "its device key is bound to the folder it was made for; the original goes on",
    });
    let bank = state.join("bank-a");
    let mut bytes = fs::read(&bank)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    fs::write(&bank, bytes)?;
    let (changed, again) = (read(&state)?, read(&state)?);
    let keys_left = fs::read_dir(&keys)?
        .filter_map(Result::ok)
        .filter(|entry| fs::metadata(entry.path()).is_ok_and(|file| file.len() > 0));
    let destroyed = keys_left.count() == 0;
    cast.report.attack(Attack {
        name: "card-changed",
        words: "one bit of a card's sealed state changed",
        refused: changed.is_err() && again.is_err() && destroyed,
        reason: first_words(&again),
        why: "its keys are destroyed and the card is terminated for good, reason kept",
    });
    Ok(())
}

type Said = Result<String, String>;

/// Runs our own command line on cards, in a process of its own.
fn simward(keys: &Path, arguments: &[&Path]) -> io::Result<Said> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.arg("card").args(arguments).env("SIMWARD_DEVICE_KEYS", keys).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

fn first_words(said: &Said) -> String {
    let text = match said {
        Ok(_) => return "opened".into(),
        Err(text) => text,
    };
    let known = [("was TERMINATED on", "terminated"), ("is a copy; the card lives in", "copy")];
    let known = known.into_iter().find(|(words, _)| text.contains(words));
    known.map_or_else(|| text.clone(), |(_, name)| name.into())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Everything the operator and a card have on disk is searched for what nobody may read there.
pub(super) fn by_searching_the_disks(cast: &mut Cast) -> Result<(), DemoError> {
    // Codes that wait lie on the disk now: the line is asked to hold one.
    let api = cast.api()?.clone();
    let secret = "code 31415926";
    let nobody: wire::Msisdn = super::cast::parse("8613600136009")?;
    crate::number::issue::issue_to(&api, &nobody, &mut seeded()?)?;
    let body = serde_json::json!({ "to": format!("+{nobody}"), "from": "Bank", "text": secret });
    let posted: server::bank::PostedView = api.post("/v1/messages", &api.bank, &body)?;
    if posted.state != "waiting" {
        return Err(stuck("a code to a phone that is off does not wait"));
    }
    let Some((k, opc)) = cast.phone.subscriber_keys() else {
        return Err(stuck("the phone's card is not one of MILENAGE"));
    };
    let mut needles: Vec<Vec<u8>> = vec![secret.as_bytes().to_vec(), b"31415926".to_vec()];
    for key in [k, opc] {
        needles.extend([key.to_vec(), hex::encode(key).into_bytes(), hex::encode_upper(key).into_bytes()]);
    }
    let mut hits = Vec::new();
    let mut searched = 0_u64;
    for file in files_of(&cast.stage.data())? {
        let bytes = fs::read(&file)?;
        searched += bytes.len() as u64;
        let found = |needle: &Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle.as_slice());
        if needles.iter().any(found) {
            hits.push(file.display().to_string());
        }
    }
    cast.report.attack(Attack {
        name: "disk-searched",
        words: "the operator's files searched for codes and keys in clear",
        refused: hits.is_empty() && searched > 0,
        reason: if hits.is_empty() { format!("0 hits in {} KiB", searched / 1024) } else { hits.join(", ") },
        why: "messages and K are sealed; what opens them lies in key files apart",
    });
    Ok(())
}

fn files_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

/// A card that is not the number's sends in its name; and the thief's own line, which is his.
pub(super) fn by_sending_as_the_owner(cast: &mut Cast) -> Result<(), DemoError> {
    let owner = cast.number;
    let unlinked = cast.blank_phone.send(&owner, "it is me, your bank");
    cast.thief_phone.send(&owner, "it is me, your bank").map_err(stuck)?;
    let seen = cast.phone.inbox(Some("it is me, your bank"))?;
    let from = seen.iter().find(|read| read.text == "it is me, your bank").map(|read| read.from.clone());
    let own = cast.stage.handle()?.run_blocking({
        let imsi = cast.thief_phone.imsi();
        move |node| Ok(node.number_of(&imsi).map(|number| format!("+{number}")))
    })?;
    cast.report.attack(Attack {
        name: "sent-as-another",
        words: "an unlinked card sends as the owner; a thief's line sends as a bank",
        refused: matches!(unlinked, Err(PhoneError::Network(_))) && from.is_some() && from == own,
        reason: match unlinked {
            // It spoke at the radio door, and the network hung up.
            Err(PhoneError::Network(_)) => "no-sender".into(),
            other => format!("{other:?}"),
        },
        why: "a phone names no sender: the network writes the number of the card it authenticated",
    });
    Ok(())
}
