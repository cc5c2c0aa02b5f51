//! `simward watch`: follows a log through its tiles, recognises a number's events, and notices a log that forks.

mod finding;
mod history;
mod look;
mod memory;
pub(crate) mod source;
mod tell;

pub(crate) use look::LOOK_AHEAD;
pub(crate) use source::{Http, Source, SourceError, checkpoint, entries};

use self::finding::{Finding, Kind};
use self::history::Histories;
use self::look::{Deed, Watcher};
use self::memory::{Memory, MemoryError};
use self::tell::Channel;
use crate::api::{Api, ApiError};
use crate::owner::{OwnerError, number_in, read_receipt};
use clap::Args as ClapArgs;
use deed::Digest;
use deed::history::Receipt;
use deed::log::policy::Policy;
use deed::manifest::Manifests;
use keys::Secret;
use keys::sign::Host;
use server::deployment::decode_manifests;
use server::view::ManifestView;
use server::{Clock as _, SystemClock};
use std::path::{Path, PathBuf};
use std::time::Duration;
use wire::Msisdn;

/// An alarm that stands is told again after so many seconds.
const TOLD_AGAIN: u64 = 86_400;
/// How often something is tried to be told with --once.
const ATTEMPTS: u32 = 3;

/// Follow a log: tell when an event of a number is logged, and when the log is not one log for everybody.
///
/// It reads the log's tiles, never anything that would tell the log's operator which number is watched. Everything it
/// believes is signed by the log and cosigned by the policy's witnesses, and goes on from what it has seen before.
#[derive(Debug, ClapArgs)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["receipt", "watch_key", "all"])))]
pub(crate) struct Args {
    /// The owner's receipt: the number that is watched.
    #[arg(long, value_name = "FILE", conflicts_with = "watch_key")]
    receipt: Option<PathBuf>,
    /// A file that holds the number's watch key in hexadecimal (or the key itself, which other users of this machine may
    /// then see).
    #[arg(long, value_name = "FILE|HEX")]
    watch_key: Option<String>,
    /// With --watch-key: the number, for what is told.
    #[arg(long, value_name = "NUMBER", requires = "watch_key")]
    number: Option<Msisdn>,
    /// Compare the tags of all leaves. Needs no number; remembers every leaf.
    #[arg(long)]
    all: bool,
    /// The log's URL prefix.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8740/log")]
    log: String,
    /// Whose signatures count (C2SP tlog-policy). Without it, the manifest that the receipt or --root vouches for says.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Digest of the operator's root key, if there is neither a policy nor a receipt.
    #[arg(long, value_name = "HEX")]
    root: Option<String>,
    /// The node's address, for its manifest and for what an event was; by default the log's without `/log`.
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Do not ask the node what an event was.
    #[arg(long)]
    no_history: bool,
    /// How to tell: stdout, command=PROGRAM or webhook=http://…. May be given several times.
    #[arg(long, value_name = "CHANNEL", default_value = "stdout")]
    notify: Vec<Channel>,
    /// What was seen, from one run to the next. Without it, everything is read anew.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Where evidence is kept.
    #[arg(long, value_name = "DIR", default_value = "simward-evidence")]
    evidence: PathBuf,
    /// Look once; exit code 0 only if there was no alarm and everything was told.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    every: u64,
    /// Seconds after which a checkpoint that witnesses saw last is too old.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    stale_after: u64,
    /// On standard output, as JSON lines.
    #[arg(long)]
    json: bool,
}

/// Why a watcher stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    /// The receipt.
    #[error(transparent)]
    Receipt(#[from] OwnerError),
    /// What was remembered.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The log.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The node's manifest.
    #[error("the policy was to come from the node's manifest: {0}; or name one with --policy")]
    Node(#[from] ApiError),
    /// The manifest is not the operator's.
    #[error("the manifest is not vouched for by the root that you have: {0}")]
    Manifest(String),
    /// Nothing says whose signatures count.
    #[error("whose signatures count? Give --policy, --receipt or --root")]
    NoPolicy,
    /// A file.
    #[error("{}: {}", .0.display(), .1)]
    File(PathBuf, String),
    /// An argument.
    #[error("{0}")]
    Argument(&'static str),
    /// Evidence cannot be kept.
    #[error("evidence could not be kept in {}: {}", .0.display(), .1)]
    Evidence(PathBuf, std::io::Error),
    /// Told nobody.
    #[error("not delivered, so nothing was counted as seen: {0}")]
    NotTold(String),
    /// With --once.
    #[error("{0} alarms")]
    Alarms(usize),
}

fn hex32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
    Some(bytes)
}

/// The operator's policy, as the newest manifest under this root has it.
pub(crate) fn policy_of_node(api: &Api, root: &Digest) -> Result<Policy, WatchError> {
    let view: ManifestView = api.get("/v1/manifest", "")?;
    let not = |e: String| WatchError::Manifest(e);
    let bytes = hex::decode(&view.manifests).map_err(|e| not(e.to_string()))?;
    let signed = decode_manifests(&bytes).map_err(|e| not(e.to_string()))?;
    let manifests = Manifests::verify(&Host, root, &signed).map_err(|e| not(e.to_string()))?;
    let newest = manifests.newest().map(|(_, policy)| policy.clone());
    newest.ok_or_else(|| not("there is none".into()))
}

/// A policy from its file.
pub(crate) fn read_policy(path: &Path) -> Result<Policy, WatchError> {
    let bytes = std::fs::read(path).map_err(|e| WatchError::File(path.into(), e.to_string()))?;
    Policy::parse(&bytes).map_err(|e| WatchError::File(path.into(), e.to_string()))
}

/// Everything a watcher goes about with.
struct Setup {
    source: Http,
    watcher: Watcher,
    histories: Option<Histories>,
    memory: Memory,
}

fn set_up(args: &Args) -> Result<Setup, WatchError> {
    let log = args.log.trim_end_matches('/');
    let node = args.node.as_deref().unwrap_or_else(|| log.strip_suffix("/log").unwrap_or(log));
    let api = Api::new(node, "", "", "");
    let receipt =
        args.receipt.as_ref().map(|path| Ok::<_, OwnerError>((read_receipt(path)?, number_in(path)?)));
    let receipt: Option<(Receipt, Msisdn)> = receipt.transpose()?;
    let root = args
        .root
        .as_deref()
        .map(|hex| hex32(hex).ok_or(WatchError::Argument("--root is not 32 octets in hexadecimal")));
    let root = root.transpose()?.or_else(|| receipt.as_ref().map(|(receipt, _)| receipt.root_digest));
    let policy = match (&args.policy, root) {
        (Some(path), _) => read_policy(path)?,
        (None, Some(root)) => policy_of_node(&api, &root)?,
        (None, None) => return Err(WatchError::NoPolicy),
    };
    let deed = match (&receipt, &args.watch_key) {
        (Some((receipt, number)), _) => Some(Deed {
            number: Some(*number),
            watch_key: receipt.watch_key.clone(),
            receipt: Some((receipt.deed_id, receipt.seq, receipt.head)),
        }),
        (None, Some(key)) => Some(Deed { number: args.number, watch_key: read_key(key)?, receipt: None }),
        (None, None) => None,
    };
    let about = about(&policy, deed.as_ref(), args.all);
    let memory = Memory::open(args.state.as_deref(), about, args.all)?;
    let histories =
        receipt.filter(|_| !args.no_history).map(|(receipt, number)| Histories { api, number, receipt });
    let watcher = Watcher { policy, deed, all: args.all, stale_after: args.stale_after };
    Ok(Setup { source: Http::new(log), watcher, histories, memory })
}

/// A watch key, from a file or as it is.
fn read_key(text: &str) -> Result<Secret<[u8; 32]>, WatchError> {
    let key = hex32(text).or_else(|| hex32(&std::fs::read_to_string(text).ok()?));
    let why =
        WatchError::Argument("--watch-key is neither 32 octets in hexadecimal nor a file that holds them");
    key.map(Secret::new).ok_or(why)
}

/// Which log and which number a memory is of, without saying which number.
fn about(policy: &Policy, deed: Option<&Deed>, all: bool) -> String {
    let logs: Vec<String> = policy.logs().iter().map(ToString::to_string).collect();
    let number =
        deed.map(|deed| hex::encode(keys::digest::hmac_sha256(&deed.watch_key, &[b"simward.watch.1"])));
    format!("{} {} {}", logs.join(" "), number.unwrap_or_default(), if all { "all" } else { "" })
}

pub(crate) fn run(args: &Args) -> Result<(), WatchError> {
    let mut setup = set_up(args)?;
    let mut silent_since = None;
    loop {
        let now = SystemClock.now().0;
        let looked = setup.watcher.look(&setup.source, &setup.memory, now);
        match looked {
            Ok(round) => {
                silent_since = None;
                let alarms = setup.take(args, round, now)?;
                if args.once {
                    return if alarms == 0 { Ok(()) } else { Err(WatchError::Alarms(alarms)) };
                }
            }
            Err(error) if args.once => return Err(error.into()),
            Err(error) => {
                tracing::warn!("{error}");
                let since = *silent_since.get_or_insert(now);
                if now.saturating_sub(since) > args.stale_after {
                    let alarm =
                        Finding::alarm("silent", format!("the log cannot be followed any more: {error}"));
                    let kept = setup.memory.kept.clone();
                    setup.take(args, look::Round { kept, findings: vec![alarm], fresh: Vec::new() }, now)?;
                }
            }
        }
        std::thread::sleep(Duration::from_secs(args.every.max(1)));
    }
}

impl Setup {
    /// Tells what was found and only then counts it as seen. How many alarms there are.
    fn take(&mut self, args: &Args, round: look::Round, now: u64) -> Result<usize, WatchError> {
        let look::Round { mut kept, findings, fresh } = round;
        let mut alarms = 0;
        for finding in findings {
            let head = finding.event.and_then(|seq| kept.found.get(&seq)).map(|place| place.head);
            let mut finding = match (&self.histories, head) {
                (Some(histories), Some(head)) if finding.kind == Kind::Event => {
                    histories.explain(finding, &head)
                }
                _ => finding,
            };
            if finding.kind == Kind::Alarm {
                alarms += 1;
                if kept.told.get(&finding.id()).is_some_and(|told| now.saturating_sub(*told) < TOLD_AGAIN) {
                    continue;
                }
                kept.told.insert(finding.id(), now);
            }
            finding.keep(&args.evidence).map_err(|e| WatchError::Evidence(args.evidence.clone(), e))?;
            let attempts = args.once.then_some(ATTEMPTS);
            tell::tell(&args.notify, &finding, args.json, attempts).map_err(WatchError::NotTold)?;
        }
        if kept != self.memory.kept {
            self.memory.advance(kept, &fresh)?;
        }
        Ok(alarms)
    }
}
