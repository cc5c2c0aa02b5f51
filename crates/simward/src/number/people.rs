//! Trusted people (亲友见证人): who they are, and their keys.

use super::asking::{Signing, ask};
use super::key_file::{KeyFile, read_person};
use super::{NumberError, Where};
use crate::up::seeded;
use clap::Subcommand;
use deed::intent::Change;
use deed::record::Purpose;
use server::view::NumberView;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum TrustKey {
    /// Make a trusted person's key. The file stays with that person; what it prints is handed to the number's owner.
    New {
        /// Where the key goes; beside it, with `.pub`, what is handed over.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The person's name, for the owner's eyes: no deed has it.
        #[arg(long, value_name = "NAME")]
        name: String,
    },
}

pub(super) fn trust_key(command: &TrustKey) -> Result<(), NumberError> {
    let TrustKey::New { file, name } = command;
    let (public, text) = KeyFile::random(name, Purpose::Guardian, &mut seeded()?).save(file)?;
    println!("{text}");
    println!("Hand {} to the owner: it is no secret. Keep {} to yourself.", public.display(), file.display());
    println!("When the owner has named you, prove that you have the key: `simward number approve`.");
    Ok(())
}

pub(super) fn trust(
    at: &Where,
    files: &[PathBuf],
    (needed, nobody): (u64, bool),
    signing: &Signing,
) -> Result<(), NumberError> {
    if files.is_empty() && !nobody {
        return Err(NumberError::Asked("name people with --person, or nobody with --nobody".into()));
    }
    let people = files.iter().map(|file| read_person(file)).collect::<Result<Vec<_>, _>>()?;
    let needed = if nobody { 0 } else { needed };
    if !nobody && (needed < 2 || needed > people.len() as u64) {
        return Err(NumberError::Asked(format!(
            "--needed is {needed}: at least two speak together, and no more than the {} named",
            people.len()
        )));
    }
    let ids: BTreeSet<String> = people.iter().map(|(_, person)| hex::encode(person.id().0)).collect();
    let factors: Vec<_> = people.into_iter().map(|(_, factor)| factor).collect();
    let change = |_: &NumberView| Ok(Change::Trust { needed, people: factors });
    let done = |now: &NumberView| {
        let there = now.factors.iter().filter(|factor| factor.place == 3).map(|factor| factor.id.clone());
        now.people_needed == needed && there.collect::<BTreeSet<_>>() == ids
    };
    ask(at, signing, "trust", change, &mut [], done).map(drop)
}
