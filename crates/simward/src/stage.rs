//! A stage: a real node in a folder, its doors, and clocks that the demo and measurements move.
//!
//! Waits are the real ones; only the clocks are ours, because nobody would watch a play for a day. A node that runs by
//! `simward up` has no such thing: there is no flag, variable or endpoint that moves time.

use crate::api::Api;
use crate::up::seeded;
use server::deployment::ORIGIN;
use server::front::Opening;
use server::{Clock, Committer, Deployment, Handle, Node, TestWaits};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;
use wire::UnixTime;

/// A clock that stands until it is moved. Every third of those who look at it can be told another time.
#[derive(Debug)]
pub(crate) struct Stepped {
    time: AtomicU64,
    ahead: AtomicU64,
    looks: AtomicU64,
}

impl Stepped {
    /// At a time.
    pub(crate) fn at(time: u64) -> Arc<Self> {
        Arc::new(Self { time: AtomicU64::new(time), ahead: AtomicU64::new(0), looks: AtomicU64::new(0) })
    }

    /// What it says to whoever tells the truth.
    fn time(&self) -> u64 {
        self.time.load(Ordering::SeqCst)
    }

    /// From now on one of three witnesses is so far ahead.
    pub(crate) fn one_of_three_is_ahead(&self, seconds: u64) {
        self.looks.store(0, Ordering::SeqCst);
        self.ahead.store(seconds, Ordering::SeqCst);
    }

    /// Sets it, forwards or back.
    pub(crate) fn set(&self, time: u64) {
        self.time.store(time, Ordering::SeqCst);
    }
}

impl Clock for Stepped {
    fn now(&self) -> UnixTime {
        let third = self.looks.fetch_add(1, Ordering::SeqCst).is_multiple_of(3);
        UnixTime(self.time() + if third { self.ahead.load(Ordering::SeqCst) } else { 0 })
    }
}

/// A node in a folder, with its doors open.
pub(crate) struct Stage {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The operator's machine's clock.
    pub(crate) node_clock: Arc<Stepped>,
    /// The witnesses' clocks.
    pub(crate) witness_clock: Arc<Stepped>,
    running: Option<Running>,
}

struct Running {
    committer: Committer,
    runtime: Runtime,
    api: Api,
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl Stage {
    /// Sets up a deployment and opens its doors.
    pub(crate) fn open(folder: &Path, start: u64) -> io::Result<Self> {
        Self::with_clocks(folder, Stepped::at(start), Stepped::at(start))
    }

    /// The same, with one clock for the operator and its witnesses.
    #[cfg(all(test, feature = "danger_switches"))]
    pub(crate) fn open_with_one_clock(folder: &Path, start: u64) -> io::Result<Self> {
        let clock = Stepped::at(start);
        Self::with_clocks(folder, clock.clone(), clock)
    }

    fn with_clocks(folder: &Path, node_clock: Arc<Stepped>, witness_clock: Arc<Stepped>) -> io::Result<Self> {
        let mut stage = Self { folder: folder.to_path_buf(), node_clock, witness_clock, running: None };
        stage.start()?;
        Ok(stage)
    }

    /// Where phones ask.
    pub(crate) fn gateway(&self) -> PathBuf {
        self.folder.join("gateway.sock")
    }

    /// Where phones attach.
    pub(crate) fn radio(&self) -> PathBuf {
        self.folder.join("radio.sock")
    }

    /// The deployment's folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("node")
    }

    /// Starts the node; its doors are HTTP on a free loopback port and the gateway's socket.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        let mut rng = seeded()?;
        let deployment = Deployment::open(&self.data(), TestWaits::Real, &mut rng).map_err(other)?;
        let tokens =
            [&deployment.desk_token, &deployment.bureau_token, &deployment.bank_token].map(String::clone);
        let [desk_token, bureau_token, bank_token] = tokens.each_ref().map(String::as_str);
        let node = Node::start(deployment, self.node_clock.clone(), self.witness_clock.clone(), rng)
            .map_err(other)?;
        let committer = Committer::start(node)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (gateway, handle) = (self.gateway(), committer.handle());
        let radio = self.radio();
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            let opening = Opening {
                desk_token,
                bureau_token,
                bank_token,
                tokens: None,
                port: address.port(),
                move_origin: ORIGIN,
            };
            let router = server::front::router(&handle, opening).map_err(other)?;
            let socket = server::gateway::bind(&gateway).await?;
            tokio::spawn(async move { axum::serve(listener, router).await });
            let phones = server::radio::bind(&radio).await?;
            tokio::spawn(server::gateway::serve(socket, handle.clone()));
            tokio::spawn(server::radio::serve(phones, handle));
            io::Result::Ok(address)
        })?;
        let api = Api::new(&format!("http://{address}"), desk_token, bureau_token, bank_token);
        self.running = Some(Running { committer, runtime, api });
        Ok(())
    }

    /// Stops it: doors first, then the thread that writes.
    pub(crate) fn stop(&mut self) {
        if let Some(Running { committer, runtime, .. }) = self.running.take() {
            runtime.shutdown_background();
            drop(committer);
        }
    }

    /// The node's HTTP door.
    pub(crate) fn api(&self) -> io::Result<&Api> {
        self.running.as_ref().map(|r| &r.api).ok_or_else(|| other("the node is not running"))
    }

    /// The node itself, for what the operator's own process does.
    pub(crate) fn handle(&self) -> io::Result<Handle> {
        self.running.as_ref().map(|r| r.committer.handle()).ok_or_else(|| other("the node is not running"))
    }

    /// Lets the node do what it does by itself every second.
    pub(crate) fn tick(&self) -> io::Result<()> {
        let tick = |node: &mut Node| {
            node.tick();
            Ok(())
        };
        self.handle()?.run_blocking(tick).map_err(other)
    }

    /// True time.
    pub(crate) fn now(&self) -> u64 {
        self.witness_clock.time()
    }

    /// Moves every clock forward.
    pub(crate) fn advance(&self, seconds: u64) {
        self.witness_clock.set(self.now() + seconds);
        self.node_clock.set(self.node_clock.now().0 + seconds);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop();
    }
}
