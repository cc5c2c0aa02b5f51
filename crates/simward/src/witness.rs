//! `simward witness`: a witness of transparency logs, for anybody to run.

use crate::random::system;
use clap::Args as ClapArgs;
use deed::log::LogError;
use deed::log::note::{TYPE_ED25519, VerifierKey};
use deed::log::policy::Policy;
use server::SystemClock;
use server::witness::{WitnessError, WitnessFolder, door};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Run a witness: it cosigns a log's checkpoint only if that goes on from everything it has cosigned before.
///
/// It makes its own key on first use and prints it as a verifier key, which a log's operator writes into the policy. Each log
/// it may witness is named here. It speaks C2SP tlog-witness, without TLS: a proxy in front of it may add that. What it
/// serves is public and signed, so nothing is lost but secrecy of who asks.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The witness's folder: its key, and the newest checkpoint it has cosigned of each log.
    #[arg(long, value_name = "DIR", default_value = "simward-witness")]
    data: PathBuf,
    /// A policy file (C2SP tlog-policy) whose logs are witnessed. May be given several times.
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// A log's verifier key, its name being the log's origin. May be given several times.
    #[arg(long, value_name = "VKEY")]
    log: Vec<String>,
    /// The name it signs with, given once, best a URL without its scheme that is yours. By default made from its key.
    #[arg(long)]
    name: Option<String>,
    /// Where it listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8750")]
    listen: SocketAddr,
}

/// Why a witness did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] WitnessError),
    /// A policy file.
    #[error("{}: {}", .0.display(), .1)]
    Policy(PathBuf, String),
    /// A log's key.
    #[error("--log {0}: {1}")]
    Key(String, LogError),
    /// The door does not open.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The machine failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn logs(args: &Args) -> Result<Vec<VerifierKey>, RunError> {
    let mut logs = Vec::new();
    for path in &args.policy {
        let bytes = std::fs::read(path).map_err(|e| RunError::Policy(path.clone(), e.to_string()))?;
        let policy = Policy::parse(&bytes).map_err(|e| RunError::Policy(path.clone(), e.to_string()))?;
        logs.extend_from_slice(policy.logs());
    }
    for text in &args.log {
        let key = VerifierKey::parse(text).map_err(|e| RunError::Key(text.clone(), e))?;
        if key.kind != TYPE_ED25519 {
            return Err(RunError::Key(text.clone(), LogError("not a log's key (type 0x01)")));
        }
        logs.push(key);
    }
    Ok(logs)
}

pub(crate) fn run(args: &Args) -> Result<(), RunError> {
    let witness = WitnessFolder::open(&args.data, args.name.as_deref(), logs(args)?, &mut system()?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(args, witness))
}

async fn serve(args: &Args, witness: WitnessFolder) -> Result<(), RunError> {
    let listener =
        tokio::net::TcpListener::bind(args.listen).await.map_err(|e| RunError::Listen(args.listen, e))?;
    let ready = format!("ready http://{} witness {}\n", listener.local_addr()?, witness.vkey());
    let router = door::router(Arc::new(witness), Arc::new(SystemClock));
    let mut out = std::io::stdout();
    out.write_all(ready.as_bytes())?;
    out.flush()?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = axum::serve(listener, router) => ended?,
        // What was answered is on disk; what was not, nobody has.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
