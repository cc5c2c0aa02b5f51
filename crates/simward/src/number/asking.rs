//! An owner asks in the owner's own name, with whichever keys are at hand, and says what became of it.

use super::change::digest;
use super::key_file::KeyFile;
use super::request_file::RequestFile;
use super::{NumberError, Where, With, show, token_of};
use crate::api::{Api, ApiError};
use crate::owner::Owner;
use clap::{Args as ClapArgs, ValueEnum};
use deed::Digest;
use deed::event::{AsOf, Body, Proof};
use deed::intent::{Change, Intent};
use deed::record::{FactorId, Place, Purpose};
use deed::signer::{RawSigner, SignStatement};
use serde::Serialize;
use server::view::{ChangedView, NumberView, StatementBody};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a request stays open that keys in two places sign.
const OPEN_FOR: u64 = 3 * 86_400;
/// And one that fewer sign, whose wait may be seven days.
const OPEN_FOR_LONGER: u64 = 9 * 86_400;
/// How often it is looked whether a request is done.
const LOOK: Duration = Duration::from_millis(200);

/// Who signs, and what is done with the request.
#[derive(Debug, ClapArgs)]
pub(super) struct Signing {
    /// The owner's folder.
    #[arg(long, value_name = "DIR")]
    pub(super) owner: PathBuf,
    /// Which of the owner's keys agree; both, unless --key names others.
    #[arg(long, value_enum)]
    pub(super) with: Option<With>,
    /// A further key of the owner's that agrees, from its file. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Vec<PathBuf>,
    /// Ask over the objections of this place. It takes longer, and more keys.
    #[arg(long, value_enum)]
    pub(super) over: Option<Over>,
    /// Write the request there, for others who must sign it too (`simward number approve`).
    #[arg(long, value_name = "FILE")]
    pub(super) request: Option<PathBuf>,
    /// Return only when it is done.
    #[arg(long)]
    pub(super) wait: bool,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Whose objections a request may go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Over {
    /// The phone's.
    Phone,
    /// A key's that is elsewhere.
    Elsewhere,
    /// The trusted people's.
    People,
    /// The operator's.
    Operator,
}

impl Over {
    const fn place(self) -> Place {
        match self {
            Self::Phone => Place::Phone,
            Self::Elsewhere => Place::Elsewhere,
            Self::People => Place::People,
            Self::Operator => Place::Operator,
        }
    }
}

/// What a command has done, for machines.
#[derive(Debug, Serialize)]
pub(super) struct Done<'a> {
    /// What it was.
    pub(super) action: &'a str,
    /// On which number.
    pub(super) number: String,
    /// Whether it is so already; otherwise it waits, and one veto stops it.
    pub(super) done: bool,
    /// Head of the live request.
    pub(super) request: Option<String>,
    /// Newest event.
    pub(super) seq: u64,
}

/// Says it, in words or as JSON.
pub(super) fn say(json: bool, done: &Done<'_>, words: &str) -> Result<(), NumberError> {
    if json {
        println!("{}", serde_json::to_string(done).map_err(|e| ApiError::Answer(e.to_string()))?);
    } else {
        println!("{words}");
    }
    Ok(())
}

/// Hands a statement in. Its signatures are the authority, so it needs no token.
pub(super) fn submit(
    api: &Api,
    number: &str,
    body: &Body,
    proofs: &[Proof],
) -> Result<ChangedView, NumberError> {
    let statement = StatementBody {
        kind: body.kind(),
        body: hex::encode(body.encode()),
        proofs: proofs.iter().map(|proof| hex::encode(proof.encode())).collect(),
    };
    Ok(api.post(&format!("/v1/numbers/{number}/statements"), "", &statement)?)
}

/// An owner with keys at hand.
pub(super) struct Party {
    pub(super) owner: Owner,
    pub(super) api: Api,
    token: String,
    with: Option<With>,
    further: Vec<RawSigner>,
}

impl Party {
    pub(super) fn new(
        at: &Where,
        folder: &Path,
        with: Option<With>,
        further: &[PathBuf],
    ) -> Result<Self, NumberError> {
        let owner = Owner::load(folder)?;
        let api = Api::of_folder(&at.data)?;
        let mut signers = Vec::new();
        for path in further {
            let signer = KeyFile::load(path)?.signer();
            if signer.factor().purpose == Purpose::Guardian {
                let path = path.display();
                return Err(NumberError::Asked(format!(
                    "{path} is a trusted person's key; that person signs with `simward number approve`"
                )));
            }
            signers.push(signer);
        }
        let with = if signers.is_empty() { Some(with.unwrap_or(With::Both)) } else { with };
        Ok(Self { token: token_of(&owner), owner, api, with, further: signers })
    }

    /// The number as its pin has it.
    pub(super) fn look(&self, at: &Where) -> Result<NumberView, NumberError> {
        Ok(show(&self.api, &at.number, &self.token)?)
    }

    /// Every key at hand signs, by what the number shows.
    pub(super) fn prove(&mut self, number: &NumberView, body: &Body) -> Result<Vec<Proof>, NumberError> {
        let as_of = AsOf { seq: number.seq, head: digest(&number.head)? };
        let deed_id = self.owner.receipt.deed_id;
        let mut proofs = Vec::new();
        if matches!(self.with, Some(With::Phone | With::Both)) {
            proofs.push(self.owner.passkey.prove(&deed_id, as_of, body));
        }
        if matches!(self.with, Some(With::Paper | With::Both)) {
            proofs.push(self.owner.sheet().prove(&deed_id, as_of, body));
        }
        proofs.extend(self.further.iter_mut().map(|signer| signer.prove(&deed_id, as_of, body)));
        Ok(proofs)
    }

    /// Whether exactly one key signs: some statements take one.
    pub(super) fn one_key(&self) -> bool {
        let own = usize::from(self.with.is_some()) + usize::from(self.with == Some(With::Both));
        own + self.further.len() == 1
    }

    fn open_for(&self) -> u64 {
        if self.with == Some(With::Both) { OPEN_FOR } else { OPEN_FOR_LONGER }
    }
}

/// Asks for a change: one event with every signature on it.
pub(super) fn ask(
    at: &Where,
    signing: &Signing,
    action: &str,
    change: impl FnOnce(&NumberView) -> Result<Change, NumberError>,
    new: &mut [&mut dyn SignStatement],
    is_done: impl Fn(&NumberView) -> bool,
) -> Result<NumberView, NumberError> {
    let mut party = Party::new(at, &signing.owner, signing.with, &signing.key)?;
    let before = party.look(at)?;
    let body = Body::Requested {
        intent: Intent {
            change: change(&before)?,
            number: at.number,
            not_before: before.witnessed,
            expiry: before.witnessed + party.open_for(),
            over: signing.over.map(Over::place),
        },
    };
    let mut proofs = party.prove(&before, &body)?;
    let as_of = AsOf { seq: before.seq, head: digest(&before.head)? };
    for signer in new.iter_mut() {
        proofs.push(signer.prove(&party.owner.receipt.deed_id, as_of, &body));
    }
    let changed = submit(&party.api, &before.number, &body, &proofs)?;
    let mut now = party.look(at)?;
    if let (Some(path), Some(file)) = (&signing.request, RequestFile::of(&now)) {
        file.save(path)?;
    }
    if signing.wait {
        now = wait_for(&party, at, &is_done)?;
    }
    let done = is_done(&now);
    let words = match (done, &signing.request) {
        (true, _) => format!("{action}: done"),
        (false, Some(file)) => format!(
            "{action}: asked for; others sign it with `simward number approve --request {}`; until it is done one veto \
             stops it",
            file.display()
        ),
        (false, None) => {
            format!(
                "{action}: asked for; it takes effect once its wait has passed; until then one veto stops it"
            )
        }
    };
    let request = changed.request;
    say(signing.json, &Done { action, number: now.number.clone(), done, request, seq: now.seq }, &words)?;
    Ok(now)
}

/// Returns when the request is done; an error if it ended otherwise.
fn wait_for(
    party: &Party,
    at: &Where,
    done: impl Fn(&NumberView) -> bool,
) -> Result<NumberView, NumberError> {
    loop {
        let now = party.look(at)?;
        if done(&now) {
            return Ok(now);
        }
        if now.live.is_none() {
            return Err(NumberError::Asked(
                "the request has ended without a change: somebody stopped it".into(),
            ));
        }
        std::thread::sleep(LOOK);
    }
}

/// The key of the number whose name begins so.
pub(super) fn key_named(number: &NumberView, beginning: &str) -> Result<FactorId, NumberError> {
    let mut found = number.factors.iter().filter(|factor| factor.id.starts_with(&beginning.to_lowercase()));
    match (found.next(), found.next()) {
        (Some(factor), None) if !beginning.is_empty() => Ok(FactorId(digest(&factor.id)? as Digest)),
        (None, _) => Err(NumberError::Asked(format!(
            "no key of this number has a name that begins with {beginning}; `simward number show` lists them"
        ))),
        _ => Err(NumberError::Asked(format!(
            "more than one key's name begins with {beginning:?}; write more of it"
        ))),
    }
}
