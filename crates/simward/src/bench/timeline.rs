//! The timeline: entries a second, sealed and durable in batches, beside a plain file that takes the same octets.

use super::{BenchError, Figure};
use crate::stage::Stage;
use operator::timeline::{Actor, Entry, Happened};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use wire::{Msisdn, UnixTime};

/// Entries in a batch: each batch is one transaction, durable before the next begins.
const BATCH: usize = 5_000;
/// Numbers that they are about, mixed.
const NUMBERS: usize = 10_000;
const START: u64 = 1_800_000_000;

type Batch = Vec<(Msisdn, UnixTime, Entry)>;

/// Entries as a network makes them, one number after another.
fn batch(numbers: &[Msisdn], n: usize) -> Batch {
    let plmn = ["46000", "46001", "23415"].map(str::parse);
    let (imei, imsi) = ("490154203237518".parse(), "460001234567890".parse());
    let entry = |i: usize| {
        let number = numbers.get(i.wrapping_mul(2_654_435_761) % numbers.len().max(1)).copied()?;
        let what = match (i % 4, &imsi, &imei, plmn.get(i % 3)) {
            (0, Ok(imsi), Ok(imei), Some(Ok(plmn))) => {
                Happened::Attached { imsi: *imsi, imei: *imei, plmn: *plmn, area: i as u64 % 100 }
            }
            (1, Ok(imsi), ..) => Happened::Detached { imsi: *imsi },
            (2, ..) => Happened::CodePosted { from: "Bank of Examples".into() },
            _ => Happened::SignedIn { how: "passkey".into(), device: "Firefox · Android".into() },
        };
        Some((number, UnixTime(START + i as u64 / 1_000), Entry::new(Actor::Network, what)))
    };
    (n * BATCH..(n + 1) * BATCH).filter_map(entry).collect()
}

/// Batches through the node, into its database; then the same octets appended to a file.
pub(super) fn run(stage: &Stage, folder: &Path, duration: Duration) -> Result<Vec<Figure>, BenchError> {
    let numbers = (0..NUMBERS).map(|n| format!("86139{n:08}").parse());
    let numbers: Vec<Msisdn> = numbers.collect::<Result<_, _>>().map_err(io::Error::other)?;
    let measured = stage.handle()?.run_blocking(move |node| {
        let (mut n, mut octets, mut took) = (0, 0, Duration::ZERO);
        while took < duration {
            let batch = batch(&numbers, n);
            octets += batch.iter().map(|(.., entry)| entry.encode().len()).sum::<usize>();
            let start = Instant::now();
            node.ingest(&batch)?;
            took += start.elapsed();
            n += 1;
        }
        Ok((n, octets, took))
    });
    let (batches, octets, took) = measured.map_err(io::Error::other)?;
    let ingest = Figure::rate("consent.timeline.ingest", (batches * BATCH) as u64, took);
    // Nonce and tag are octets of the record too.
    let each = octets / batches + BATCH * (keys::seal::NONCE_BYTES + keys::seal::TAG_BYTES);
    let disk = append(&folder.join("plain"), each, batches)?;
    let ratio = ingest.value / disk.value;
    let seconds = ingest.seconds + disk.seconds;
    let of_disk =
        Figure { name: "consent.timeline.ingest.of_disk", value: ratio, unit: "ratio", n: ingest.n, seconds };
    Ok(vec![ingest, disk, of_disk])
}

/// What a plain file makes of as many batches of as many octets.
fn append(path: &Path, octets: usize, batches: usize) -> Result<Figure, BenchError> {
    let (mut file, block) = (File::create(path)?, vec![0x5a; octets]);
    let start = Instant::now();
    for _ in 0..batches {
        file.write_all(&block)?;
        file.sync_data()?;
    }
    Ok(Figure::rate("disk.append.timeline", (batches * BATCH) as u64, start.elapsed()))
}
