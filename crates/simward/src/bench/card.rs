//! The card in this process: reading, authenticating in memory and on disk, how much of it there is when it does nothing, how
//! soon it is there.

use super::{BenchError, Figure};
use crate::card::folder::{DeviceKeys, Folder, Opening};
use crate::up::seeded;
use card::medium::{Anchor, Counter, Medium, Memory};
use card::{Card, Code, Common, MncLength, Profile, Protocol};
use keys::Secret;
use keys::aka::Aka;
use keys::milenage::{Amf, Milenage, Sqn};
use rand_chacha::ChaCha20Rng;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use wire::UnixTime;
use wire::apdu::Status;

/// Cards in one process.
const CARDS: u64 = 100_000;
/// Challenges made at a time, before they are timed.
const CHALLENGES: u64 = 4_096;
/// Records in the log of the card that is started.
const RECORDS: u64 = 1_000;
const VERIFY: &[u8] = b"\x00\x20\x00\x01\x081234\xff\xff\xff\xff";
const SELECT_USIM: &[u8] =
    b"\x00\xa4\x04\x0c\x10\xa0\x00\x00\x00\x87\x10\x02\xff\xff\xff\xff\x89\x07\x09\x00\x00";
const SELECT_IMSI: &[u8] = b"\x00\xa4\x00\x0c\x02\x6f\x07";
const READ_IMSI: &[u8] = b"\x00\xb0\x00\x00\x09";
const READ_ICCID: &[u8] = b"\x00\xb0\x82\x00\x0a";

/// All figures of the card.
pub(crate) fn run(tpm: Option<&str>, duration: Duration) -> Result<Vec<Figure>, BenchError> {
    let mut rng = seeded()?;
    let profile = profile(0).map_err(io::Error::other)?;
    let folder = tempfile::tempdir()?;
    let mut figures = vec![read_binary(&profile, duration, &mut rng)?];
    let mut memory = personalised(&profile, &mut rng)?;
    figures.push(authenticate("card.authenticate.memory", &mut memory, &profile, duration, &mut rng)?);
    figures.push(milenage(&profile, duration / 2));
    let mut disk = on_disk(&folder.path().join("disk"), None, Some(&profile), &mut rng)?;
    figures.push(authenticate("card.authenticate.durable", &mut disk, &profile, duration, &mut rng)?);
    figures.push(appends(folder.path(), duration / 2)?);
    drop(disk);
    if let Some(tpm) = tpm {
        let mut counting = on_disk(&folder.path().join("tpm"), Some(tpm), Some(&profile), &mut rng)?;
        figures.push(authenticate("card.authenticate.tpm", &mut counting, &profile, duration, &mut rng)?);
    }
    figures.push(start(&folder.path().join("start"), &profile, &mut rng)?);
    figures.push(idle(&mut rng)?);
    Ok(figures)
}

pub(super) fn profile(n: u64) -> Result<Profile, wire::Malformed> {
    Ok(Profile {
        iccid: format!("89860012{n:011}").parse()?,
        imsi: format!("46000{n:010}").parse()?,
        mnc_length: MncLength::Two,
        aka: keys::aka::AkaKeys::Milenage { k: Secret::new([0x4b; 16]), opc: Secret::new([0x0c; 16]) },
        pin: Code::pin("1234")?,
        puk: Code::eight("12345678")?,
        adm1: Code::eight("87654321")?,
        pin2: None,
        universal_pin: None,
        more_adm: Vec::new(),
        concealment: None,
        gsm: true,
        msisdn: Some(format!("86138{n:08}").parse()?),
        deed_id: Some([0xde; 32]),
        card_key: None,
        alert_number: None,
        alert_endpoint: None,
        ota: None,
    })
}

fn open<T>(card: Result<T, card::OpenError>) -> Result<T, BenchError> {
    card.map_err(|e| io::Error::other(e).into())
}

pub(super) fn personalised(
    profile: &Profile,
    rng: &mut ChaCha20Rng,
) -> Result<Card<Memory, Counter>, BenchError> {
    open(Card::personalise(Memory::new(), Counter::default(), Secret::new([1; 32]), profile, rng))
}

/// Says something to the card that must succeed.
pub(super) fn say<M: Medium, A: Anchor>(
    card: &mut Card<M, A>,
    apdu: &[u8],
    rng: &mut ChaCha20Rng,
) -> Result<(), BenchError> {
    let answer = card.transmit(apdu, rng);
    match wire::apdu::response(&answer) {
        Ok((_, Status::OK)) => Ok(()),
        Ok((_, answer)) => Err(BenchError::Card { command: "a command", answer, hint: "the card is broken" }),
        Err(e) => Err(io::Error::other(e).into()),
    }
}

/// READ BINARY of EF.IMSI, behind the PIN, into a buffer of the caller's.
fn read_binary(profile: &Profile, duration: Duration, rng: &mut ChaCha20Rng) -> Result<Figure, BenchError> {
    const BATCH: u64 = 10_000;
    let mut card = personalised(profile, rng)?;
    for apdu in [SELECT_USIM, VERIFY, SELECT_IMSI, READ_IMSI] {
        say(&mut card, apdu, rng)?;
    }
    let mut out = Vec::with_capacity(64);
    let (mut n, start) = (0, Instant::now());
    while start.elapsed() < duration {
        for _ in 0..BATCH {
            card.transmit_into(black_box(READ_IMSI), &mut out, rng);
            black_box(&out);
        }
        n += BATCH;
    }
    Ok(Figure::rate("card.read_binary", n, start.elapsed()))
}

/// AUTHENTICATE with fresh challenges: checked, the sequence number in the log, answered. Only the card is timed.
fn authenticate<M: Medium, A: Anchor>(
    name: &'static str,
    card: &mut Card<M, A>,
    profile: &Profile,
    duration: Duration,
    rng: &mut ChaCha20Rng,
) -> Result<Figure, BenchError> {
    card.speak(Protocol::T1);
    for apdu in [SELECT_USIM, VERIFY] {
        say(card, apdu, rng)?;
    }
    let aka = profile.aka.keyed();
    let mut out = Vec::with_capacity(64);
    let (mut n, mut took) = (0, Duration::ZERO);
    while took < duration {
        let challenges: Vec<_> = (n..n + CHALLENGES).map(|n| challenge(&aka, n + 1)).collect();
        let start = Instant::now();
        for apdu in &challenges {
            card.transmit_into(apdu, &mut out, rng);
            if out.first() != Some(&0xdb) {
                return Err(io::Error::other("a fresh challenge was refused").into());
            }
            n += 1;
            if start.elapsed() + took > duration {
                break;
            }
        }
        took += start.elapsed();
    }
    Ok(Figure::rate(name, n, took))
}

fn challenge(aka: &Aka, seq: u64) -> Vec<u8> {
    let sqn = Sqn::from_parts(seq, 0).unwrap_or_default();
    let mut rand = [0; 16];
    rand.iter_mut().zip(seq.to_be_bytes()).for_each(|(to, from)| *to = from);
    let autn = Milenage::autn(&aka.vector(&rand, sqn, Amf::ZERO), sqn, Amf::ZERO);
    [&[0, 0x88, 0, 0x81, 0x22, 0x10][..], &rand, &[0x10], &autn, &[0]].concat()
}

/// The cipher alone: a limit for AUTHENTICATE in memory.
fn milenage(profile: &Profile, duration: Duration) -> Figure {
    let (aka, mut n, start) = (profile.aka.keyed(), 0, Instant::now());
    while start.elapsed() < duration {
        for _ in 0..1_000 {
            black_box(aka.vector(&[0x5a; 16], Sqn::default(), black_box(Amf::ZERO)));
            n += 1;
        }
    }
    Figure::rate("keys.milenage.vector", n, start.elapsed())
}

/// A card in a state folder, which counts in a TPM if one is given.
fn on_disk(
    folder: &Path,
    tpm: Option<&str>,
    profile: Option<&Profile>,
    rng: &mut ChaCha20Rng,
) -> Result<Card<crate::card::folder::Banks, crate::card::folder::AnchorFile>, BenchError> {
    let keys = DeviceKeys::folder(Some(&folder.join("keys"))).in_tpm(tpm);
    let opening =
        Folder::open(&folder.join("card"), &keys, UnixTime(1_800_000_000), rng).map_err(io::Error::other)?;
    let Opening::Live(mut folder) = opening else {
        return Err(io::Error::other("the card was ended").into());
    };
    let (banks, anchor, key) = folder.parts().map_err(io::Error::other)?;
    match profile {
        Some(profile) => open(Card::personalise(banks, anchor, key, profile, rng)),
        None => open(Card::open(banks, anchor, key)),
    }
}

/// What the disk could do: appending as much as a record and waiting for it.
fn appends(folder: &Path, duration: Duration) -> Result<Figure, BenchError> {
    let mut file = File::create(folder.join("block"))?;
    let (mut n, start) = (0, Instant::now());
    while start.elapsed() < duration {
        file.write_all(&[0x5a; 43])?;
        file.sync_data()?;
        n += 1;
    }
    Ok(Figure::rate("disk.append_fdatasync", n, start.elapsed()))
}

/// From a folder with a log of 1,000 records to the first answer.
fn start(folder: &Path, profile: &Profile, rng: &mut ChaCha20Rng) -> Result<Figure, BenchError> {
    const TIMES: u32 = 50;
    let mut card = on_disk(folder, None, Some(profile), rng)?;
    card.speak(Protocol::T1);
    for apdu in [SELECT_USIM, VERIFY] {
        say(&mut card, apdu, rng)?;
    }
    let aka = profile.aka.keyed();
    // Fewer than a bank holds before the next begins.
    for seq in 1..=RECORDS {
        card.transmit(&challenge(&aka, seq), rng);
    }
    drop(card);
    let mut took = Duration::ZERO;
    for _ in 0..TIMES {
        let start = Instant::now();
        let mut card = on_disk(folder, None, None, rng)?;
        say(&mut card, READ_ICCID, rng)?;
        took += start.elapsed();
    }
    let each = took / TIMES;
    Ok(Figure {
        name: "card.start",
        value: each.as_secs_f64() * 1e3,
        unit: "ms",
        n: TIMES.into(),
        seconds: took.as_secs_f64(),
    })
}

/// What a card takes of memory while nobody speaks to it: 100,000 of one profile, what equals it shared. Counted as what the
/// process grows by.
fn idle(rng: &mut ChaCha20Rng) -> Result<Figure, BenchError> {
    let start = Instant::now();
    let common = Common::of(&profile(0).map_err(io::Error::other)?);
    let before = resident()?;
    let mut cards = Vec::with_capacity(usize::try_from(CARDS).unwrap_or_default());
    for n in 0..CARDS {
        let mut card = personalised(&profile(n).map_err(io::Error::other)?, rng)?;
        card.share(&common);
        cards.push(card);
    }
    let grown = resident()?.saturating_sub(before);
    drop(black_box(cards));
    Ok(Figure {
        name: "card.idle_heap",
        value: grown as f64 / CARDS as f64,
        unit: "octets",
        n: CARDS,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Octets of memory the process has.
fn resident() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.map(|kib: u64| kib * 1024).ok_or_else(|| io::Error::other("/proc/self/status has no VmRSS"))
}
