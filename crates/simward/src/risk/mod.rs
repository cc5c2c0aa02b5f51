//! `simward risk`: the rules of caution: looked at, checked, compared, replayed, tried, and put in force by two offices.

mod backtest;

use crate::api::{Api, ApiError};
use clap::{Args as ClapArgs, Subcommand};
use deed::manifest::RoleKind;
use deed::signer::RoleSigner;
use keys::Secret;
use keys::sign::Ed25519Key;
use operator::risk::{RuleSet, message};
use server::http::risk::{
    AllRulesView, ApprovalBody, ApprovedView, AsideBody, DoneView, RulesBody, RulesView,
};
use std::path::{Path, PathBuf};
use wire::Msisdn;

/// The rules that come with this program.
const FIRST: &str = include_str!("../../../operator/rules/caution-1.toml");

/// Where the node is.
#[derive(Debug, ClapArgs)]
pub(crate) struct Node {
    /// The node's data folder: its address and tokens stand there.
    #[arg(long, value_name = "DIR", default_value = "simward-data")]
    data: PathBuf,
}

/// Rules of caution: they make codes and changes wait longer, and decide nothing.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the rules that come with this program, to begin with.
    Show,
    /// Say whether a file of rules is one, and which version.
    Check {
        /// The file.
        #[arg(value_name = "FILE")]
        rules: PathBuf,
    },
    /// Say what one file of rules says otherwise than another.
    Diff {
        /// The older.
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The newer.
        #[arg(value_name = "NEW")]
        new: PathBuf,
    },
    /// Replay rules over stored timelines, beside the node: what they would have held, whom, and for which rule.
    Backtest(backtest::Args),
    /// Propose rules, to be signed by two offices.
    Propose {
        /// The file.
        #[arg(value_name = "FILE")]
        rules: PathBuf,
        #[command(flatten)]
        node: Node,
    },
    /// Sign rules as an office's desk. With the second office's signature they are in force.
    Approve {
        /// The file, octet for octet as it was proposed.
        #[arg(value_name = "FILE")]
        rules: PathBuf,
        /// The desk's key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Its office, as the manifest has it.
        #[arg(long, value_name = "N")]
        office: u64,
        #[command(flatten)]
        node: Node,
    },
    /// Put rules on trial beside those in force, end the trial, or count what they would have done.
    Shadow {
        /// The file to try.
        #[arg(value_name = "FILE", conflicts_with = "end")]
        rules: Option<PathBuf>,
        /// End the trial.
        #[arg(long)]
        end: bool,
        #[command(flatten)]
        node: Node,
    },
    /// Show what is in force, proposed and on trial.
    Active {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        node: Node,
    },
    /// Let a reason not count for a number, for thirty days at most. Its owner sees it.
    Aside {
        /// The number.
        number: Msisdn,
        /// The rule's id.
        #[arg(long, value_name = "ID")]
        rule: String,
        /// For so many days.
        #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=30))]
        days: u64,
        #[command(flatten)]
        node: Node,
    },
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RiskError {
    /// The node.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A file.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// A file that is no rules.
    #[error("{0}: {1}")]
    Rules(String, String),
    /// A file that is no key.
    #[error("{0}: not a key: 64 hexadecimal digits")]
    Key(String),
    /// The stored timelines.
    #[error(transparent)]
    Stored(#[from] server::StartError),
    /// The same, later.
    #[error(transparent)]
    Store(#[from] operator::store::Broken),
    /// A time that is none.
    #[error(transparent)]
    Time(#[from] wire::Malformed),
    /// The screen, say.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads rules, octets and all.
fn read(path: &Path) -> Result<(String, RuleSet), RiskError> {
    let text = std::fs::read_to_string(path).map_err(|e| RiskError::File(path.display().to_string(), e))?;
    let rules =
        RuleSet::parse(text.as_bytes()).map_err(|why| RiskError::Rules(path.display().to_string(), why))?;
    Ok((text, rules))
}

pub(crate) fn run(command: Command) -> Result<(), RiskError> {
    match command {
        Command::Show => print!("{FIRST}"),
        Command::Check { rules } => {
            let (_, rules) = read(&rules)?;
            let (n, digest) = (rules.rules().len(), hex::encode(rules.digest()));
            println!("version {}, {n} rules, sha256 {digest}", rules.version());
        }
        Command::Diff { old, new } => {
            let (old, new) = (read(&old)?.1, read(&new)?.1);
            println!("version {} to version {}", old.version(), new.version());
            old.diff(&new).iter().for_each(|line| println!("{line}"));
        }
        Command::Backtest(args) => backtest::run(&args)?,
        Command::Propose { rules, node } => {
            let (text, _) = read(&rules)?;
            let api = Api::of_folder(&node.data)?;
            let view: RulesView = api.post("/v1/risk/proposal", &api.desk, &RulesBody { rules: text })?;
            println!("version {} is proposed, sha256 {}", view.version, view.digest);
            println!("two offices sign it: simward risk approve FILE --office N --key KEY");
        }
        Command::Approve { rules, key, office, node } => approve(&rules, &key, office, &node)?,
        Command::Shadow { rules: None, end: false, node } => backtest::tried(&node.data)?,
        Command::Shadow { rules, node, .. } => {
            let text = rules.as_deref().map(read).transpose()?.map(|(text, _)| text).unwrap_or_default();
            let api = Api::of_folder(&node.data)?;
            let said = if text.is_empty() { "the trial is over" } else { "on trial: written down, not done" };
            let _: DoneView = api.post("/v1/risk/trial", &api.desk, &RulesBody { rules: text })?;
            println!("{said}");
        }
        Command::Active { json, node } => active(json, &node)?,
        Command::Aside { number, rule, days, node } => {
            let api = Api::of_folder(&node.data)?;
            let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
            let body = AsideBody { rule, until: now + days * 86_400 };
            let _: DoneView = api.post(&format!("/v1/numbers/{number}/risk/aside"), &api.desk, &body)?;
            println!("{} does not count for {days} days; the owner sees that", body.rule);
        }
    }
    Ok(())
}

fn approve(rules: &Path, key: &Path, office: u64, node: &Node) -> Result<(), RiskError> {
    let (text, rules) = read(rules)?;
    let hexadecimal =
        std::fs::read_to_string(key).map_err(|e| RiskError::File(key.display().to_string(), e))?;
    let mut seed = [0; 32];
    hex::decode_to_slice(hexadecimal.trim(), &mut seed)
        .map_err(|_| RiskError::Key(key.display().to_string()))?;
    let signer = RoleSigner::new(RoleKind::Desk, office, Ed25519Key::from_seed(&Secret::new(seed)));
    let body = ApprovalBody {
        digest: hex::encode(rules.digest()),
        role: hex::encode(signer.role.id()),
        signature: hex::encode(signer.sign(&message(text.as_bytes()))),
    };
    let api = Api::of_folder(&node.data)?;
    let ApprovedView { active } = api.post("/v1/risk/approval", &api.desk, &body)?;
    if active {
        println!("version {} is in force", rules.version());
    } else {
        println!("office {office} has signed; one more office is needed");
    }
    Ok(())
}

fn active(json: bool, node: &Node) -> Result<(), RiskError> {
    let api = Api::of_folder(&node.data)?;
    let all: AllRulesView = api.get("/v1/risk", &api.desk)?;
    if json {
        println!("{}", serde_json::to_string(&all).map_err(|e| ApiError::Answer(e.to_string()))?);
        return Ok(());
    }
    for (what, view) in [("in force", all.active), ("proposed", all.proposed), ("on trial", all.trial)] {
        match view {
            None => println!("{what:<9} nothing"),
            Some(RulesView { version, digest, offices, .. }) => {
                println!("{what:<9} version {version}, sha256 {digest}, signed by offices {offices:?}");
            }
        }
    }
    Ok(())
}
