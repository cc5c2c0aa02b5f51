//! The radio door: a serving network in miniature. A phone attaches by a real AKA of its card, and gets its messages.
//!
//! The frames are [`wire::radio`]'s over a Unix socket: what stands between card and authentication centre is ours, what the
//! two say is the standards'. RES is compared here, as a serving network does, in the same time whatever it is.

use crate::committer::Handle;
use operator::Refusal;
use operator::auc::{Command, Reply};
use operator::presence::{Away, Seen};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use wire::gateway::Quintuplet;
use wire::radio::{Downlink, MAX_FRAME, Uplink};
use wire::sms::{Cause, Relay};
use wire::{Imsi, Malformed};

/// Phones at once.
const PHONES: usize = 4_096;
/// How long a phone may take over one step of attaching.
const PATIENCE: Duration = Duration::from_secs(30);
/// After a phone could not be let in.
const AGAIN: Duration = Duration::from_secs(1);
/// Frames that wait for a phone that does not read.
const QUEUE: usize = 128;

/// Binds the socket, for this user alone. One left behind by a process that is gone is replaced.
pub async fn bind(path: &Path) -> io::Result<UnixListener> {
    if path.exists() {
        if UnixStream::connect(path).await.is_ok() {
            let text = format!("{} is answered by another process", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves for as long as the node runs; no phone ends the loop.
pub async fn serve(listener: UnixListener, handle: Handle) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(PHONES));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No descriptor left, say: that passes, and the phones that are served stay served.
                tracing::error!(%error, "a phone could not be let in");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        let handle = handle.clone();
        tokio::spawn(async move {
            let _place = place;
            if let Err(gone) = phone(stream, &handle).await {
                tracing::debug!(%gone, "a phone is gone");
            }
        });
    }
}

fn malformed(malformed: Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, malformed)
}

/// Frames as they come. Whoever stops waiting for one loses nothing of it: what has come stays in the buffer.
struct Frames {
    half: OwnedReadHalf,
    buffer: Vec<u8>,
}

impl Frames {
    const fn new(half: OwnedReadHalf) -> Self {
        Self { half, buffer: Vec::new() }
    }

    /// The frame that the buffer begins with.
    fn take(&mut self) -> io::Result<Option<Uplink>> {
        let Some((length, rest)) = self.buffer.split_first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > MAX_FRAME {
            return Err(malformed(Malformed::new("radio frame", "longer than frames are")));
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let frame = Uplink::parse(frame).map_err(malformed)?;
        self.buffer.drain(..length + 2);
        Ok(Some(frame))
    }

    async fn next(&mut self) -> io::Result<Uplink> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            if self.half.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn soon(&mut self) -> io::Result<Uplink> {
        tokio::time::timeout(PATIENCE, self.next()).await.map_err(|_| io::ErrorKind::TimedOut)?
    }
}

async fn send(to: &mut OwnedWriteHalf, frame: &Downlink) -> io::Result<()> {
    let bytes = frame.to_bytes().map_err(malformed)?;
    tokio::time::timeout(PATIENCE, to.write_all(&bytes)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// One phone, from its attach to its end.
async fn phone(stream: UnixStream, handle: &Handle) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut from = Frames::new(from);
    let Uplink::Attach { imsi, imei, plmn, area } = from.soon().await? else {
        return Err(malformed(Malformed::new("radio frame", "no attach first")));
    };
    let at = handle.run_in_turn(|node| Ok(node.now())).await.map_err(io::Error::other)?;
    let seen = Seen { imsi, imei, plmn, area, at };
    if let Err((away, why)) = authenticate(&mut from, &mut to, handle, imsi).await? {
        let turned_away = seen.clone();
        let _ = handle.run_in_turn(move |node| node.turned_away(&turned_away, &away)).await;
        return send(&mut to, &Downlink::Reject(why)).await;
    }
    let (link, mut outgoing) = mpsc::channel(QUEUE);
    let token = match handle.run_in_turn(move |node| node.attach(seen, link)).await {
        Ok(token) => token,
        Err(refusal) => return send(&mut to, &Downlink::Reject(refusal.to_string())).await,
    };
    let served = async {
        send(&mut to, &Downlink::Accept).await?;
        if let Err(refusal) = handle.run_in_turn(move |node| node.attached(&imsi)).await {
            tracing::error!(%refusal, "messages could not be tried");
        }
        loop {
            tokio::select! {
                frame = outgoing.recv() => {
                    let Some(frame) = frame else { return Ok(()) };
                    send(&mut to, &frame).await?;
                    if matches!(frame, Downlink::Release(_)) {
                        return Ok(());
                    }
                }
                frame = from.next() => match frame? {
                    Uplink::Relay(relay) => heard(handle, (imsi, token), relay, &mut to).await?,
                    _ => return Err(malformed(Malformed::new("radio frame", "out of place"))),
                },
            }
        }
    };
    let outcome = served.await;
    let _ = handle
        .run_in_turn(move |node| {
            node.detach(&imsi, token);
            Ok(())
        })
        .await;
    outcome
}

/// Why a card is turned away, and in words.
type TurnedAway = (Away, String);

/// AKA as a serving network does it (TS 33.102 §6.3); a card that is ahead is given one more try.
async fn authenticate(
    from: &mut Frames,
    to: &mut OwnedWriteHalf,
    handle: &Handle,
    imsi: Imsi,
) -> io::Result<Result<(), TurnedAway>> {
    let away = |refusal: Refusal| (Away::Refused(refusal.code().into()), refusal.to_string());
    for _ in 0..2 {
        let vector: Box<Quintuplet> = match handle.authenticate(Command::Umts { imsi }).await {
            Ok(Reply::Umts(vector)) => vector,
            Ok(_) => return Ok(Err((Away::Refused("broken".into()), "no vector".into()))),
            Err(refusal) => return Ok(Err(away(refusal))),
        };
        send(to, &Downlink::Challenge { rand: vector.rand, autn: vector.autn }).await?;
        match from.soon().await? {
            Uplink::Response(res) if keys::secret::same(&res, &vector.res) => return Ok(Ok(())),
            Uplink::Response(_) => {
                return Ok(Err((
                    Away::WrongResponse,
                    "the card's answer is wrong: it has another key".into(),
                )));
            }
            Uplink::Resync(auts) => {
                let resync = Command::Resync { imsi, rand: vector.rand, auts };
                if let Err(refusal) = handle.authenticate(resync).await {
                    return Ok(Err(away(refusal)));
                }
            }
            Uplink::Unable(status) => {
                return Ok(Err((Away::Unable(status), format!("the card gives no answer: {status:04x}"))));
            }
            _ => return Err(malformed(Malformed::new("radio frame", "out of place"))),
        }
    }
    Ok(Err((Away::Refused("sqn".into()), "the card's sequence number does not come to rest".into())))
}

/// What a phone that is served says of short messages.
async fn heard(
    handle: &Handle,
    (imsi, token): (Imsi, u64),
    relay: Relay,
    to: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let (reference, stored) = match relay {
        Relay::Ack { reference } => (reference, true),
        Relay::Error { reference, .. } => (reference, false),
        Relay::Data { reference, tpdu, .. } => {
            let answer = match handle.run_in_turn(move |node| node.submit((&imsi, token), &tpdu)).await {
                Ok(_) => Relay::Ack { reference },
                Err(refusal) => Relay::Error { reference, cause: cause(&refusal) },
            };
            return send(to, &Downlink::Relay(answer)).await;
        }
    };
    let noted = handle.run_in_turn(move |node| node.delivered((&imsi, token), reference, stored)).await;
    if let Err(refusal) = noted {
        // It is sent again: twice is better than not at all.
        tracing::error!(%refusal, "a delivery is not in the record");
    }
    Ok(())
}

fn cause(refusal: &Refusal) -> Cause {
    match refusal {
        Refusal::Malformed(_) => Cause::INCORRECT,
        Refusal::Refused { code: "no-number", .. } => Cause::UNASSIGNED_NUMBER,
        _ => Cause::REJECTED,
    }
}
