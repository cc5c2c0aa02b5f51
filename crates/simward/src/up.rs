//! `simward up`: an operator's node.

use clap::Args as ClapArgs;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use server::deployment::PORTAL;
use server::front::Opening;
use server::portal::PortalError;
use server::{
    Committer, Deployment, Making, Node, OutsideWitness, StartError, SystemClock, TestWaits, Witnessing,
};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the node looks after waits, checkpoints and alarms by itself.
const TICK: Duration = Duration::from_secs(1);

/// Run an operator's node; everything on loopback.
///
/// Without a deployment in the folder a test deployment is made there (env 0, three local witnesses unless --witness names
/// others), and everything it says carries "test deed".
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The deployment's folder.
    #[arg(long, value_name = "DIR", default_value = "simward-data")]
    data: PathBuf,
    /// Where the HTTP door listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8740")]
    listen: SocketAddr,
    /// The socket hostapd asks (`eap_sim_db=unix:PATH`); by default DIR/gateway.sock.
    #[arg(long, value_name = "PATH")]
    gateway: Option<PathBuf>,
    /// When a new test deployment is made: waits of two seconds, written into its manifest. Changes nothing later.
    #[arg(long)]
    short_waits: bool,
    /// A witness that somebody else runs (`simward witness`), by its address and its key. May be given several times. When a
    /// deployment is made, these cosign instead of three witnesses in this process; later it changes a witness's address.
    #[arg(long, value_name = "URL=VKEY")]
    witness: Vec<OutsideWitness>,
    /// With --witness: the three witnesses in this process as well.
    #[arg(long, requires = "witness")]
    own_witnesses: bool,
    /// Print the HTTP API's description (OpenAPI 3.1, JSON) and start nothing.
    #[arg(long)]
    openapi: bool,
}

/// Why the node did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpError {
    /// The deployment does not open.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The node does not start.
    #[error(transparent)]
    Node(#[from] operator::Refusal),
    /// A door does not open.
    #[error("cannot listen on {0}: {1}")]
    Door(String, std::io::Error),
    /// The portal does not open.
    #[error(transparent)]
    Portal(#[from] PortalError),
    /// An address beyond this machine: there is no TLS yet.
    #[error("{0} is not a loopback address; without TLS this version serves this machine only")]
    NotLoopback(SocketAddr),
    /// The machine failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

pub(crate) fn run(args: &Args) -> Result<(), UpError> {
    if args.openapi {
        return Ok(writeln!(std::io::stdout(), "{:#}", server::http::description())?);
    }
    if !args.listen.ip().is_loopback() {
        return Err(UpError::NotLoopback(args.listen));
    }
    // This process holds every K: no core dump and no debugger of the same user sees them.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(std::io::Error::from)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &Args) -> Result<(), UpError> {
    let mut rng = seeded()?;
    let waits = if args.short_waits { TestWaits::Short } else { TestWaits::Real };
    let door = |name: String| move |e| UpError::Door(name, e);
    let listener = tokio::net::TcpListener::bind(args.listen).await.map_err(door(args.listen.to_string()))?;
    let port = listener.local_addr()?.port();
    let own = args.own_witnesses || args.witness.is_empty();
    let witnessing = Witnessing { own, outside: args.witness.clone() };
    let deployment = Deployment::open_witnessed(&args.data, Making { waits, port }, &witnessing, &mut rng)?;
    let elsewhere = !deployment.outside.is_empty();
    let move_origin = look_at_pages(&deployment, port);
    let tokens =
        [&deployment.desk_token, &deployment.bureau_token, &deployment.bank_token].map(String::clone);
    let [desk_token, bureau_token, bank_token] = tokens.each_ref().map(String::as_str);
    let gateway = args.gateway.clone().unwrap_or_else(|| args.data.join("gateway.sock"));
    let socket = server::gateway::bind(&gateway).await.map_err(door(gateway.display().to_string()))?;
    let radio = args.data.join("radio.sock");
    let phones = server::radio::bind(&radio).await.map_err(door(radio.display().to_string()))?;
    let node = Node::start(deployment, Arc::new(SystemClock), Arc::new(SystemClock), rng)?;
    let committer = Committer::start(node)?;
    let url = format!("http://{}", listener.local_addr()?);
    server::deployment::write_private(&args.data.join("url"), url.as_bytes())?;
    let mut out = std::io::stdout();
    // In one piece: whoever waits for the first line may not stay for the second.
    let pages = format!("pages http://{PORTAL}:{port} (signing in) and {move_origin} (moving)");
    out.write_all(format!("ready {url} gateway {}\n{pages}\n", gateway.display()).as_bytes())?;
    out.flush()?;
    let here = if elsewhere { "the enforcement point runs" } else { "witnesses and enforcement point run" };
    tracing::info!("test deed: {here} in this process; nothing here is a live number");

    let tokens = args.data.join("tokens.toml");
    let tokens = Some(tokens.as_path());
    let opening = Opening { desk_token, bureau_token, bank_token, tokens, port, move_origin: &move_origin };
    let handle = committer.handle();
    let router = server::front::router(&handle, opening)?;
    let ticks = committer.handle();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = axum::serve(listener, router) => ended?,
        ended = server::gateway::serve(socket, handle.clone()) => ended?,
        ended = server::radio::serve(phones, handle) => ended?,
        () = tick(ticks) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    // The socket goes first: once the folder's lock is free, the name may be a successor's.
    let _ = std::fs::remove_file(&gateway);
    let _ = std::fs::remove_file(&radio);
    // Whoever still waits is told that the node has stopped; what was acknowledged is on disk.
    drop(committer);
    Ok(())
}

/// Where the move page is, and whether this program serves the one that the manifest names.
fn look_at_pages(deployment: &Deployment, port: u16) -> String {
    let site = deployment.move_site();
    let origin = site.and_then(|site| site.origins.first()).cloned().unwrap_or_default();
    if !origin.ends_with(&format!(":{port}")) {
        tracing::warn!(
            "passkeys of this deployment are bound to {origin}; on another port no page of it works"
        );
    }
    if site.is_some_and(|site| site.page_digest != server::move_page::digest()) {
        tracing::warn!("this program's move page is not the one whose digest the manifest has");
    }
    origin
}

async fn tick(handle: server::Handle) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let done = handle.run_in_turn(|node| {
            node.tick();
            Ok(())
        });
        if let Err(refusal) = done.await {
            tracing::warn!(%refusal, "tick");
        }
    }
}

/// A generator seeded by the system.
pub(crate) fn seeded() -> std::io::Result<ChaCha20Rng> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(std::io::Error::other)?;
    Ok(ChaCha20Rng::from_seed(seed))
}
