//! The committer: one thread that owns the node. Doors ask, it drains what has come, and answers after the write.

use crate::call::CALL;
use crate::node::{Authenticated, Node};
use operator::Refusal;
use operator::auc::Command;
use operator::log::PublicLog;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, oneshot};

/// Most asks in one batch.
const BATCH: usize = 512;
/// Most asks waiting; a door whose ask does not fit is told at once.
const QUEUE: usize = 4_096;

type Job = Box<dyn FnOnce(&mut Node) + Send>;

enum Ask {
    Authenticate(Command, oneshot::Sender<Authenticated>),
    Run(Job),
    Stop,
}

/// Most jobs of the HTTP door waiting: a flood of them must not stand between a phone and its vector.
const JOBS: usize = 64;

/// Most jobs of phones and of the clock waiting; one more waits for its turn instead of being turned away.
const OWN_JOBS: usize = 256;

/// A door's way to the committer.
#[derive(Clone)]
pub struct Handle {
    asks: mpsc::SyncSender<Ask>,
    jobs: Arc<Semaphore>,
    own_jobs: Arc<Semaphore>,
    log: PublicLog,
}

/// The running thread.
pub struct Committer {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Puts a node on a thread of its own.
    pub fn start(node: Node) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let log = node.public_log();
        let thread =
            std::thread::Builder::new().name("committer".into()).spawn(move || run(node, &receiver))?;
        let (jobs, own_jobs) = (Arc::new(Semaphore::new(JOBS)), Arc::new(Semaphore::new(OWN_JOBS)));
        let handle = Handle { asks: sender, jobs, own_jobs, log };
        Ok(Self { handle, thread: Some(thread) })
    }

    /// A way to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Committer {
    /// Lets what is queued finish, then stops.
    fn drop(&mut self) {
        let _ = self.handle.asks.send(Ask::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(mut node: Node, receiver: &mpsc::Receiver<Ask>) {
    while let Ok(first) = receiver.recv() {
        let mut commands = Vec::new();
        let mut replies = Vec::new();
        let mut next = Some(first);
        // Authentications that came together are written together; anything else waits for them and runs alone.
        while let Some(ask) = next.take() {
            match ask {
                Ask::Authenticate(command, reply) => {
                    commands.push(command);
                    replies.push(reply);
                    if commands.len() < BATCH {
                        next = receiver.try_recv().ok();
                    }
                }
                Ask::Run(job) => {
                    answer(&mut node, &mut commands, &mut replies);
                    job(&mut node);
                }
                Ask::Stop => {
                    answer(&mut node, &mut commands, &mut replies);
                    node.write_jotted();
                    return;
                }
            }
        }
        answer(&mut node, &mut commands, &mut replies);
    }
}

fn answer(node: &mut Node, commands: &mut Vec<Command>, replies: &mut Vec<oneshot::Sender<Authenticated>>) {
    if commands.is_empty() {
        return;
    }
    for (reply, answer) in replies.drain(..).zip(node.authenticate(commands)) {
        // A door that has gone away needs no answer.
        let _ = reply.send(answer);
    }
    commands.clear();
}

fn overloaded() -> Refusal {
    Refusal::Broken("too many requests are waiting; try again".into())
}

fn stopped() -> Refusal {
    Refusal::Broken("the node has stopped".into())
}

impl Handle {
    /// What anybody may read of the log, without asking the node.
    pub fn public_log(&self) -> PublicLog {
        self.log.clone()
    }

    /// Asks for an authentication. The ask stands in the queue when this returns, so asks keep the order of the calls;
    /// the future waits for the answer.
    pub fn authenticate(&self, command: Command) -> impl Future<Output = Authenticated> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let queued = self.asks.try_send(Ask::Authenticate(command, reply)).map_err(|_| overloaded());
        async move {
            queued?;
            answer.await.unwrap_or_else(|_| Err(stopped()))
        }
    }

    /// Runs something on the node.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Node) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let _place = self.jobs.try_acquire().map_err(|_| overloaded())?;
        self.put(job).await
    }

    /// The same for phones and the clock: they wait for their turn, whatever strangers ask over HTTP meanwhile.
    pub async fn run_in_turn<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Node) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let _place = self.own_jobs.acquire().await.map_err(|_| stopped())?;
        self.put(job).await
    }

    async fn put<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Node) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        // Whatever a door does for a caller is done on behalf of that call.
        let call = CALL.try_with(Arc::clone).ok();
        let job: Job = Box::new(move |node| {
            let _ = reply.send(match call {
                Some(call) => node.on_behalf(&call, job),
                None => job(node),
            });
        });
        self.asks.try_send(Ask::Run(job)).map_err(|_| overloaded())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// The same, from a thread that may wait.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Node) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply, answer) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |node| {
            let _ = reply.send(job(node));
        });
        self.asks.send(Ask::Run(job)).map_err(|_| stopped())?;
        answer.recv().unwrap_or_else(|_| Err(stopped()))
    }
}
