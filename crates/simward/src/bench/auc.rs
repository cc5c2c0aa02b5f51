//! The authentication centre: vectors a second with every SQN durable, beside what the disk and the cipher could do.

use super::{BenchError, Figure};
use crate::number::issue::issue_to;
use crate::stage::Stage;
use crate::up::seeded;
use keys::Secret;
use keys::milenage::{Amf, Milenage, Sqn};
use operator::auc::Command;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use wire::{Imsi, Msisdn};

/// Subscribers: one batch of the committer.
const SUBSCRIBERS: usize = 512;
/// A card is given at most 60 vectors a minute, so a measurement ends before that.
const MOST_ROUNDS: u64 = 55;
/// When the measurement's clock stands.
const START: u64 = 1_800_000_000;

/// Vectors one at a time and 512 at a time, each batch one durable write; MILENAGE alone; fdatasync alone.
pub(crate) fn run(duration: Duration) -> Result<Vec<Figure>, BenchError> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::open(folder.path(), START)?;
    tracing::info!("issuing {SUBSCRIBERS} numbers");
    let imsis = subscribers(&stage)?;
    let half = duration / 2;
    let batched = rounds(&stage, &imsis, half)?;
    stage.advance(60);
    let alone = rounds(&stage, imsis.get(..1).unwrap_or_default(), half)?;
    Ok(vec![
        Figure::rate("auc.vector.batch_512", batched.0, batched.1),
        Figure::rate("auc.vector.batch_1", alone.0, alone.1),
        milenage(half),
        fdatasync(folder.path(), half)?,
    ])
}

fn subscribers(stage: &Stage) -> Result<Vec<Imsi>, BenchError> {
    let mut rng = seeded()?;
    let mut imsis = Vec::new();
    for n in 0..SUBSCRIBERS {
        let number: Msisdn = format!("86138{n:08}").parse().map_err(io::Error::other)?;
        let (_, profile) = issue_to(stage.api()?, &number, &mut rng).map_err(io::Error::other)?;
        imsis.push(profile.imsi);
    }
    Ok(imsis)
}

/// Asks for one vector of each, again and again; how many came, in what time.
fn rounds(stage: &Stage, imsis: &[Imsi], duration: Duration) -> Result<(u64, Duration), BenchError> {
    let commands: Vec<Command> = imsis.iter().map(|imsi| Command::Umts { imsi: *imsi }).collect();
    let measured = stage.handle()?.run_blocking(move |node| {
        let (mut n, mut rounds, start) = (0, 0, Instant::now());
        while start.elapsed() < duration && rounds < MOST_ROUNDS {
            for answer in node.authenticate(&commands) {
                answer?;
                n += 1;
            }
            rounds += 1;
        }
        Ok((n, start.elapsed()))
    });
    Ok(measured.map_err(io::Error::other)?)
}

/// f1 to f5 for one subscriber after the other, as the hot path computes them.
fn milenage(duration: Duration) -> Figure {
    let lines: Vec<Milenage> =
        (0..=u8::MAX).map(|n| Milenage::new(&Secret::new([n; 16]), &Secret::new([n ^ 0x55; 16]))).collect();
    let (mut n, mut seen, start) = (0u64, 0u8, Instant::now());
    while start.elapsed() < duration {
        for line in &lines {
            let sqn = Sqn::from_parts(n, 1).unwrap_or_default();
            let [first, ..] = line.vector(&[seen; 16], sqn, Amf::SEPARATION).res;
            // What is computed must be wanted, or it is not computed.
            seen = std::hint::black_box(first);
            n += 1;
        }
    }
    Figure::rate("keys.milenage.vector", n, start.elapsed())
}

/// The least a durable write costs here: appending a block and waiting for it.
fn fdatasync(folder: &Path, duration: Duration) -> Result<Figure, BenchError> {
    let mut file = File::create(folder.join("block"))?;
    let (mut n, start) = (0, Instant::now());
    while start.elapsed() < duration {
        file.write_all(&[0x5a; 4_096])?;
        file.sync_data()?;
        n += 1;
    }
    Ok(Figure::rate("disk.fdatasync_4k", n, start.elapsed()))
}
