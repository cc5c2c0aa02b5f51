//! Agreeing to what somebody asked for, and taking a key's voice away.

use super::asking::{Done, Party, Signing, key_named, say, submit};
use super::key_file::KeyFile;
use super::request_file::RequestFile;
use super::{NumberError, Where};
use crate::api::Api;
use clap::{Args as ClapArgs, ValueEnum};
use deed::event::Body;
use deed::signer::SignStatement;
use server::view::{TipBody, TipView};
use std::path::PathBuf;

/// Agree as a trusted person.
#[derive(Debug, ClapArgs)]
pub(super) struct Approve {
    /// The person's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The request, as the owner handed it over; without it the node says what is asked, to people the deed knows.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Sign it. Without this only what would be signed is said.
    #[arg(long)]
    sign: bool,
    /// Where the node is; otherwise the address in --data.
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// The node's data folder: its address stands there, and nothing else of it is used.
    #[arg(long, value_name = "DIR", default_value = "simward-data")]
    data: PathBuf,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn approve(asked: &Approve) -> Result<(), NumberError> {
    let key = KeyFile::load(&asked.key)?;
    let mut signer = key.signer();
    let api = match &asked.node {
        Some(url) => Api::new(url, "", "", ""),
        None => Api::of_anybody(&asked.data)?,
    };
    let request = match &asked.request {
        Some(path) => RequestFile::load(path)?,
        None => {
            let factor = hex::encode(signer.factor().id().0);
            let tip: TipView = api.post("/v1/tips", "", &TipBody { factor })?;
            let live = tip.live.ok_or_else(|| NumberError::Asked("nothing is asked for now".into()))?;
            RequestFile::new(&tip.deed_id, (tip.seq, &tip.head), &live)
        }
    };
    let intent = request.intent()?;
    // In our own words, from the bytes that are signed.
    let what = operator::consent::describe(&intent);
    let over = intent.over.map(|_| ", over somebody's objection").unwrap_or_default();
    if !asked.sign {
        println!("{} would agree, for +{}, to: {what}{over}", key.name(), intent.number);
        println!("if the owner told you so, in a way that nobody else could, say it again with --sign");
        return Ok(());
    }
    let number = intent.number.to_string();
    let body = Body::Consented { request: request.request()?, intent };
    let proof = signer.prove(&request.deed_id()?, request.as_of()?, &body);
    let changed = submit(&api, &number, &body, &[proof])?;
    let words = format!("agreed, for +{number}, to: {what}{over} (event {})", changed.seq);
    let done = Done { action: "approve", number, done: false, request: changed.request, seq: changed.seq };
    say(asked.json, &done, &words)
}

/// The owner agrees to the live request.
pub(super) fn agree(at: &Where, signing: &Signing) -> Result<(), NumberError> {
    if signing.over.is_some() {
        return Err(NumberError::Asked(
            "--over is said when something is asked for, not when it is agreed to".into(),
        ));
    }
    let mut party = Party::new(at, &signing.owner, signing.with, &signing.key)?;
    let now = party.look(at)?;
    let request = RequestFile::of(&now)
        .ok_or_else(|| NumberError::Asked("there is nothing to agree to: no request is live".into()))?;
    let body = Body::Consented { request: request.request()?, intent: request.intent()? };
    let proofs = party.prove(&now, &body)?;
    let mut changed = submit(&party.api, &now.number, &body, &proofs)?;
    let mut done = false;
    while signing.wait && !done {
        let now = party.look(at)?;
        if now.live.as_ref().is_none_or(|live| Some(&live.request) != changed.request.as_ref()) {
            changed.seq = now.seq;
            done = true;
        } else {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
    let words = match done {
        true => format!("{}: over; `simward number show` says what there is now", request.what),
        false => {
            format!("agreed to {}: event {}; until it is done one veto stops it", request.what, changed.seq)
        }
    };
    let done = Done { action: "agree", number: now.number, done, request: changed.request, seq: changed.seq };
    say(signing.json, &done, &words)
}

/// What a key's voice is taken away from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Voice {
    /// It agrees to nothing any more.
    Consent,
    /// It stops nothing any more.
    Objections,
}

/// Takes a key's voice away.
pub(super) fn silence(at: &Where, name: &str, what: Voice, signing: &Signing) -> Result<(), NumberError> {
    let with = match what {
        // The sheet alone, unless something else is said: the phone adds nothing, and may be the thief's.
        Voice::Consent if signing.with.is_none() && signing.key.is_empty() => Some(super::With::Paper),
        _ => signing.with,
    };
    let mut party = Party::new(at, &signing.owner, with, &signing.key)?;
    let now = party.look(at)?;
    let number = match what {
        Voice::Consent => 1,
        Voice::Objections => 2,
    };
    let body = Body::Held { bits: Vec::new(), silenced: vec![(key_named(&now, name)?, number)], reason: 1 };
    let proofs = party.prove(&now, &body)?;
    let changed = submit(&party.api, &now.number, &body, &proofs)?;
    let words = format!("silenced, for good (event {})", changed.seq);
    let done = Done { action: "silence", number: now.number, done: true, request: None, seq: changed.seq };
    say(signing.json, &done, &words)
}
