//! The datagram door: what hostapd's EAP server asks of an external authentication gateway.

use crate::committer::Handle;
use crate::node::Authenticated;
use operator::Refusal;
use operator::auc::{Command, Reply};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixDatagram;
use wire::gateway::{MAX_REQUEST, Request, aka_response, failure, sim_response};

/// Requests answered at the same time.
const AT_ONCE: usize = 1_024;
/// How long a client may take to read its answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// After a datagram could not be received.
const AGAIN: Duration = Duration::from_secs(1);

/// Binds the socket, for this user alone. A socket left behind by a process that is gone is replaced; a living one is
/// left alone and is an error.
pub async fn bind(path: &Path) -> std::io::Result<UnixDatagram> {
    if path.exists() {
        let probe = UnixDatagram::unbound()?;
        if probe.connect(path).is_ok() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::AddrInUse,
                format!("{} is answered by another process", path.display()),
            ));
        }
        std::fs::remove_file(path)?;
    }
    let socket = UnixDatagram::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(socket)
}

/// Serves for as long as the node runs. A malformed datagram is counted and gets no answer; nothing ends the loop.
pub async fn serve(socket: UnixDatagram, handle: Handle) -> std::io::Result<()> {
    let socket = Arc::new(socket);
    let places = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut buffer = [0; MAX_REQUEST + 1];
    loop {
        let (n, from) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::error!(%error, "a datagram could not be received");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let request = match Request::parse(buffer.get(..n).unwrap_or_default()) {
            Ok(request) => request,
            Err(malformed) => {
                tracing::debug!(%malformed, "datagram dropped");
                continue;
            }
        };
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        // Queued here, in the order of the datagrams: hostapd's next request is right behind its AKA-AUTS.
        let asked = handle.authenticate(command(&request));
        let (socket, from) = (socket.clone(), from.as_pathname().map(Path::to_path_buf));
        tokio::spawn(async move {
            let _place = place;
            let Some(answer) = answer(asked.await, &request) else { return };
            let Some(from) = from else { return };
            // Whoever does not read what he asked for must not hold a place for long.
            let sent = tokio::time::timeout(PATIENCE, socket.send_to(answer.as_bytes(), &from)).await;
            if !matches!(sent, Ok(Ok(_))) {
                tracing::debug!("answer not taken");
            }
        });
    }
}

const fn command(request: &Request) -> Command {
    match *request {
        Request::Sim { imsi, max } => Command::Gsm { imsi, count: max },
        Request::Aka { imsi } => Command::Umts { imsi },
        Request::Resync { imsi, auts, rand } => Command::Resync { imsi, rand, auts },
    }
}

fn answer(answer: Authenticated, request: &Request) -> Option<String> {
    match answer {
        Ok(Reply::Gsm(triplets)) => Some(sim_response(request.imsi(), &triplets)),
        Ok(Reply::Umts(quintuplet)) => Some(aka_response(request.imsi(), &quintuplet)),
        Ok(Reply::Resynced) => None,
        Err(refusal) => {
            match &refusal {
                Refusal::Broken(why) => tracing::error!(%why, "authentication failed"),
                _ => tracing::info!(code = refusal.code(), "authentication refused"),
            }
            failure(request)
        }
    }
}
